/**
 * What is kept: functions, versions, aliases, layers, publishers, code signing configs. Rows in, model types out;
 * it must not know HTTP, nor judge anything.
 */

// Publishers: whom to trust, and since when no longer.
/** Parsed at the door; throws INVALID_PARAMETER. */
export { parsePublisherName } from './publishers.ts'
/** Reads; the get forms throw RESOURCE_NOT_FOUND. */
export { findPublisher, getPublisher, getPublisherVersion, listPublishers } from './publishers.ts'
/** Writes, inside the gate. insertPublisher throws RESOURCE_CONFLICT for a name ever taken. */
export { insertPublisher, insertPublisherVersion, retirePublisherVersion } from './publishers.ts'
/** Every publisher version as trust wants them, marked where a code signing config allows it. */
export { trustedPublishers } from './publishers.ts'
export type { Publisher, PublisherStatus, PublisherVersion } from './publishers.ts'
/** What is revoked: the earliest effective time of each target, or all entries as recorded. */
export { revocationHistory, revocations } from './revocations.ts'
/** Throws RESOURCE_CONFLICT where the target is revoked from that time or before. */
export { insertRevocation, type NewRevocation } from './revocations.ts'

// Code signing configs.
/** The id in an ARN of this place, undefined for any other. */
export { codeSigningConfigId } from './code-signing-configs.ts'
/** Reads; lists are pages after a marker. */
export {
  findCodeSigningConfig,
  findSignedFunction,
  listCodeSigningConfigs,
  listFunctionsByCodeSigningConfig,
} from './code-signing-configs.ts'
/** What the ARNs of a config name at this moment. */
export { resolveAllowedPublishers } from './code-signing-configs.ts'
/** What the gate judges by: policy and the publisher versions that count. */
export { signingConfigFor } from './code-signing-configs.ts'
/** Writes, inside the gate. */
export {
  deleteCodeSigningConfig,
  insertCodeSigningConfig,
  setFunctionCodeSigningConfig,
  updateCodeSigningConfig,
} from './code-signing-configs.ts'
export type {
  AllowedPublisher,
  CodeSigningConfig,
  SignedFunction,
  SigningPolicy,
} from './code-signing-configs.ts'
