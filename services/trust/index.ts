/**
 * Judges seals: who signed, whether that counts here and now, and what stands against it. Pure: no disk, no net, no
 * clock, no private key; revocations, publishers and the instant are given. Signature mathematics is node:crypto's.
 */

/** The verdict over all seals of an artifact; a no is in it, with every reason. Throws nothing for a bad seal. */
export { judge } from './judge.ts'
export type { JudgeInput } from './judge-input.ts'
/** What is attested of an artifact, and by whom it counts; throws nothing for a bad attestation. */
export { attested, type AttestedInput } from './attested.ts'
/** The purpose that a publisher needs for attestations of a type. */
export { purposeOf } from './attestation-checks.ts'
/** Block and detached seals together; throws INVALID_SEAL where the block is malformed, which means tampered. */
export { collectSeals } from './collect-seals.ts'
/** Whether one wrapping of a signature verifiably says more than another. */
export { saysMore } from './says-more.ts'
/** Remembers mathematics between judgements, never verdicts. */
export { VerificationCache } from './cache.ts'
/** The only maker of AcceptedArtifact; throws INVALID_CODE_SIGNATURE or POLICY_DENIED. */
export { accept } from './accept.ts'
/** Publisher documents, strictly; throw INVALID_PARAMETER. */
export { parsePublisherDocument, publisherFromPem } from './publisher-document.ts'
/** A timestamp authority from PEM; throws INVALID_PARAMETER. */
export { timestampAuthorityFromPem } from './timestamp-authority-document.ts'
/** Whether a timestamp just made holds by itself; throws INVALID_SEAL. */
export { checkFreshTimestamp } from './timestamp.ts'
/** AWS Signer's own signature in a zip: read, never trusted. */
export { describeAwsSignature, readAwsSignature, type AwsSignature } from './aws-signer.ts'
/** What to record to revoke a certificate or key; throws INVALID_PARAMETER. */
export { revocationTargetsOf } from './targets.ts'
/** The signers that count towards a threshold, each once. */
export { distinctSigners } from './threshold.ts'
/** What one key signs to make another its successor. */
export { successionBytes } from './lineage.ts'
/** What may be set of a managed publisher; its key is the service's to make. Throws INVALID_PARAMETER. */
export { managedDocument, parseManagedSettings, type ManagedSettings } from './managed-document.ts'
/** Certificates and keys, parsed strictly; throw INVALID_SEAL. */
export {
  isSelfIssued,
  isSignedBy,
  parseCertificate,
  publicKeyOf,
  type Certificate,
} from './certificate.ts'
/** A Sigstore TrustedRoot, strictly; throws INVALID_SEAL. */
export { parseTrustedRoot, type TrustedRoot } from './sigstore/trusted-root.ts'
export { parsePublicKey, type PublicKey } from './public-key.ts'
/** A path to a root by RFC 5280 §6, and what a certificate may be for. */
export { findPath, isValidAt, type PathOptions, type PathResult } from './path.ts'
export type { PathRules } from './path-checks.ts'
export { PURPOSES, type Purpose } from './purpose.ts'
/** Whether one signature is by a key, with nothing left to choose; throws INVALID_SEAL for another kind of key. */
export { verifySignature } from './signature.ts'
/** What revocation lists and OCSP responses say of a path. */
export { checkStatus, type StatusResult } from './certificate-status.ts'
/** A revocation list in DER or PEM as documents hold it; throws INVALID_PARAMETER. */
export { revocationListPem } from './x509-document.ts'
/** One revocation list, strictly; throws INVALID_SEAL. */
export { parseRevocationList, type RevocationList } from './revocation-list.ts'
/** Whether an authority of the publisher's own signed a list. */
export { isListOfPublisher } from './list-issuer.ts'
