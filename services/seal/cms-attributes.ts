import { parseDigestAlgorithm, parseSignatureAlgorithm, type HashName } from './algorithms.ts'
import { DerCursor, toOid, toTimeMs } from './der-cursor.ts'
import { TAG, type Der } from './der-reader.ts'
import { encodeDer, objectIdentifier, octetString, sequence, setOf } from './der-writer.ts'
import { malformed } from './refusal.ts'

export const ID_DATA = '1.2.840.113549.1.7.1'
const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  smimeCapabilities: '1.2.840.113549.1.9.15',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  algorithmProtection: '1.2.840.113549.1.9.52',
  timestampToken: '1.2.840.113549.1.9.16.2.14',
} as const
export const DIGEST_BYTES: Readonly<Record<HashName, number>> = {
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

/** What the signed attributes say. */
export interface SignedAttributes {
  readonly messageDigest: Uint8Array
  /** The certificate that the signer bound himself to (RFC 5035), if he did. */
  readonly certificate: CertificateBinding | undefined
  /** The same in the older form, which knows SHA-1 alone (RFC 2634 §5.4); nothing but timestamp authorities may rely on it. */
  readonly legacyCertificate: CertificateBinding<'sha1'> | undefined
  /** Object identifiers of attributes that nothing here uses. */
  readonly unused: readonly string[]
}

/** Which certificate signed, by its hash, and by issuer and serial number where they are written too. */
export interface CertificateBinding<H extends string = HashName> {
  readonly hash: H
  readonly value: Uint8Array
  readonly issuerSerial: { readonly issuer: Uint8Array; readonly serial: Uint8Array } | undefined
}

interface Attribute {
  readonly oid: string
  readonly values: readonly Der[]
}

/** @throws PlatformError INVALID_SEAL where a type stands twice */
function readAttributes(values: readonly Der[]): Attribute[] {
  const attributes = values.map((value): Attribute => {
    const cursor = new DerCursor(value, TAG.sequence, 'an attribute')
    const oid = toOid(cursor.any())
    const set = cursor.take(TAG.set, 'values')
    cursor.end()
    return { oid, values: set.children }
  })
  if (new Set(attributes.map(({ oid }) => oid)).size !== attributes.length)
    throw malformed('attribute-twice', 'the CMS has an attribute twice')
  return attributes
}

/**
 * RFC 5652 §11: content type and message digest must stand and be single. The content type is checked here;
 * OpenSSL passes a wrong one.
 * @throws PlatformError INVALID_SEAL
 */
export function parseSignedAttributes(
  values: readonly Der[],
  expected: string,
  algorithms: { readonly digest: Der; readonly signature: Der },
): SignedAttributes {
  const attributes = readAttributes(values)
  const single = (oid: string): Der | undefined => {
    const attribute = attributes.find((one) => one.oid === oid)
    if (attribute !== undefined && attribute.values.length !== 1)
      throw malformed('attribute-values', 'a CMS attribute does not have exactly one value')
    return attribute?.values[0]
  }
  const contentType = single(ATTRIBUTE.contentType)
  if (contentType === undefined || toOid(contentType) !== expected)
    throw malformed(
      'content-type',
      `the signed content type of the CMS is not ${contentTypeName(expected)}`,
    )
  const digest = single(ATTRIBUTE.messageDigest)
  const length = DIGEST_BYTES[parseDigestAlgorithm(algorithms.digest)]
  if (digest?.tag !== TAG.octetString || digest.content.byteLength !== length)
    throw malformed('message-digest', 'the CMS has no signed message digest of the right length')
  const time = single(ATTRIBUTE.signingTime)
  if (time !== undefined) toTimeMs(time)
  const protection = single(ATTRIBUTE.algorithmProtection)
  if (protection !== undefined) checkAlgorithmProtection(protection, algorithms)
  const certificate = single(ATTRIBUTE.signingCertificateV2)
  // a seal must not lean on SHA-1: there the old form stays an attribute that nothing uses
  const legacy = expected === ID_DATA ? undefined : single(ATTRIBUTE.signingCertificate)
  const known: readonly string[] = [
    ATTRIBUTE.contentType,
    ATTRIBUTE.messageDigest,
    ATTRIBUTE.signingTime,
    ATTRIBUTE.signingCertificateV2,
    ATTRIBUTE.algorithmProtection,
    ...(legacy === undefined ? [] : [ATTRIBUTE.signingCertificate]),
  ]
  return {
    messageDigest: digest.content,
    certificate: certificate && parseCertificateId(certificate, readCertificateHash),
    legacyCertificate: legacy && parseCertificateId(legacy, () => 'sha1' as const),
    unused: attributes.map(({ oid }) => oid).filter((oid) => !known.includes(oid)),
  }
}

export function contentTypeName(oid: string): string {
  return oid === ID_DATA ? 'id-data' : `\`${oid}\``
}

/** RFC 6211: the algorithms named inside are those used outside. */
function checkAlgorithmProtection(value: Der, outer: { digest: Der; signature: Der }): void {
  const cursor = new DerCursor(value, TAG.sequence, 'the algorithm protection')
  const digest = parseDigestAlgorithm(cursor.take(TAG.sequence, 'digest algorithm'))
  const inner = cursor.take(0xa1, 'signature algorithm')
  cursor.end()
  const outerDigest = parseDigestAlgorithm(outer.digest)
  const plain = encodeDer(TAG.sequence, inner.content)
  const same = Buffer.from(plain).equals(outer.signature.bytes)
  if (digest !== outerDigest || !same)
    throw malformed('algorithm-protection', 'the CMS names other algorithms inside than outside')
}

/** RFC 5035 §3 and RFC 2634 §5.4: the first certificate id is the signer's. */
function parseCertificateId<H extends string>(
  value: Der,
  readHash: (cursor: DerCursor) => H,
): CertificateBinding<H> {
  const outer = new DerCursor(value, TAG.sequence, 'the signing certificate')
  const list = outer.take(TAG.sequence, 'certificates')
  const [first] = list.children
  if (first === undefined)
    throw malformed('signing-certificate', 'the signing certificate attribute names none')
  const id = new DerCursor(first, TAG.sequence, 'a certificate id')
  const hash = readHash(id)
  const { content } = id.take(TAG.octetString, 'hash')
  const issuerSerial = id.optional(TAG.sequence)
  id.end()
  return { hash, value: content, issuerSerial: issuerSerial && parseIssuerSerial(issuerSerial) }
}

/** The digest algorithm of an ESSCertIDv2; SHA-256 where it is left out. */
function readCertificateHash(cursor: DerCursor): HashName {
  const algorithm = cursor.optional(TAG.sequence)
  return algorithm === undefined ? 'sha256' : parseDigestAlgorithm(algorithm)
}

/** RFC 5035 §5: the issuer is one directory name. */
function parseIssuerSerial(value: Der): { issuer: Uint8Array; serial: Uint8Array } {
  const cursor = new DerCursor(value, TAG.sequence, 'an issuer and serial number')
  const names = new DerCursor(cursor.take(TAG.sequence, 'issuer'), TAG.sequence, 'the issuer')
  const issuer = names.explicit(0xa4, 'the issuer')
  names.end()
  const serial = cursor.take(TAG.integer, 'serial number').content
  cursor.end()
  if (issuer === undefined)
    throw malformed('signing-certificate', 'the issuer of the signing certificate is no name')
  return { issuer: issuer.bytes, serial }
}

/** The one unsigned attribute that may stand: a timestamp token over the signature (RFC 3161 appendix A). */
export function parseTimestampAttribute(values: readonly Der[]): Uint8Array[] {
  const [attribute, ...more] = readAttributes(values)
  if (attribute === undefined || more.length > 0 || attribute.oid !== ATTRIBUTE.timestampToken)
    throw malformed('unsigned-attribute', 'the CMS has an unsigned attribute that is no timestamp')
  if (attribute.values.length === 0)
    throw malformed('unsigned-attribute', 'the timestamp attribute of the CMS is empty')
  return attribute.values.map((value) => value.bytes)
}

export function encodeTimestampAttribute(tokens: readonly Uint8Array[]): Uint8Array {
  return setOf([sequence(objectIdentifier(ATTRIBUTE.timestampToken), setOf(tokens))], 0xa1)
}

/**
 * What `lacre sign --format cms` signs. The certificate is bound in, so that another one for the same key cannot
 * stand in its place; there is no signing time, since one that nobody vouches for says nothing (RULES §4).
 */
export function encodeSignedAttributes(
  messageDigest: Uint8Array,
  certificateSha256: Uint8Array,
): Uint8Array {
  const attribute = (oid: string, value: Uint8Array): Uint8Array =>
    sequence(objectIdentifier(oid), setOf([value]))
  return setOf([
    attribute(ATTRIBUTE.contentType, objectIdentifier(ID_DATA)),
    attribute(ATTRIBUTE.messageDigest, octetString(messageDigest)),
    attribute(
      ATTRIBUTE.signingCertificateV2,
      sequence(sequence(sequence(octetString(certificateSha256)))),
    ),
  ])
}

/** Names for people; attributes that carry nothing to verify. */
export function attributeName(oid: string): string {
  if (oid === ATTRIBUTE.smimeCapabilities) return 'S/MIME capabilities'
  if (oid === ATTRIBUTE.signingCertificate) return 'signing certificate (SHA-1 form)'
  return `attribute ${oid}`
}

/** Parsed only so that a wrong pair is refused early; used by `cms.ts`. */
export function schemeOf(
  signature: Der,
  digest: HashName,
): ReturnType<typeof parseSignatureAlgorithm> {
  const scheme = parseSignatureAlgorithm(signature, digest)
  const expected = scheme.kind === 'ed25519' ? 'sha512' : scheme.hash
  if (expected !== digest)
    throw malformed(
      'algorithm-pair',
      'the digest and the signature algorithm of the CMS do not fit',
    )
  return scheme
}
