import { X509Certificate, createPublicKey, verify, type KeyObject } from 'node:crypto'

import type { Json } from '../../model/index.ts'
import type { HashName } from '../../seal/index.ts'
import { toBytes, toMembers, toText } from '../members.ts'
import { refuse } from '../refusal.ts'
import { verifyEcdsaDigest, verifyRsaDigest } from './prehashed.ts'

/** What a keyDetails of Sigstore's says of a key, and nothing is left to choose. */
interface Details {
  readonly type: 'ec' | 'rsa' | 'ed25519'
  readonly hash: HashName
  /** OpenSSL's name of the curve, or the bits of the modulus. */
  readonly size: string | number
  readonly curve?: 'P-256' | 'P-384'
}

const rsa = (size: number): Details => ({ type: 'rsa', hash: 'sha256', size })

/** Rekor's registry without what Node cannot do (Ed25519ph) and P-521, which the prehashed form leaves out. */
const DETAILS: Readonly<Record<string, Details>> = {
  PKIX_ECDSA_P256_SHA_256: { type: 'ec', hash: 'sha256', size: 'prime256v1', curve: 'P-256' },
  PKIX_ECDSA_P384_SHA_384: { type: 'ec', hash: 'sha384', size: 'secp384r1', curve: 'P-384' },
  PKIX_ED25519: { type: 'ed25519', hash: 'sha512', size: '' },
  PKIX_RSA_PKCS1V15_2048_SHA256: rsa(2048),
  PKIX_RSA_PKCS1V15_3072_SHA256: rsa(3072),
  PKIX_RSA_PKCS1V15_4096_SHA256: rsa(4096),
}
/** Certificates and keys larger than this are none. */
const KEY_LIMIT_BYTES = 16_384

/** A key as an entry names it. */
export interface LogVerifier {
  readonly hash: HashName
  /** As it stands in the entry: protobuf's JSON of a Verifier. */
  readonly json: Json
  verifyMessage(message: Uint8Array, signature: Uint8Array): boolean
  /** @throws PlatformError INVALID_PARAMETER where the algorithm has no prehashed form */
  verifyDigest(digest: Uint8Array, signature: Uint8Array): boolean
}

/** A Verifier of the request. @throws PlatformError INVALID_PARAMETER */
export function parseVerifier(value: Json | undefined): LogVerifier {
  const members = toMembers(value, ['publicKey', 'x509Certificate', 'keyDetails'], 'a verifier')
  const name = toText(members['keyDetails'], 'keyDetails')
  const details = Object.hasOwn(DETAILS, name) ? DETAILS[name] : undefined
  if (details === undefined)
    throw refuse('key-details', `the key details \`${name.slice(0, 80)}\` are not supported`)
  const given = (['publicKey', 'x509Certificate'] as const).filter(
    (member) => members[member] !== undefined,
  )
  const [member] = given
  if (member === undefined || given.length !== 1)
    throw refuse('verifier', 'a verifier is either a publicKey or an x509Certificate')
  const inner = toMembers(members[member], ['rawBytes'], member)
  const rawBytes = toBytes(inner['rawBytes'], `the rawBytes of ${member}`)
  if (rawBytes.byteLength > KEY_LIMIT_BYTES) throw refuse('verifier', 'the verifier is too large')
  const key = member === 'publicKey' ? readPublicKey(rawBytes) : readCertificateKey(rawBytes)
  checkDetails(key, details, name)
  return {
    hash: details.hash,
    json: { keyDetails: name, [member]: { rawBytes: Buffer.from(rawBytes).toString('base64') } },
    verifyMessage: (message, signature) => verifyMessage(key, details, message, signature),
    verifyDigest: (digest, signature) => verifyDigest(key, details, digest, signature),
  }
}

function readPublicKey(der: Uint8Array): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
    if (key.export({ format: 'der', type: 'spki' }).equals(der)) return key
  } catch (cause) {
    throw refuse('verifier', 'the public key cannot be read', { cause })
  }
  throw refuse('verifier', 'the public key is not in its one encoding')
}

function readCertificateKey(der: Uint8Array): KeyObject {
  try {
    const certificate = new X509Certificate(der)
    // PEM is read too by Node, and bytes after the certificate are passed over.
    if (certificate.raw.equals(der)) return certificate.publicKey
  } catch (cause) {
    throw refuse('verifier', 'the certificate cannot be read', { cause })
  }
  throw refuse('verifier', 'the certificate is not in its one encoding')
}

function checkDetails(key: KeyObject, details: Details, name: string): void {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  const size = details.type === 'rsa' ? modulusLength : (namedCurve ?? '')
  if (key.asymmetricKeyType !== details.type || size !== details.size)
    throw refuse('key-details', `the key is not what \`${name}\` says`)
}

function verifyMessage(
  key: KeyObject,
  details: Details,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify(details.type === 'ed25519' ? null : details.hash, message, key, signature)
}

function verifyDigest(
  key: KeyObject,
  details: Details,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const given = { hash: details.hash, digest, signature }
  if (details.type === 'rsa') return verifyRsaDigest(key, given)
  if (details.curve !== undefined) return verifyEcdsaDigest(key, details.curve, given)
  // RFC 8032: pure Ed25519 signs the message itself; Rekor refuses it here, too.
  throw refuse('key-details', 'an Ed25519 signature cannot be checked against a digest')
}
