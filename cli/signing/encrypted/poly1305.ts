const PRIME = (1n << 130n) - 5n
/** RFC 8439 §2.5: bits of r that are always clear. */
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn
const TAG_BYTES = 16

/**
 * Poly1305 (RFC 8439 §2.5) under a one-time key of 32 octets. Big numbers take no constant time: whoever could measure
 * it here reads the key file's owner's memory already.
 */
export function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const r = toNumber(key.subarray(0, 16)) & CLAMP
  const s = toNumber(key.subarray(16, 32))
  let sum = 0n
  for (let at = 0; at < message.byteLength; at += 16) {
    const block = message.subarray(at, at + 16)
    sum = ((sum + toNumber(block) + (1n << BigInt(block.byteLength * 8))) * r) % PRIME
  }
  const tag = (sum + s) & ((1n << 128n) - 1n)
  return Buffer.from(tag.toString(16).padStart(TAG_BYTES * 2, '0'), 'hex').reverse()
}

/** Little-endian. */
function toNumber(octets: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(octets).reverse().toString('hex')}`)
}
