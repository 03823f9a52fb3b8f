import { parseDigestAlgorithm, type HashName, type SignatureScheme } from './algorithms.ts'
import {
  contentTypeName,
  ID_DATA,
  parseSignedAttributes,
  schemeOf,
  type SignedAttributes,
} from './cms-attributes.ts'
import { DerCursor, toOid, toSmallInteger } from './der-cursor.ts'
import { compareDer, TAG, type Der } from './der-reader.ts'
import { encodeDer } from './der-writer.ts'
import { malformed } from './refusal.ts'

export const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
const CERTIFICATES_LIMIT = 16

/** Which certificate signed. */
export type CmsSignerId =
  | { readonly kind: 'issuer-serial'; readonly issuer: Uint8Array; readonly serial: Uint8Array }
  | { readonly kind: 'key-id'; readonly keyId: Uint8Array }

/** The one signer of a SignedData (RFC 5652 §5.3). */
interface SignerInfo {
  readonly digest: HashName
  readonly scheme: SignatureScheme
  readonly signer: CmsSignerId
  /** The signed attributes and the DER of their SET OF, which is what is signed; without them it is the content itself. */
  readonly signed: { readonly bytes: Uint8Array; readonly attributes: SignedAttributes } | undefined
  readonly signature: Uint8Array
  readonly unsigned: readonly Der[]
}

/** A CMS SignedData with one signer (RFC 5652 §5.1), whatever it is about. */
export interface SignedData extends SignerInfo {
  /** The encapsulated content; `undefined` where it is detached. */
  readonly content: Uint8Array | undefined
  readonly certificates: readonly Uint8Array[]
  readonly revocations: readonly Der[]
}

/** A ContentInfo holding a SignedData over this type of content. @throws PlatformError INVALID_SEAL */
export function parseSignedData(value: Der, contentType: string): SignedData {
  const cursor = new DerCursor(value, TAG.sequence, 'the CMS')
  if (toOid(cursor.any()) !== ID_SIGNED_DATA)
    throw malformed('content-type', 'the CMS is not a SignedData')
  const signedData = cursor.explicit(0xa0, 'the CMS content')
  cursor.end()
  if (signedData === undefined) throw malformed('der-shape', 'the CMS lacks its content')
  return parseFields(signedData, contentType)
}

function parseFields(value: Der, contentType: string): SignedData {
  const cursor = new DerCursor(value, TAG.sequence, 'the SignedData')
  const version = toSmallInteger(cursor.take(TAG.integer, 'version'), 'the CMS version')
  const digests = cursor.take(TAG.set, 'digest algorithms').children.map(parseDigestAlgorithm)
  const content = parseContent(cursor.take(TAG.sequence, 'content info'), contentType)
  const certificates = cursor.optional(0xa0)?.children ?? []
  const revocations = cursor.optional(0xa1)?.children ?? []
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
  const info = parseSignerInfo(signer, contentType)
  // RFC 5652 §5.1: 3 also where the content is no id-data, 5 where revocation information is no list
  const expected = revocations.some(({ tag }) => tag !== TAG.sequence)
    ? 5
    : contentType === ID_DATA
      ? signerVersion(info.signer)
      : 3
  if (!digests.includes(info.digest) || version !== expected)
    throw malformed('cms-version', 'the CMS names another digest or version than its signer uses')
  return {
    ...info,
    content,
    certificates: certificates.map((certificate) => certificate.bytes),
    revocations,
  }
}

export function signerVersion(signer: CmsSignerId): number {
  return signer.kind === 'key-id' ? 3 : 1
}

function parseContent(value: Der, contentType: string): Uint8Array | undefined {
  const cursor = new DerCursor(value, TAG.sequence, 'the content info')
  if (toOid(cursor.any()) !== contentType)
    throw malformed(
      'content-type',
      `the content type of the CMS is not ${contentTypeName(contentType)}`,
    )
  const content = cursor.explicit(0xa0, 'the content of the CMS')
  cursor.end()
  if (content !== undefined && content.tag !== TAG.octetString)
    throw malformed('der-shape', 'the content of the CMS is not an OCTET STRING')
  return content?.content
}

function parseSignerInfo(value: Der, contentType: string): SignerInfo {
  const cursor = new DerCursor(value, TAG.sequence, 'the signer info')
  const version = toSmallInteger(cursor.take(TAG.integer, 'version'), 'the signer version')
  const signer = parseSignerId(cursor)
  if (version !== signerVersion(signer))
    throw malformed('cms-version', 'the version of the signer info does not fit its signer id')
  const digestAlgorithm = cursor.take(TAG.sequence, 'digest algorithm')
  const signedAttributes = cursor.optional(0xa0)
  const signatureAlgorithm = cursor.take(TAG.sequence, 'signature algorithm')
  const signature = cursor.take(TAG.octetString, 'signature').content
  const unsigned = cursor.optional(0xa1)
  cursor.end()
  if (unsigned?.children.length === 0)
    throw malformed('unsigned-attribute', 'the CMS has an empty set of unsigned attributes')
  const digest = parseDigestAlgorithm(digestAlgorithm)
  const algorithms = { digest: digestAlgorithm, signature: signatureAlgorithm }
  return {
    digest,
    scheme: schemeOf(signatureAlgorithm, digest),
    signer,
    signed: signedAttributes && parseSigned(signedAttributes, contentType, algorithms),
    signature,
    unsigned: unsigned?.children ?? [],
  }
}

function parseSigned(
  value: Der,
  contentType: string,
  algorithms: { digest: Der; signature: Der },
): SignerInfo['signed'] {
  checkAscending(value.children)
  return {
    bytes: encodeDer(TAG.set, value.content),
    attributes: parseSignedAttributes(value.children, contentType, algorithms),
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
