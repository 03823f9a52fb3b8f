import {
  constants,
  createECDH,
  createHash,
  createPublicKey,
  publicDecrypt,
  verify,
  type KeyObject,
} from 'node:crypto'

import { checkEcdsa, readDer, type CurveName, type HashName } from '../../seal/index.ts'

/** A signature over a digest whose message nobody has. */
export interface GivenDigest {
  readonly hash: HashName
  readonly digest: Uint8Array
  readonly signature: Uint8Array
}

interface Curve {
  /** OpenSSL's name, as createECDH takes it. */
  readonly name: string
  readonly field: bigint
  readonly order: bigint
  /** Of a coordinate. */
  readonly bytes: number
}

const CURVES: Readonly<Record<'P-256' | 'P-384', Curve>> = {
  'P-256': {
    name: 'prime256v1',
    field: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    bytes: 32,
  },
  'P-384': {
    name: 'secp384r1',
    field: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    bytes: 48,
  },
}

/** DigestInfo up to the digest (RFC 8017 §9.2, note 1). */
const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')

/** Whatever message this is, OpenSSL hashes it; the key is moved by the difference. */
const STAND_IN = Buffer.from('the digest was given, not the message')

/** PKCS #1 v1.5 over a SHA-256: what the key opens must be the one encoding of that digest, compared as bytes. */
export function verifyRsaDigest(key: KeyObject, given: GivenDigest): boolean {
  if (given.hash !== 'sha256') return false
  try {
    const block = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, given.signature)
    return block.equals(Buffer.concat([SHA256_INFO, given.digest]))
  } catch {
    return false
  }
}

/**
 * ECDSA over a digest. Node verifies messages alone, so the equation is moved, exactly: (r, s) holds for the digest e
 * under the key Q if and only if it holds for e' under Q + ((e - e')/r)·G, since s⁻¹(e·G + r·Q) is the same point.
 * OpenSSL verifies; here stands one addition of public points, and a wrong sum lies on no curve.
 */
export function verifyEcdsaDigest(
  key: KeyObject,
  name: 'P-256' | 'P-384',
  given: GivenDigest,
): boolean {
  try {
    checkEcdsa(given.signature, name satisfies CurveName)
    const curve = CURVES[name]
    const r = toNumber(readDer(given.signature).children[0]?.content ?? [])
    const standIn = createHash(given.hash).update(STAND_IN).digest()
    const difference = toNumber(given.digest) - toNumber(standIn)
    const factor = modulo(difference * inverse(r, curve.order), curve.order)
    return verify(given.hash, STAND_IN, moveKey(key, name, factor), given.signature)
  } catch {
    // Not DER, out of range, or a sum that is no key.
    return false
  }
}

/** The public key plus factor·G. */
function moveKey(key: KeyObject, name: 'P-256' | 'P-384', factor: bigint): KeyObject {
  if (factor === 0n) return key
  const curve = CURVES[name]
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point = {
    x: toNumber(Buffer.from(x, 'base64url')),
    y: toNumber(Buffer.from(y, 'base64url')),
  }
  const sum = addPoints(point, multiple(factor, curve), curve.field)
  const encode = (value: bigint): string => toOctets(value, curve.bytes).toString('base64url')
  const jwk = { kty: 'EC', crv: name, x: encode(sum.x), y: encode(sum.y) }
  return createPublicKey({ key: jwk, format: 'jwk' })
}

interface Point {
  readonly x: bigint
  readonly y: bigint
}

/** factor·G, by the curve's own key generation; the factor is no secret. */
function multiple(factor: bigint, curve: Curve): Point {
  const ecdh = createECDH(curve.name)
  ecdh.setPrivateKey(toOctets(factor, curve.bytes))
  const encoded = ecdh.getPublicKey()
  return {
    x: toNumber(encoded.subarray(1, 1 + curve.bytes)),
    y: toNumber(encoded.subarray(1 + curve.bytes)),
  }
}

/** SEC 1 §2.2.1, for points of different x; equal ones meet by a chance of 2⁻²⁵⁵ and have no inverse, so they throw. */
function addPoints(a: Point, b: Point, field: bigint): Point {
  const slope = modulo((b.y - a.y) * inverse(modulo(b.x - a.x, field), field), field)
  const x = modulo(slope * slope - a.x - b.x, field)
  return { x, y: modulo(slope * (a.x - x) - a.y, field) }
}

/** Euclid's. @throws RangeError where there is none */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, value]
  let [before, factor] = [0n, 1n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b] = [b, a - quotient * b]
    ;[before, factor] = [factor, before - quotient * factor]
  }
  if (a !== 1n) throw new RangeError('no inverse')
  return modulo(before, modulus)
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

function toNumber(octets: Uint8Array | readonly number[]): bigint {
  return BigInt(`0x0${Buffer.from(octets).toString('hex')}`)
}

function toOctets(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
}
