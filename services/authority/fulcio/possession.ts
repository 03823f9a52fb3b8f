import { createPublicKey, verify, type KeyObject } from 'node:crypto'

import {
  DerCursor,
  TAG,
  parsePem,
  parseSignatureAlgorithm,
  readDer,
  toBitOctets,
  type SignatureScheme,
} from '../../seal/index.ts'
import { refuse } from '../refusal.ts'

/** RULES §4: RSA below 2048 is refused; above 8192 it only costs time. */
const RSA_MIN_BITS = 2_048
const RSA_MAX_BITS = 8_192
const PEM_LIMIT_CHARS = 32_768
const CURVES: Readonly<Record<string, readonly ('sha256' | 'sha384')[]>> = {
  prime256v1: ['sha256'],
  // Fulcio's clients differ in which digest they take with this curve.
  secp384r1: ['sha384', 'sha256'],
}

/** A key that its holder has shown to have. */
export interface PossessedKey {
  /** SubjectPublicKeyInfo, DER, in its one encoding. */
  readonly spki: Uint8Array
}

/** A PEM public key and a signature over the challenge. @throws PlatformError INVALID_PARAMETER */
export function checkPossession(
  pem: string,
  signature: Uint8Array,
  challenge: string,
): PossessedKey {
  const { key, spki } = readPublicKey(pemBytes(pem, ['PUBLIC KEY'], 'public-key'))
  const message = Buffer.from(challenge, 'utf8')
  if (!hashesOf(key).some((hash) => verify(hash, message, key, signature)))
    throw refuse('proof-of-possession', 'the proof of possession is not a signature by this key')
  return { spki }
}

/**
 * A PKCS #10 request (RFC 2986): its signature shows possession; its subject and extensions are passed over, since
 * the token alone says who somebody is.
 * @throws PlatformError INVALID_PARAMETER
 */
export function checkCertificateRequest(pem: Uint8Array): PossessedKey {
  const labels = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']
  const der = pemBytes(Buffer.from(pem).toString('latin1'), labels, 'csr')
  const request = parseRequest(der)
  const { key, spki } = readPublicKey(request.spki)
  if (!verifyScheme(request, key))
    throw refuse('proof-of-possession', 'the certificate signing request is not signed by its key')
  return { spki }
}

interface ParsedRequest {
  readonly info: Uint8Array
  readonly spki: Uint8Array
  readonly scheme: SignatureScheme
  readonly signature: Uint8Array
}

function parseRequest(der: Uint8Array): ParsedRequest {
  try {
    const outer = new DerCursor(readDer(der), TAG.sequence, 'the request')
    const info = outer.take(TAG.sequence, 'request info')
    const scheme = parseSignatureAlgorithm(outer.take(TAG.sequence, 'signature algorithm'))
    const signature = toBitOctets(outer.take(TAG.bitString, 'signature'), 'the signature')
    outer.end()
    const inner = new DerCursor(info, TAG.sequence, 'the request info')
    inner.take(TAG.integer, 'version')
    inner.take(TAG.sequence, 'subject')
    const spki = inner.take(TAG.sequence, 'public key')
    return { info: info.bytes, spki: spki.bytes, scheme, signature }
  } catch (cause) {
    throw refuse('csr', 'the certificate signing request cannot be read', { cause })
  }
}

/** PSS and keys of another kind than the algorithm names do not pass. */
function verifyScheme(request: ParsedRequest, key: KeyObject): boolean {
  const { scheme, info, signature } = request
  const kinds = { ecdsa: 'ec', 'rsa-pkcs1': 'rsa', ed25519: 'ed25519', 'rsa-pss': '' } as const
  if (kinds[scheme.kind] !== key.asymmetricKeyType) return false
  return verify('hash' in scheme ? scheme.hash : null, info, key, signature)
}

function pemBytes(text: string, labels: readonly string[], reason: string): Uint8Array {
  const wrong = (cause?: unknown): Error =>
    refuse(reason, `this is not one PEM ${labels[0]}`, { cause })
  if (text.length > PEM_LIMIT_CHARS) throw wrong()
  let blocks
  try {
    blocks = parsePem(text)
  } catch (cause) {
    throw wrong(cause)
  }
  const [block] = blocks
  if (block === undefined || blocks.length !== 1 || !labels.includes(block.label)) throw wrong()
  return block.bytes
}

function readPublicKey(der: Uint8Array): { key: KeyObject; spki: Uint8Array } {
  let key: KeyObject
  let named: Buffer
  try {
    key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
    // By its numbers: what comes back names its curve, and explicit parameters do not.
    const jwk = key.export({ format: 'jwk' })
    named = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' })
  } catch (cause) {
    throw refuse('public-key', 'the public key is not of a kind that is accepted', { cause })
  }
  if (!named.equals(der)) throw refuse('public-key', 'the public key is not in its one encoding')
  checkStrength(key)
  return { key, spki: der }
}

function checkStrength(key: KeyObject): void {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
  const kind = key.asymmetricKeyType
  if (kind === 'ed25519' || (kind === 'ec' && CURVES[namedCurve ?? ''] !== undefined)) return
  if (kind !== 'rsa') throw refuse('public-key', 'the public key is not of a kind that is accepted')
  if (modulusLength === undefined || modulusLength < RSA_MIN_BITS)
    throw refuse('public-key-weak', `RSA keys below ${RSA_MIN_BITS} bits are refused`)
  if (modulusLength > RSA_MAX_BITS || publicExponent !== 65_537n)
    throw refuse('public-key', 'the RSA key has an exponent or a size that is not accepted')
}

function hashesOf(key: KeyObject): readonly ('sha256' | 'sha384' | null)[] {
  if (key.asymmetricKeyType === 'ed25519') return [null]
  if (key.asymmetricKeyType === 'rsa') return ['sha256']
  return CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? []
}
