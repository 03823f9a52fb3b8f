import { encodeDer } from './der-writer.ts'
import { malformed } from './refusal.ts'

const SIZE_LIMIT_BYTES = 262_144
const DEPTH_LIMIT = 32
const OCTET_STRING = 0x04
const CONSTRUCTED = 0x20
const CUT_SHORT = 'the BER value is cut short'

interface Read {
  readonly der: Uint8Array
  readonly end: number
}

/**
 * A BER value with its lengths in the one form of DER and its octet strings in one piece, for the formats of others
 * that are read and never trusted: indefinite lengths are let pass, all else is for the strict reader to refuse.
 * @throws PlatformError INVALID_SEAL
 */
export function berToDer(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength > SIZE_LIMIT_BYTES)
    throw malformed('ber-size', `the BER value is larger than ${SIZE_LIMIT_BYTES} bytes`)
  const { der, end } = readValue(bytes, 0, 1)
  if (end !== bytes.byteLength) throw malformed('ber-trailing', 'bytes stand after the BER value')
  return der
}

function readValue(bytes: Uint8Array, start: number, depth: number): Read {
  if (depth > DEPTH_LIMIT)
    throw malformed('ber-depth', `the BER nests deeper than ${DEPTH_LIMIT} levels`)
  const tag = octet(bytes, start)
  if (tag === 0 || (tag & 0x1f) === 0x1f)
    throw malformed('ber-tag', 'the BER has a tag that is not known')
  const { length, at } = readLength(bytes, start + 1)
  if ((tag & CONSTRUCTED) === 0) {
    if (length === undefined)
      throw malformed('ber-length', 'a primitive BER value has an indefinite length')
    return { der: encodeDer(tag, bytes.subarray(at, at + length)), end: at + length }
  }
  const { parts, end } = readParts(bytes, { at, length }, depth)
  // X.690 §8.7.3: an octet string in pieces is the octets of its pieces
  if (tag === (OCTET_STRING | CONSTRUCTED)) return { der: joinOctets(parts), end }
  return { der: encodeDer(tag, ...parts), end }
}

function readParts(
  bytes: Uint8Array,
  { at, length }: { readonly at: number; readonly length: number | undefined },
  depth: number,
): { readonly parts: readonly Uint8Array[]; readonly end: number } {
  const parts: Uint8Array[] = []
  const stop = length === undefined ? undefined : at + length
  let next = at
  while (stop === undefined ? !isEndOfContents(bytes, next) : next < stop) {
    const { der, end } = readValue(bytes.subarray(0, stop), next, depth + 1)
    parts.push(der)
    next = end
  }
  return { parts, end: stop ?? next + 2 }
}

function isEndOfContents(bytes: Uint8Array, at: number): boolean {
  return octet(bytes, at) === 0 && octet(bytes, at + 1) === 0
}

function joinOctets(parts: readonly Uint8Array[]): Uint8Array {
  const contents = parts.map((part) => {
    if (part[0] !== OCTET_STRING)
      throw malformed('ber-octets', 'an octet string in pieces holds something else')
    const { at } = readLength(part, 1)
    return part.subarray(at)
  })
  return encodeDer(OCTET_STRING, ...contents)
}

function octet(bytes: Uint8Array, at: number): number {
  const value = bytes[at]
  if (value === undefined) throw malformed('ber-truncated', CUT_SHORT)
  return value
}

/** `undefined`: indefinite. */
function readLength(
  bytes: Uint8Array,
  start: number,
): { readonly length: number | undefined; readonly at: number } {
  const first = octet(bytes, start)
  if (first === 0x80) return { length: undefined, at: start + 1 }
  const count = first < 0x80 ? 0 : first & 0x7f
  if (count > 4) throw malformed('ber-length', 'the BER has a length of more than 4 octets')
  let length = first < 0x80 ? first : 0
  for (let i = 1; i <= count; i += 1) length = length * 256 + octet(bytes, start + i)
  const at = start + 1 + count
  if (at + length > bytes.byteLength) throw malformed('ber-truncated', CUT_SHORT)
  return { length, at }
}
