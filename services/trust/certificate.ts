import { X509Certificate } from 'node:crypto'

import { sha256, type Sha256 } from '../model/index.ts'
import {
  DerCursor,
  encodeDer,
  malformed,
  otherTwin,
  parseSignatureAlgorithm,
  readDer,
  sequence,
  TAG,
  toBitOctets,
  type Der,
} from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import { parseExtensions, type Extensions } from './extensions.ts'
import { formatName, parseName, type DistinguishedName } from './names.ts'
import { findDepartures } from './profile.ts'
import { isNegative, parsePublicKey, type PublicKey } from './public-key.ts'
import { verifySignature } from './signature.ts'
import { toValidityMs } from './validity.ts'

/** One certificate, parsed once and strictly. Whether it may be believed is for the path to say. */
export interface Certificate {
  readonly der: Uint8Array
  readonly sha256: Sha256
  readonly serial: string
  /** DER of the names in hex. */
  readonly issuer: string
  readonly subject: string
  /** RFC 4514 text of the same. */
  readonly issuerText: string
  readonly subjectText: string
  /** For people: the subject, or for want of one (Fulcio writes none) its first alternative name, or its serial number. */
  readonly name: string
  /** The same as they are compared (RFC 5280 §7.1). */
  readonly issuerName: DistinguishedName
  readonly subjectName: DistinguishedName
  readonly notBeforeMs: number
  /** The last millisecond at which it is valid. */
  readonly notAfterMs: number
  readonly spki: Uint8Array
  readonly extensions: Extensions
  /** What RFC 5280 §4 demands of issuers and this certificate lacks; a publisher may insist on it. */
  readonly departures: readonly string[]
  readonly tbs: Uint8Array
  readonly algorithm: Der
  readonly signature: Uint8Array
}

const NO_EXTENSIONS = encodeDer(TAG.sequence)

/** X.509 v3 in strict DER (RFC 5280 §4.1), which OpenSSL must be able to read too. @throws PlatformError INVALID_SEAL */
export function parseCertificate(der: Uint8Array, cache: VerificationCache): Certificate {
  const digest = sha256(der)
  return cache.parsed('certificate', digest, () => {
    const bytes = Uint8Array.from(der)
    const outer = new DerCursor(readDer(bytes), TAG.sequence, 'the certificate')
    const tbs = outer.take(TAG.sequence, 'signed part')
    const algorithm = outer.take(TAG.sequence, 'signature algorithm')
    const signature = toBitOctets(outer.take(TAG.bitString, 'signature'), 'the signature')
    outer.end()
    const fields = parseFields(tbs, algorithm)
    if (!readsAs(bytes)) throw malformed('certificate', 'the certificate cannot be read')
    return { der: bytes, sha256: digest, ...fields, tbs: tbs.bytes, algorithm, signature }
  })
}

/** Whether OpenSSL reads the same certificate from these bytes. */
function readsAs(bytes: Uint8Array): boolean {
  try {
    return new X509Certificate(bytes).raw.equals(bytes)
  } catch {
    return false
  }
}

type Fields = Omit<Certificate, 'der' | 'sha256' | 'tbs' | 'algorithm' | 'signature'>

function parseFields(tbs: Der, algorithm: Der): Fields {
  const cursor = new DerCursor(tbs, TAG.sequence, 'the certificate')
  const version = cursor.explicit(0xa0, 'the version')
  if (version?.tag !== TAG.integer || version.content.length !== 1 || version.content[0] !== 2)
    throw malformed('certificate-version', 'the certificate is not X.509 v3')
  const serial = cursor.take(TAG.integer, 'serial number').content
  if (isNegative(serial) || serial.byteLength > 21)
    throw malformed('certificate-serial', 'the serial number is negative or too long')
  const inner = cursor.take(TAG.sequence, 'inner algorithm')
  // RFC 5280 §4.1.1.2: what is signed must name what signed it
  if (!Buffer.from(inner.bytes).equals(algorithm.bytes))
    throw malformed('certificate-algorithm', 'the certificate names two signature algorithms')
  const issuer = cursor.take(TAG.sequence, 'issuer')
  const validity = new DerCursor(
    cursor.take(TAG.sequence, 'validity'),
    TAG.sequence,
    'the validity',
  )
  const [notBefore, notAfter] = [validity.any(), validity.any()]
  validity.end()
  const subject = cursor.take(TAG.sequence, 'subject')
  const spki = cursor.take(TAG.sequence, 'public key').bytes
  // unique identifiers of v2: read over (RFC 5280 §4.1.2.8)
  cursor.optional(0x81)
  cursor.optional(0x82)
  const list = cursor.explicit(0xa3, 'the extensions')
  cursor.end()
  if (issuer.children.length === 0)
    throw malformed('certificate-name', 'the certificate has no issuer')
  const extensions = parseExtensions(list ?? readDer(NO_EXTENSIONS))
  const number = Buffer.from(serial).toString('hex')
  const fields = {
    serial: number,
    issuer: Buffer.from(issuer.bytes).toString('hex'),
    subject: Buffer.from(subject.bytes).toString('hex'),
    issuerText: formatName(issuer),
    subjectText: formatName(subject),
    name: nameOf(formatName(subject), extensions.altNames[0]?.value, number),
    issuerName: parseName(issuer),
    subjectName: parseName(subject),
    notBeforeMs: toValidityMs(notBefore),
    notAfterMs: toValidityMs(notAfter) + 999,
    spki,
    extensions,
  }
  const departures = findDepartures(fields, { list, times: [notBefore, notAfter] })
  return { ...fields, departures }
}

function nameOf(subject: string, altName: string | undefined, serial: string): string {
  return [subject, altName].find((text) => text !== undefined && text !== '') ?? `serial ${serial}`
}

/** @throws PlatformError INVALID_SEAL where the key is weak or malformed */
export function publicKeyOf(certificate: Certificate, cache: VerificationCache): PublicKey {
  return parsePublicKey(certificate.spki, cache)
}

export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuerName.key === certificate.subjectName.key
}

/**
 * Whether `issuer`'s key signed `certificate`; weak algorithms are refused.
 * @throws PlatformError INVALID_SEAL
 */
export function isSignedBy(
  certificate: Certificate,
  issuer: Certificate,
  cache: VerificationCache,
): boolean {
  const scheme = parseSignatureAlgorithm(certificate.algorithm)
  const key = publicKeyOf(issuer, cache)
  return cache.result(`certificate ${certificate.sha256} ${key.spkiSha256}`, () =>
    verifySignature(scheme, key, certificate.tbs, certificate.signature),
  )
}

/**
 * The texts by which a certificate is revoked: its SHA-256, that of the form with the twin of its issuer's ECDSA
 * signature (which anybody can make), and issuer and serial, which no re-encoding changes (RULES §4).
 */
export function revocationTargets(
  certificate: Certificate,
  issuer: Certificate | undefined,
  cache: VerificationCache,
): readonly string[] {
  const twin = issuer === undefined ? undefined : twinDigest(certificate, issuer, cache)
  return [
    certificate.sha256,
    `${certificate.issuerText}#${certificate.serial}`,
    ...(twin === undefined ? [] : [twin]),
  ]
}

function twinDigest(
  certificate: Certificate,
  issuer: Certificate,
  cache: VerificationCache,
): Sha256 | undefined {
  const { curve } = publicKeyOf(issuer, cache)
  if (curve === undefined) return undefined
  const signature = encodeDer(
    TAG.bitString,
    Uint8Array.of(0),
    otherTwin(certificate.signature, curve),
  )
  return sha256(sequence(certificate.tbs, certificate.algorithm.bytes, signature))
}
