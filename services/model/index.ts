/**
 * The vocabulary of Lacre: ids, ARNs, digests, error codes, limits, and the values that cross folders.
 * A leaf: it knows no other folder, does no I/O, and reads no clock of its own.
 */
export * as limits from './limits.ts'
export { PlatformError, type ErrorCode, type PlatformErrorOptions } from './errors.ts'
export {
  parseGmtTime,
  parseIsoTime,
  systemClock,
  toAwsTimestamp,
  toIsoTime,
  type Clock,
} from './clock.ts'
export { systemRandom, type Random } from './random.ts'
/** How long to wait after a failure. */
export { backoffMs } from './backoff.ts'
/** Foreign text for people: what could make a terminal show something else is escaped. */
export { escapeUnsafe } from './unsafe-text.ts'
export { newCodeSigningConfigId, newId, newPublisherVersion, type IdPrefix } from './ids.ts'
export { parseSha256, sha256, toBase64Digest, type Sha256 } from './digest.ts'
export { bufferSource, type ByteSource } from './byte-source.ts'
export { canonicalJson, type Json } from './canonical-json.ts'
export { parseStrictJson } from './strict-json.ts'
export { compiledUrl, packageUrl } from './compiled.ts'
export { endQuietly, endThread, endsBy } from './thread-end.ts'
export * as sigv4 from './sigv4.ts'
export { anonymousPrincipal, systemPrincipal, type Principal } from './principal.ts'
export { POLICY_KINDS, policySetResource, type PolicyKind } from './policy-kind.ts'
export {
  API_ACTIONS,
  EVERYTHING,
  GOVERN_GROUPS,
  READ_ACTION,
  functionRef,
  refOfArn,
  type ActionGroup,
  type ApiAction,
  type ResourceKind,
  type ResourceRef,
} from './api-actions.ts'
/** What one attempt to run a function came to. */
export type { AttemptRecord } from './attempt-record.ts'
export type {
  AcceptedArtifact,
  Artifact,
  ArtifactEntry,
  ArtifactIdentity,
  EntryKind,
} from './artifact.ts'
export type {
  PublisherMatch,
  SealFinding,
  SealForm,
  SealFormat,
  SealInput,
  SealLogEntry,
  SealReport,
  SealRule,
  SignerIdentity,
  Verdict,
} from './verdict.ts'
export {
  NOT_NAMED,
  type AttestationKind,
  type AttestationReport,
  type AttestedFacts,
  type SubjectAttestations,
} from './attestation.ts'
export type {
  KeyPublisherDocument,
  KeySuccession,
  ManagedPublisherDocument,
  OidcClaim,
  OidcIdentity,
  OidcPublisherDocument,
  PublisherDocument,
  PublisherCheck,
  PublisherKey,
  Revocation,
  RevocationTarget,
  FetchedRevocationList,
  RevocationSettings,
  SigningRequirements,
  TimestampAuthority,
  TrustedPublisher,
  ValidityPeriod,
  X509PublisherDocument,
} from './publisher.ts'
/** Approvals and break-glass: what decisions know of them, and when an exception holds. */
export {
  APPROVAL_DEFAULT_MS,
  APPROVAL_LIMIT_MS,
  BREAK_GLASS_GRANT_WINDOW_MS,
  BREAK_GLASS_LIMIT_MS,
  EXCEPTION_SCOPES,
  OPEN_REQUESTS_LIMIT,
  isInForce,
  restOf,
  sameWeight,
  type ApprovalFacts,
  type ApproverFacts,
  type ExceptionFacts,
  type ExceptionScope,
  type ExceptionTimes,
  type MoveFacts,
  type Share,
  type SignerOwnerFacts,
} from './approval.ts'
export type {
  ChangeFacts,
  Decision,
  DecisionCheck,
  Facts,
  SigningConfigFacts,
  SubjectFacts,
} from './decision.ts'
export type {
  DatedRange,
  Floor,
  FloorExceptionFact,
  FloorFact,
  FreezeFact,
  FreezeWindow,
  LeavingFacts,
  PromotionFact,
  PromotionRule,
  Reach,
  RisingShare,
  StageFacts,
  WeeklyRange,
} from './stage.ts'
export {
  DEFAULT_REACTION,
  REACTIONS,
  isStronger,
  type Reaction,
  type VerdictFinding,
  type VerdictReason,
  type VerdictState,
  type ViolationCause,
} from './live-verdict.ts'
export {
  loaderVariables,
  releaseDigest,
  type ReleaseLayer,
  type ReleaseParts,
  type ConcurrencyCap,
  defaultLogging,
  type LoggingSpec,
  type ReleaseSpec,
} from './release.ts'
export {
  LATEST,
  codeSigningConfigArn,
  eventSourceMappingArn,
  functionArn,
  layerArn,
  layerVersionArn,
  parseFunctionReference,
  parseLayerVersionArn,
  parsePlace,
  parsePublisherVersionArn,
  publisherVersionArn,
  type FunctionReference,
  type LayerVersionReference,
  type Place,
  type PublisherVersionReference,
} from './arn.ts'
/** The hosts that a function may connect to; parsing throws INVALID_PARAMETER. */
export { egressAllows, parseEgressList } from './egress.ts'
export { LineCutter, LOG_LINE_LIMIT_CHARS } from './line-cutter.ts'
/** What work is made of, for whoever watches. */
export { traced, type Span, type SpanAttributes, type SpanStart, type Tracer } from './tracer.ts'
