import { compareDer, TAG } from './der-reader.ts'

/** Tag, minimal length, content. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return Buffer.concat([Uint8Array.of(tag), encodeLength(length), ...parts])
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return Uint8Array.of(0x80 | octets.length, ...octets)
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return encodeDer(TAG.sequence, ...parts)
}

/** SET OF: sorted as X.690 §11.6 wants. `tag` for an implicitly tagged one. */
export function setOf(parts: readonly Uint8Array[], tag: number = TAG.set): Uint8Array {
  return encodeDer(tag, ...[...parts].sort(compareDer))
}

/** A non-negative INTEGER from its big-endian magnitude. */
export function integer(magnitude: Uint8Array): Uint8Array {
  let start = 0
  while (start < magnitude.byteLength - 1 && magnitude[start] === 0) start += 1
  const digits = magnitude.subarray(start)
  const sign = (digits[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : []
  return encodeDer(TAG.integer, ...sign, digits.byteLength === 0 ? Uint8Array.of(0) : digits)
}

export function smallInteger(value: number): Uint8Array {
  const magnitude = Buffer.alloc(4)
  magnitude.writeUInt32BE(value)
  return integer(magnitude)
}

export function objectIdentifier(dotted: string): Uint8Array {
  const [root = 0n, second = 0n, ...rest] = dotted.split('.').map((arc) => BigInt(arc))
  const octets: number[] = []
  for (const arc of [root * 40n + second, ...rest]) {
    const group = [Number(arc & 0x7fn)]
    for (let more = arc >> 7n; more > 0n; more >>= 7n) group.unshift(Number(more & 0x7fn) | 0x80)
    octets.push(...group)
  }
  return encodeDer(TAG.oid, Uint8Array.from(octets))
}

export function octetString(content: Uint8Array): Uint8Array {
  return encodeDer(TAG.octetString, content)
}

export function derNull(): Uint8Array {
  return encodeDer(TAG.null)
}
