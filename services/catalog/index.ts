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
export { cancelPublisherVersion, insertPublisher, insertPublisherVersion } from './publishers.ts'
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
/** How many signers a config demands; writes inside the gate. */
export {
  deleteSigningRequirements,
  findSigningRequirements,
  putSigningRequirements,
} from './signing-requirements.ts'
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

// Approvals, break-glass and whose a signer is.
/** Requests with their answers, and what decisions know of them. */
export {
  approversOf,
  approvingSince,
  findApprovalRequest,
  findApprover,
  listApprovalRequests,
  openRequests,
  openRequestsOf,
  type Approves,
} from './approvals.ts'
/** Writes, inside the gate; settling answers undefined where somebody else was first. */
export {
  insertApprovalRequest,
  putApproval,
  revokeApproval,
  settleApprovalRequest,
  voidApprovalRequests,
} from './approvals.ts'
export type { ApprovalAnswer, ApprovalRequest } from './approvals.ts'
/** Exceptions as rows: all, those not reviewed, those whose time is over, and what decisions know of them. */
export {
  exceptionFacts,
  findBreakGlass,
  listBreakGlass,
  overdueBreakGlass,
  grantedBreakGlass,
  unreviewedBreakGlass,
} from './break-glass.ts'
/** Writes, inside the gate. */
export {
  endBreakGlass,
  grantBreakGlass,
  insertBreakGlass,
  reviewBreakGlass,
} from './break-glass.ts'
export type { BreakGlass } from './break-glass.ts'
/** Whose a signer is; writes inside the gate. */
export { deleteSignerOwner, listSignerOwners, putSignerOwner } from './signer-owners.ts'
export type { SignerOwner } from './signer-owners.ts'

// Artifacts: what was admitted, by the digest of its bytes.
/** Reads by digest; `undefined` or missing where no such artifact was ever admitted. */
export { artifactsByDigest, findArtifact } from './artifacts.ts'
/** Which bytes rows name, and which of them versions that there are need. */
export { namedBlobs, usedBlobs } from './artifacts.ts'
/** Writes the row of an accepted artifact once; versions share it. */
export { insertArtifact } from './artifacts.ts'
/** A row that a write touched: what the ledger entry of the change covers. */
export type { TouchedRow } from './touched.ts'

// Functions and their versions.
/** Reads: a function by name, what `$LATEST` shows and what it executes, names in order. */
export { findFunction, findLatest, findServing } from './functions.ts'
/** Writes, inside the gate; numbers belong to the name and are never given twice. */
export {
  deleteFunctionRow,
  deleteSomeOfFunction,
  insertFunction,
  setFunctionTags,
  setLatest,
  takeVersionNumber,
} from './functions.ts'
export type { FunctionRecord } from './functions.ts'
/** Reads of versions: by row id, by number, the newest or all published ones in order. */
export {
  findNewestPublished,
  findPublishedVersion,
  findVersionById,
  pageOfVersions,
} from './versions.ts'
/** Writes, inside the gate or when a state settles. */
export { deleteVersion, insertVersion, setVersionRevision, setVersionStatus } from './versions.ts'
/** Whether nothing is under way; what PublishVersion compares. */
export { isSettled, publishDigest } from './versions.ts'
/** The states as AWS words them (recorded). */
export { activeStatus, pendingStatus, updatingStatus } from './versions.ts'
export type { NewVersion, VersionLayer, VersionRecord, VersionStatus } from './versions.ts'
/** What a version is configured with: AWS's defaults, and what was given laid over it. */
export { defaultConfiguration, withConfiguration, withEgress } from './configuration.ts'
export type {
  ConfigurationInput,
  FunctionConfigurationDocument,
  LoggingConfig,
  VpcConfig,
} from './configuration.ts'
/** The digest of what would run; environment values enter as HMACs. */
export { releaseOf } from './release.ts'

// Aliases.
/** Reads and writes of aliases; a list is a page after a name. */
export { deleteAliasRow, findAlias, insertAlias, listAliases, updateAliasRow } from './aliases.ts'
export type { AliasRecord, AliasRouting } from './aliases.ts'

/** Many functions at once: what their names reach, and the rows of the versions reached. */
export { pageOfLiveRows, versionsReached, type LiveRows, type LiveRowsAsked } from './live-rows.ts'

// What is configured beside the code.
/** Reads and writes of settings: one document for a function, a kind and a qualifier. */
export {
  deleteSetting,
  deleteSomeSettings,
  findSetting,
  listSettings,
  listSettingsOfKind,
  putSetting,
} from './function-settings.ts'
export type {
  FunctionSetting,
  SettingDocument,
  SettingKey,
  SettingKind,
} from './function-settings.ts'
/** Event source mappings; they outlive their function. */
export {
  deleteEventSourceMappingRow,
  findEventSourceMapping,
  insertEventSourceMapping,
  listEventSourceMappings,
  updateEventSourceMappingRow,
} from './event-source-mappings.ts'
export type { EventSourceMapping } from './event-source-mappings.ts'

// Layers.
/** Reads: deleted layer versions are unseen, and stay for the functions that use them. */
export {
  findLayerVersion,
  listLayerVersions,
  listNewestLayers,
  type LayerFilter,
} from './layers.ts'
/** Writes, inside the gate. */
export { insertLayerVersion, markLayerVersionDeleted, takeLayerNumber } from './layers.ts'
/** What a release holds of a layer. */
export { toReleaseLayer } from './layers.ts'
export type { LayerVersionRecord } from './layers.ts'

// Resource policies.
/** Read and written whole, inside the gate; they go with what they hang on. */
export {
  deleteResourcePolicyRow,
  findResourcePolicy,
  putResourcePolicyRow,
} from './resource-policies.ts'
export type { PolicyPlace, ResourcePolicy } from './resource-policies.ts'

// Stages: what governs a function or an alias by its name, and outlives it.
export {
  deleteFloorException,
  deleteFloors,
  deleteFreeze,
  deleteFreezeWindow,
  deletePromotionRule,
  findFloorRule,
  findFunctionReach,
  functionReaches,
  insertFloorException,
  listFloorExceptions,
  listFloorRules,
  listFloors,
  listFreezes,
  listFreezeWindows,
  listPromotionRules,
  putFloor,
  putFloorRule,
  putFreeze,
  putFreezeWindow,
  putFunctionReach,
  putPromotionRule,
  type FloorException,
  type FloorRule,
  type Freeze,
  type StagePlace,
} from './stages.ts'
// Reactions: what is done where something that is live violates, by name; and what is refused or waits.
export {
  bumpGeneration,
  deleteReactionSetting,
  deleteRefusals,
  insertReaction,
  listReactionHolds,
  listReactionSettings,
  listRefusals,
  putReactionHold,
  putReactionSetting,
  putRefusal,
  reactionOf,
  reactionsByScope,
  type DoneReaction,
  type ReactionHold,
  type ReactionSetting,
  type VersionRefusal,
} from './reactions.ts'
// Policy sets.
/** Every one that was in force, of one kind; the newest is in force. */
export {
  findPolicySet,
  findPolicySetAt,
  findPolicySetInForce,
  listPolicySets,
} from './policy-sets.ts'
/** Their text, checked against its digest. */
export { findPolicyDocument, keepPolicyDocument, keepPolicySchema } from './policy-sets.ts'
/** Inside the gate, or by the service at its start. */
export { insertPolicySet, type PolicySetRecord } from './policy-sets.ts'

// Use.
/** Functions, and the bytes of all packages. */
export { sumCodeUsage } from './code-usage.ts'

// Tags.
/** Of what has no column for them; the others' stand with their row. */
export { findResourceTags, setResourceTags } from './resource-tags.ts'

// AWS's answer shapes.
/** FunctionConfiguration, AliasConfiguration, LayerVersionsListItem, GetLayerVersionResponse. */
export {
  toAliasConfiguration,
  toFunctionConfiguration,
  toLayerListItem,
  toLayerVersion,
  type Answer,
} from './answers.ts'
