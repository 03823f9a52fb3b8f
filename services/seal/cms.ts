import { encodeDigestAlgorithm, encodeSignatureAlgorithm } from './algorithms.ts'
import type { HashName, SignatureScheme } from './algorithms.ts'
import {
  attributeName,
  encodeTimestampAttribute,
  ID_DATA,
  parseTimestampAttribute,
  type SignedAttributes,
} from './cms-attributes.ts'
import { toOid } from './der-cursor.ts'
import { readDer, TAG, type Der } from './der-reader.ts'
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
import { ID_SIGNED_DATA, parseSignedData, signerVersion, type CmsSignerId } from './signed-data.ts'

/** RFC 5940 §2.2. */
const ID_RI_OCSP_RESPONSE = '1.3.6.1.5.5.7.16.2'

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
  /** OCSP responses beside the certificates (RFC 5940); detached only. */
  readonly ocspResponses: readonly Uint8Array[]
  /** What stands in it and was not looked at; detached only. */
  readonly unchecked: readonly string[]
}

/**
 * `block`: strict DER in the one form that `encodeCms` makes. `detached`: DER or PEM, digest sets and certificates
 * as other tools order them, signed attributes that are not used, or none (`openssl cms -sign -noattr`).
 * @throws PlatformError INVALID_SEAL
 */
export function decodeCms(bytes: Uint8Array, place: 'block' | 'detached'): Cms {
  const cms = parseDetached(readDer(place === 'detached' ? unwrapPem(bytes) : bytes))
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

function parseDetached(value: Der): Cms {
  const { content, unsigned, revocations, ...info } = parseSignedData(value, ID_DATA)
  if (content !== undefined)
    throw malformed('attached', 'the CMS carries its content; a seal is detached')
  const ocspResponses = revocations.flatMap(ocspResponseOf)
  return {
    format: 'cms',
    ...info,
    ocspResponses,
    timestamps: unsigned.length === 0 ? [] : parseTimestampAttribute(unsigned),
    unchecked: [
      ...(info.signed?.attributes.unused ?? []).map(attributeName),
      ...(ocspResponses.length < revocations.length ? ['revocation lists inside the CMS'] : []),
    ],
  }
}

/** An OtherRevocationInfoFormat that is an OCSP response; lists and other kinds are none. */
function ocspResponseOf(value: Der): Uint8Array[] {
  if (value.tag !== 0xa1) return []
  const [format, response, ...more] = value.children
  if (response === undefined || more.length > 0)
    throw malformed('der-shape', 'revocation information in the CMS is malformed')
  return toOid(format) === ID_RI_OCSP_RESPONSE ? [response.bytes] : []
}

/** The form that stands in a seal block: certificates sorted, digest parameters absent, nothing unused. */
export function encodeCms(
  cms: Omit<Cms, 'format' | 'signed' | 'ocspResponses' | 'unchecked'> & {
    readonly signed: { readonly bytes: Uint8Array } | undefined
  },
): Uint8Array {
  const version = smallInteger(signerVersion(cms.signer))
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
