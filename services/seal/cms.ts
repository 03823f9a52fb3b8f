import {
  encodeDigestAlgorithm,
  encodeSignatureAlgorithm,
  parseDigestAlgorithm,
} from './algorithms.ts'
import type { HashName, SignatureScheme } from './algorithms.ts'
import {
  attributeName,
  encodeTimestampAttribute,
  ID_DATA,
  parseSignedAttributes,
  parseTimestampAttribute,
  schemeOf,
  type SignedAttributes,
} from './cms-attributes.ts'
import { DerCursor, toOid, toSmallInteger } from './der-cursor.ts'
import { compareDer, readDer, TAG, type Der } from './der-reader.ts'
import {
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
} from './der-writer.ts'
import { parsePem } from './pem.ts'
import { malformed } from './refusal.ts'

const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
const CERTIFICATES_LIMIT = 16

/** Which certificate signed. */
export type CmsSignerId =
  | { readonly kind: 'issuer-serial'; readonly issuer: Uint8Array; readonly serial: Uint8Array }
  | { readonly kind: 'key-id'; readonly keyId: Uint8Array }

/** A detached CMS SignedData with one signer (RFC 5652), as far as seals use it. */
export interface Cms {
  readonly format: 'cms'
  readonly digest: HashName
  readonly scheme: SignatureScheme
  readonly signer: CmsSignerId
  /** The signed attributes and the DER of their SET OF, which is what is signed; without them it is the content itself. */
  readonly signed: { readonly bytes: Uint8Array; readonly attributes: SignedAttributes } | undefined
  readonly signature: Uint8Array
  readonly certificates: readonly Uint8Array[]
  readonly timestamps: readonly Uint8Array[]
  /** What stands in it and was not looked at; detached only. */
  readonly unchecked: readonly string[]
}

/**
 * `block`: strict DER in the one form that `encodeCms` makes. `detached`: DER or PEM, digest sets and certificates
 * as other tools order them, signed attributes that are not used, or none (`openssl cms -sign -noattr`).
 * @throws PlatformError INVALID_SEAL
 */
export function decodeCms(bytes: Uint8Array, place: 'block' | 'detached'): Cms {
  const cms = parseContentInfo(readDer(place === 'detached' ? unwrapPem(bytes) : bytes))
  if (place === 'detached') return cms
  if (cms.signed === undefined)
    throw malformed('no-signed-attributes', 'the CMS in the seal block has no signed attributes')
  const [unused] = cms.unchecked
  if (unused !== undefined)
    throw malformed('unused-field', `the CMS in the seal block holds ${unused}, which nothing uses`)
  if (!Buffer.from(encodeCms(cms)).equals(bytes))
    throw malformed('not-canonical', 'the CMS is not the one encoding of its own content')
  return cms
}

function unwrapPem(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === TAG.sequence) return bytes
  const [block, ...more] = parsePem(Buffer.from(bytes).toString('latin1'))
  if (block === undefined || more.length > 0 || !['CMS', 'PKCS7'].includes(block.label))
    throw malformed(
      'pem',
      'the detached signature is neither DER nor one PEM block `CMS` or `PKCS7`',
    )
  return block.bytes
}

function parseContentInfo(value: Der): Cms {
  const cursor = new DerCursor(value, TAG.sequence, 'the CMS')
  if (toOid(cursor.any()) !== ID_SIGNED_DATA)
    throw malformed('content-type', 'the CMS is not a SignedData')
  const signedData = cursor.explicit(0xa0, 'the CMS content')
  cursor.end()
  if (signedData === undefined) throw malformed('der-shape', 'the CMS lacks its content')
  return parseSignedData(signedData)
}

function parseSignedData(value: Der): Cms {
  const cursor = new DerCursor(value, TAG.sequence, 'the SignedData')
  const version = toSmallInteger(cursor.take(TAG.integer, 'version'), 'the CMS version')
  const digests = cursor.take(TAG.set, 'digest algorithms').children.map(parseDigestAlgorithm)
  checkContent(cursor.take(TAG.sequence, 'content info'))
  const certificates = cursor.optional(0xa0)?.children ?? []
  const revocations = cursor.optional(0xa1)
  const signers = cursor.take(TAG.set, 'signer infos').children
  cursor.end()
  const [signer] = signers
  if (signer === undefined || signers.length !== 1)
    throw malformed('signer-count', `a seal has exactly one signer, this CMS has ${signers.length}`)
  if (
    certificates.length > CERTIFICATES_LIMIT ||
    certificates.some(({ tag }) => tag !== TAG.sequence)
  )
    throw malformed(
      'certificates',
      'the CMS holds too many certificates or other things than X.509',
    )
  const info = parseSignerInfo(signer)
  if (!digests.includes(info.digest) || version !== versionFor(info.signer))
    throw malformed('cms-version', 'the CMS names another digest or version than its signer uses')
  return {
    format: 'cms',
    ...info,
    certificates: certificates.map((certificate) => certificate.bytes),
    unchecked: [
      ...(info.signed?.attributes.unused ?? []).map(attributeName),
      ...(revocations === undefined ? [] : ['revocation lists inside the CMS']),
    ],
  }
}

function versionFor(signer: CmsSignerId): number {
  return signer.kind === 'key-id' ? 3 : 1
}

function checkContent(value: Der): void {
  const cursor = new DerCursor(value, TAG.sequence, 'the content info')
  if (toOid(cursor.any()) !== ID_DATA)
    throw malformed('content-type', 'the content type of the CMS is not id-data')
  if (cursor.any() !== undefined)
    throw malformed('attached', 'the CMS carries its content; a seal is detached')
}

type SignerInfo = Omit<Cms, 'format' | 'certificates' | 'unchecked'>

function parseSignerInfo(value: Der): SignerInfo {
  const cursor = new DerCursor(value, TAG.sequence, 'the signer info')
  const version = toSmallInteger(cursor.take(TAG.integer, 'version'), 'the signer version')
  const signer = parseSignerId(cursor)
  if (version !== versionFor(signer))
    throw malformed('cms-version', 'the version of the signer info does not fit its signer id')
  const digestAlgorithm = cursor.take(TAG.sequence, 'digest algorithm')
  const signedAttributes = cursor.optional(0xa0)
  const signatureAlgorithm = cursor.take(TAG.sequence, 'signature algorithm')
  const signature = cursor.take(TAG.octetString, 'signature').content
  const unsigned = cursor.optional(0xa1)
  cursor.end()
  const digest = parseDigestAlgorithm(digestAlgorithm)
  const algorithms = { digest: digestAlgorithm, signature: signatureAlgorithm }
  return {
    digest,
    scheme: schemeOf(signatureAlgorithm, digest),
    signer,
    signed: signedAttributes && parseSigned(signedAttributes, algorithms),
    signature,
    timestamps: unsigned === undefined ? [] : parseTimestampAttribute(unsigned.children),
  }
}

function parseSigned(value: Der, algorithms: { digest: Der; signature: Der }): Cms['signed'] {
  checkAscending(value.children)
  return {
    bytes: encodeDer(TAG.set, value.content),
    attributes: parseSignedAttributes(value.children, algorithms),
  }
}

/** RFC 5652 §5.4: what is signed is the DER SET OF, so an unsorted one was never signed as it stands. */
function checkAscending(values: readonly Der[]): void {
  for (const [i, value] of values.entries()) {
    const next = values[i + 1]
    if (next !== undefined && compareDer(value.bytes, next.bytes) >= 0)
      throw malformed('der-order', 'the signed attributes are not sorted')
  }
}

function parseSignerId(cursor: DerCursor): CmsSignerId {
  const keyId = cursor.optional(0x80)
  if (keyId !== undefined) return { kind: 'key-id', keyId: keyId.content }
  const pair = new DerCursor(cursor.take(TAG.sequence, 'signer id'), TAG.sequence, 'the signer id')
  const issuer = pair.take(TAG.sequence, 'issuer').bytes
  const serial = pair.take(TAG.integer, 'serial number').content
  pair.end()
  return { kind: 'issuer-serial', issuer, serial }
}

/** The form that stands in a seal block: certificates sorted, digest parameters absent, nothing unused. */
export function encodeCms(
  cms: Omit<Cms, 'format' | 'signed' | 'unchecked'> & {
    readonly signed: { readonly bytes: Uint8Array } | undefined
  },
): Uint8Array {
  const version = smallInteger(versionFor(cms.signer))
  const digest = encodeDigestAlgorithm(cms.digest)
  const signerInfo = sequence(
    version,
    encodeSignerId(cms.signer),
    digest,
    ...(cms.signed === undefined ? [] : [encodeDer(0xa0, readDer(cms.signed.bytes).content)]),
    encodeSignatureAlgorithm(cms.scheme),
    octetString(cms.signature),
    ...(cms.timestamps.length > 0 ? [encodeTimestampAttribute(cms.timestamps)] : []),
  )
  const signedData = sequence(
    version,
    setOf([digest]),
    sequence(objectIdentifier(ID_DATA)),
    ...(cms.certificates.length > 0 ? [setOf(cms.certificates, 0xa0)] : []),
    setOf([signerInfo]),
  )
  return sequence(objectIdentifier(ID_SIGNED_DATA), encodeDer(0xa0, signedData))
}

function encodeSignerId(signer: CmsSignerId): Uint8Array {
  return signer.kind === 'key-id'
    ? encodeDer(0x80, signer.keyId)
    : sequence(signer.issuer, encodeDer(TAG.integer, signer.serial))
}
