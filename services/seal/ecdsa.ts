import { DerCursor } from './der-cursor.ts'
import { readDer, TAG } from './der-reader.ts'
import { integer, sequence } from './der-writer.ts'
import { malformed } from './refusal.ts'

export type CurveName = 'P-256' | 'P-384' | 'P-521'

const ORDERS: Readonly<Record<CurveName, bigint>> = {
  'P-256': 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  'P-384':
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  'P-521':
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
}

/**
 * r and s of a DER ECDSA signature, both in 1..n-1.
 * @throws PlatformError INVALID_SEAL
 */
function parseEcdsa(signature: Uint8Array, curve: CurveName): { r: bigint; s: bigint } {
  const cursor = new DerCursor(readDer(signature), TAG.sequence, 'the ECDSA signature')
  const [r, s] = [cursor.take(TAG.integer, 'r').content, cursor.take(TAG.integer, 's').content]
  cursor.end()
  const order = ORDERS[curve]
  const numbers = { r: toNumber(r), s: toNumber(s) }
  for (const number of [numbers.r, numbers.s]) {
    if (number <= 0n || number >= order)
      throw malformed('signature-form', 'the ECDSA signature is out of range')
  }
  return numbers
}

function toNumber(content: Uint8Array): bigint {
  if ((content[0] ?? 0) >= 0x80) return -1n
  return BigInt(`0x${Buffer.from(content).toString('hex')}`)
}

/** @throws PlatformError INVALID_SEAL where the signature is not canonical DER of two numbers in range */
export function checkEcdsa(signature: Uint8Array, curve: CurveName): void {
  parseEcdsa(signature, curve)
}

/**
 * Anybody can turn the signature (r, s) into the equally valid (r, n - s). Revocation and caches therefore go by
 * the one of the two with the smaller s.
 */
export function lowerTwin(signature: Uint8Array, curve: CurveName): Uint8Array {
  const { r, s } = parseEcdsa(signature, curve)
  const other = ORDERS[curve] - s
  return encodeEcdsa(r, s < other ? s : other)
}

/** The other valid form of the same signature. */
export function otherTwin(signature: Uint8Array, curve: CurveName): Uint8Array {
  const { r, s } = parseEcdsa(signature, curve)
  return encodeEcdsa(r, ORDERS[curve] - s)
}

function encodeEcdsa(r: bigint, s: bigint): Uint8Array {
  return sequence(integer(toMagnitude(r)), integer(toMagnitude(s)))
}

function toMagnitude(number: bigint): Uint8Array {
  const hex = number.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}
