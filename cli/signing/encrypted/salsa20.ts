/**
 * Salsa20's core and XSalsa20's stream (Bernstein: "Salsa20 specification", "Extending the Salsa20 nonce"), which
 * node:crypto does not have. Only for opening cosign's key files: small inputs, read once, on the owner's machine.
 */

const BLOCK_BYTES = 64
const SIGMA = Buffer.from('expand 32-byte k', 'latin1')
/** Where HSalsa20 takes its key from the state: the diagonal and the input words. */
const HSALSA_WORDS = [0, 5, 10, 15, 6, 7, 8, 9]

/** The quarter rounds of one double round, as positions (columns, then rows). */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const

/** The 20 rounds over 16 words, in place, without the final addition. */
function permute(words: Uint32Array): void {
  const mix = (to: number, a: number, b: number, by: number): void => {
    const sum = ((words[a] ?? 0) + (words[b] ?? 0)) >>> 0
    words[to] = (words[to] ?? 0) ^ ((sum << by) | (sum >>> (32 - by)))
  }
  for (let round = 0; round < 20; round += 2) {
    for (const [a, b, c, d] of QUARTERS) {
      mix(b, a, d, 7)
      mix(c, b, a, 9)
      mix(d, c, b, 13)
      mix(a, d, c, 18)
    }
  }
}

/** The state of 16 words: constant on the diagonal, key, and 16 octets of input. */
function toState(key: Uint8Array, input: Uint8Array): Uint32Array {
  const octets = Buffer.concat([
    SIGMA.subarray(0, 4),
    key.subarray(0, 16),
    SIGMA.subarray(4, 8),
    input,
    SIGMA.subarray(8, 12),
    key.subarray(16, 32),
    SIGMA.subarray(12, 16),
  ])
  return Uint32Array.from({ length: 16 }, (_, at) => octets.readUInt32LE(at * 4))
}

function toOctets(words: readonly number[]): Buffer {
  const octets = Buffer.alloc(words.length * 4)
  words.forEach((word, at) => octets.writeUInt32LE(word >>> 0, at * 4))
  return octets
}

function hsalsa20(key: Uint8Array, input: Uint8Array): Buffer {
  const state = toState(key, input)
  permute(state)
  return toOctets(HSALSA_WORDS.map((at) => state[at] ?? 0))
}

/** One block of Salsa20's stream: the permuted state added to the state. */
function salsa20Block(key: Uint8Array, nonce: Uint8Array, counter: number): Buffer {
  const count = Buffer.alloc(8)
  count.writeUInt32LE(counter)
  const state = toState(key, Buffer.concat([nonce, count]))
  const mixed = Uint32Array.from(state)
  permute(mixed)
  return toOctets([...mixed].map((word, at) => word + (state[at] ?? 0)))
}

/** The first `length` octets of XSalsa20's stream for a key of 32 and a nonce of 24 octets. */
export function xsalsa20Stream(key: Uint8Array, nonce: Uint8Array, length: number): Buffer {
  const subkey = hsalsa20(key, nonce.subarray(0, 16))
  const blocks = Array.from({ length: Math.ceil(length / BLOCK_BYTES) }, (_, counter) =>
    salsa20Block(subkey, nonce.subarray(16, 24), counter),
  )
  return Buffer.concat(blocks).subarray(0, length)
}
