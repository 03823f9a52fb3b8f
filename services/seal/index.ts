/**
 * Seals as bytes: the block in the zip, Sigstore bundles, in-toto statements, CMS, DER. Encodes and decodes, each
 * thing in one form. It knows no keys, no publishers and no time, and verifies no signature.
 */

/** The seals in a block (given whole); throws INVALID_SEAL. */
export { decodeSealBlock } from './seal-block.ts'
/** The block holding 1..16 seals; throws INVALID_SEAL. */
export { encodeSealBlock } from './seal-block.ts'
/** One seal by its format and place; throws INVALID_SEAL. */
export { decodeSeal, encodeSeal, formatOfDetached, type DecodedSeal } from './decode-seal.ts'
/** Sigstore bundles, written as v0.3; throws INVALID_SEAL. */
export {
  decodeBundle,
  encodeBundle,
  type Bundle,
  type BundleContent,
  type BundleSigner,
} from './bundle.ts'
/** CMS SignedData, detached; throws INVALID_SEAL. */
export { decodeCms, encodeCms, type Cms } from './cms.ts'
export type { CmsSignerId } from './signed-data.ts'
export type { CertificateBinding } from './cms-attributes.ts'
/** RFC 3161 timestamps: token, request and response; throws INVALID_SEAL. */
export { decodeTimestampToken, type TimestampInfo, type TimestampToken } from './timestamp-token.ts'
export {
  decodeTimestampResponse,
  encodeTimestampRequest,
  encodeTimestampResponse,
  type TimestampResponse,
} from './timestamp-request.ts'
/** The signed attributes of a CMS that we make. */
export { encodeSignedAttributes } from './cms-attributes.ts'
/** In-toto statements by the subject rule, and DSSE's encoding of what is signed; throws INVALID_SEAL. */
export {
  encodeSealStatement,
  encodeVouchStatement,
  parseStatement,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
  type SealPredicate,
  type Statement,
  type VouchPredicate,
} from './statement.ts'
/** Attestations of others, and ours: statements with what their predicate says; throw INVALID_SEAL. */
export {
  encodeAttestation,
  isVexType,
  packagesInBundle,
  parseAttestationStatement,
  type AttestationStatement,
} from './attestation.ts'
export type {
  Claim,
  SbomPackage,
  ScanClaim,
  VexStatement,
  Vulnerability,
} from './predicates/claim.ts'
/** Members of JSON documents of a fixed form, and canonical base64; throw INVALID_SEAL. */
export {
  toBytes,
  toList,
  toMembers,
  toObject,
  toText,
  withoutNulls,
  type Members,
} from './members.ts'
export { parseJson } from './statement.ts'
export { encodeBase64 } from './base64.ts'
/** Strict DER: one encoding, bounded depth and size; throws INVALID_SEAL. */
export { openDer, readDer, readEach, TAG, type Der } from './der-reader.ts'
export { DerCursor, toBitOctets, toOid, toSmallInteger, toTimeMs } from './der-cursor.ts'
export {
  derNull,
  encodeDer,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
} from './der-writer.ts'
/** More values in their one DER encoding, for certificates and timestamps. */
export {
  bitString,
  certificateTime,
  derTrue,
  generalizedTime,
  namedBits,
  utf8String,
} from './der-values.ts'
/** Algorithm identifiers as values; parsing throws INVALID_SEAL. */
export {
  encodeDigestAlgorithm,
  encodeSignatureAlgorithm,
  parseDigestAlgorithm,
} from './algorithms.ts'
/** Algorithm identifiers, weak ones refused; throws INVALID_SEAL. */
export {
  encodeDigestInfo,
  OID,
  parseSignatureAlgorithm,
  type HashName,
  type SignatureScheme,
} from './algorithms.ts'
/** ECDSA signatures as numbers in range, and their twins; throws INVALID_SEAL. */
export { checkEcdsa, lowerTwin, otherTwin, type CurveName } from './ecdsa.ts'
/** CMS SignedData of others, read and never trusted; throw INVALID_SEAL. */
export { berToDer } from './ber.ts'
export { parseSignedData, type SignedData } from './signed-data.ts'
export { ID_DATA } from './cms-attributes.ts'
/** PEM blocks (RFC 7468); throws INVALID_SEAL. */
export { encodePem, parsePem, type PemBlock } from './pem.ts'
/** The refusal of a seal, with one stable word for its cause. */
export { malformed } from './refusal.ts'
