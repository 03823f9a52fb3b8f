import { createPublicKey, type KeyObject } from 'node:crypto'

import { sha256, type Sha256 } from '../model/index.ts'
import {
  DerCursor,
  malformed,
  OID,
  readDer,
  TAG,
  toBitOctets,
  toOid,
  type CurveName,
} from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'

/** A public key that is strong enough to count, with its one encoding. */
export interface PublicKey {
  readonly kind: 'ec' | 'rsa' | 'ed25519'
  readonly curve: CurveName | undefined
  /** Of the SubjectPublicKeyInfo: the fingerprint everywhere. */
  readonly spkiSha256: Sha256
  readonly spki: Uint8Array
  readonly object: KeyObject
}

const CURVES: Readonly<Record<string, CurveName>> = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
}
const POINT_BYTES: Readonly<Record<CurveName, number>> = { 'P-256': 65, 'P-384': 97, 'P-521': 133 }
const RSA_MIN_BITS = 2_048
/** OpenSSL verifies with no more. Such a key costs about a millisecond a signature. */
const RSA_MAX_BITS = 16_384

/**
 * A SubjectPublicKeyInfo in its one encoding: named curves only (CVE-2020-0601 came of explicit parameters), whole
 * points (a compressed one would be a second fingerprint for one key), RSA of 2,048 to 16,384 bits.
 * @throws PlatformError INVALID_SEAL
 */
export function parsePublicKey(spki: Uint8Array, cache: VerificationCache): PublicKey {
  const spkiSha256 = sha256(spki)
  return cache.parsed('key', spkiSha256, () => {
    const form = parseForm(spki)
    let object: KeyObject
    try {
      object = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
    } catch (cause) {
      throw malformed('public-key', 'the public key cannot be read', cause)
    }
    return { ...form, spkiSha256, spki: Uint8Array.from(spki), object }
  })
}

function parseForm(spki: Uint8Array): { kind: PublicKey['kind']; curve: CurveName | undefined } {
  const cursor = new DerCursor(readDer(spki), TAG.sequence, 'the public key')
  const algorithm = new DerCursor(
    cursor.take(TAG.sequence, 'algorithm'),
    TAG.sequence,
    'the key algorithm',
  )
  const octets = toBitOctets(cursor.take(TAG.bitString, 'key'), 'the public key')
  cursor.end()
  const oid = toOid(algorithm.any())
  const parameters = algorithm.any()
  algorithm.end()
  if (oid === OID.ed25519) {
    if (parameters !== undefined || octets.byteLength !== 32)
      throw malformed('public-key', 'the Ed25519 key has parameters or a wrong length')
    checkEd25519(octets)
    return { kind: 'ed25519', curve: undefined }
  }
  if (oid === OID.rsaEncryption) {
    if (parameters?.tag !== TAG.null)
      throw malformed('public-key', 'the RSA key does not have NULL parameters')
    checkRsa(octets)
    return { kind: 'rsa', curve: undefined }
  }
  if (oid !== OID.ecPublicKey)
    throw malformed('weak-key', `keys of the algorithm \`${oid}\` are not accepted`)
  if (parameters?.tag !== TAG.oid)
    throw malformed('weak-key', 'an elliptic-curve key with explicit parameters is refused')
  const curve = CURVES[toOid(parameters)]
  if (curve === undefined)
    throw malformed('weak-key', `the curve \`${toOid(parameters)}\` is none of P-256, P-384, P-521`)
  if (octets.byteLength !== POINT_BYTES[curve] || octets[0] !== 4)
    throw malformed('public-key', 'the elliptic-curve key is not an uncompressed point')
  return { kind: 'ec', curve }
}

/** y of the points whose order divides 8; all that RFC 8032 §5.1 lets stand for them (Wycheproof, CCTV). */
const ED25519_PRIME = 2n ** 255n - 19n
const SMALL_ORDER: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  ED25519_PRIME - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/** A key of small order verifies signatures that nobody made; one in a second encoding has two fingerprints. */
function checkEd25519(octets: Uint8Array): void {
  const number = BigInt(`0x${Buffer.from(octets).reverse().toString('hex')}`)
  const y = BigInt.asUintN(255, number)
  if (y >= ED25519_PRIME)
    throw malformed('public-key', 'the Ed25519 key is not in its one encoding')
  if (SMALL_ORDER.has(y)) throw malformed('weak-key', 'the Ed25519 key is a point of small order')
}

function checkRsa(octets: Uint8Array): void {
  const cursor = new DerCursor(readDer(octets), TAG.sequence, 'the RSA key')
  const modulus = cursor.take(TAG.integer, 'modulus').content
  const exponent = cursor.take(TAG.integer, 'exponent').content
  cursor.end()
  const bits = toBigInt(modulus).toString(2).length
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS || isNegative(modulus))
    throw malformed(
      'weak-key',
      `an RSA key of ${bits} bits is refused, ${RSA_MIN_BITS} to ${RSA_MAX_BITS} count`,
    )
  const number = toBigInt(exponent)
  if (number < 3n || number % 2n === 0n || exponent.byteLength > 5 || isNegative(exponent))
    throw malformed('weak-key', 'the RSA key has an exponent that is refused')
}

/** Of the content of a DER INTEGER. */
export function isNegative(octets: Uint8Array): boolean {
  return octets.findIndex((octet) => octet >= 0x80) === 0
}

function toBigInt(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`)
}
