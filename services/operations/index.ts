/**
 * One file per action; the place where everything meets. Each action reads top to bottom as the list of
 * CONTRACTS "A deployment, step by step". It must not know HTTP.
 */
export type { BreakGlassSettings, Caller, Deps, Log, Quotas, ReactionLimits } from './context.ts'
export { noMetrics, type Metrics } from './metrics.ts'
export type { EventMetrics } from '../events/index.ts'
/** Runs events, and looks at what became of them. */
export { eventWork } from './event-runner.ts'
export {
  deleteQueueMessages,
  listEvents,
  listQueueMessages,
  listQueues,
  purgeEvents,
  replayEvents,
  showEvent,
  type EventsChosen,
} from './event-queues.ts'
/** What functions wrote, for whoever may read logs; throws INVALID_PARAMETER, UNAVAILABLE. */
export {
  LOG_FOLLOWERS_LIMIT,
  LOG_WAIT_LIMIT_MS,
  logsOf,
  readFunctionLogs,
  type FunctionLogsPage,
} from './function-logs.ts'
export { readPageToken, toPageToken } from './log-pages.ts'
export {
  parseFilterPattern,
  versionOfStream,
  type LogEvent,
  type LogPage,
  type LogQuery,
} from '../logs/index.ts'
/** What attempts came to. */
export { listAttempts, readLatency, readUsage } from './usage.ts'
/** Who is told of ledger entries: subscriptions are governed. */
export {
  createWebhook,
  deleteWebhook,
  disableWebhook,
  enableWebhook,
  listWebhookDeliveries,
  listWebhooks,
  redeliver,
  rotateWebhookSecret,
  showWebhook,
  testWebhook,
  webhookWork,
  type WebhookShown,
} from './webhooks.ts'
export { shownUrl, type OutboxGauges } from '../webhooks/index.ts'
/** Who may do what: the authorization set asked, and answers kept for Invoke. */
export { AccessControl } from './access/access-control.ts'
/** People and workloads, and their roles: governed; no one grants more than he has. */
export {
  createPrincipal,
  disablePrincipal,
  enablePrincipal,
  getPrincipal,
  grantRole,
  listPrincipals,
  revokeRole,
  type NewPrincipal,
} from './access/principals.ts'
/** Takes away what nothing needs; throws UNAVAILABLE while a backup is being made. */
export { GARBAGE_GRACE_MS, collectGarbage, type GarbageReport } from './garbage.ts'
/** What is stored, held against what it should be. */
export { scrub, type ScrubReport, type ScrubState } from './scrub.ts'
export { Scrubs } from './scrubs.ts'
/** The ledger entry of a restore, at the first start after it. */
export { recordRestore } from './restored.ts'
/** Opens and judges artifacts in worker threads. */
export { Examiner } from './examine.ts'
/** Slows down whoever is refused again and again; check throws TOO_MANY_REQUESTS. */
export { RefusalBudget } from './refusal-budget.ts'
/** An upload on its way, in a file that its owner removes. */
export type { TempFile } from '../blobs/index.ts'
/** Publishers, and what is revoked: all of it governed, none of it ever undone. */
export {
  addPublisherVersion,
  cancelPublisherVersion,
  createPublisher,
  describePublisher,
  listPublishers,
  publisherArn,
  type PublisherInput,
} from './publishers.ts'
/** Keeps the revocation lists of publishers' URLs fresh. */
export { RevocationListRefresher } from './revocation-lists.ts'
/** Who else may use a managed publisher, and its tags, as AWS Signer has them. */
export {
  addProfilePermission,
  listProfilePermissions,
  removeProfilePermission,
} from './profile-permissions.ts'
export { changePublisherTags, tagsOfPublisher } from './publisher-tags.ts'
export {
  listRevocations,
  revoke,
  type RevocationRequest,
  type RevocationSubject,
} from './revocations.ts'
/** A seal by a key that the service keeps; throws what the gate throws. */
export { sealByPublisher, type ManagedSeal } from './managed-seals.ts'
/** How many signers a code signing config demands. */
export { getSigningRequirements, putSigningRequirements } from './signing-requirements.ts'
/** Code signing configs, as Lambda has them. */
export {
  createCodeSigningConfig,
  deleteCodeSigningConfig,
  getCodeSigningConfig,
  listCodeSigningConfigs,
  listFunctionsByCodeSigningConfig,
  updateCodeSigningConfig,
} from './code-signing-configs.ts'
/** A function's code signing config: attach, read, detach. */
export {
  deleteFunctionCodeSigningConfig,
  getFunctionCodeSigningConfig,
  putFunctionCodeSigningConfig,
} from './function-code-signing.ts'
/** Approvals of alias moves: asked for, given, taken back; throw ACCESS_DENIED for whoever does not count. */
export {
  approve,
  readApprovalRequest,
  readApprovalRequests,
  requestApproval,
  withdrawApproval,
} from './approvals.ts'
/** Whose a signer is. */
export { mapSigner, readSignerOwners, type NamedSigner } from './signer-owners.ts'
/** Break-glass: asked for by one person, granted by another, over by itself, red until reviewed. */
export {
  BREAK_GLASS_END,
  breakGlassSettings,
  grantBreakGlass,
  readAllBreakGlass,
  readBreakGlass,
  readUnreviewed,
  requestBreakGlass,
  reviewBreakGlass,
} from './break-glass.ts'
/** Its end: by a person, at expiry, and at the start after one. */
export {
  breakGlassEndHandler,
  breakGlassEndOptions,
  endBreakGlass,
  endOverdueBreakGlass,
} from './break-glass-end.ts'
/** Seals beside an artifact, verified before they are kept. */
export { attachDetachedSeals, type AttachedSeals } from './detached-seals.ts'
/** What a change would do to what is live, and the hash by which it is committed while nothing has changed. */
export { makePlan, type Plan, type PlanAsked } from './plans.ts'
/** Facts of what is live, as if it were made so now: what the gate would be asked. */
export { liveFacts } from './live-facts.ts'
/** Attestations beside an artifact: verified before they are kept, judged again whenever they matter. */
export {
  attachAttestation,
  listAttestations,
  readAttestationBundle,
  type ListedAttestation,
} from './attestations.ts'
/** A decision of ours as an attestation for others. */
export { summarizeDecision } from './decision-summary.ts'
/** Decisions as kept, with their facts. */
export { type DecisionDocument, type DecisionSummary } from './decisions.ts'
/** Of them, those that name nothing which the caller may not read; the one form throws ACCESS_DENIED. */
export { listDecisionsFor, readDecisionFor } from './access/readable.ts'
/** Judges what is live again and again, and reacts. */
export { LiveVerifier } from './live-verifier.ts'
export { DEFAULT_REACTION_LIMITS } from './reactions.ts'
/** What can be invoked, now or then. */
export { readLivePage, type LiveAsked } from './live-page.ts'
export { readLive, readLiveHistory, readVerification, type LiveRowStanding } from './live.ts'
/** What is done where something that is live violates: settings by name, what waits for a person, what is refused. */
export {
  liftRefusal,
  planReaction,
  readReactions,
  setReaction,
  settleHold,
  unsetReaction,
  type HoldShown,
} from './reaction-settings.ts'
/** History, as known now and as known then; what the reader may not read is left out. Throw INVALID_PARAMETER, ACCESS_DENIED, RESOURCE_NOT_FOUND. */
export {
  readLiveThen,
  type ExceptionThen,
  type LiveThen,
  type LiveThenAnswer,
} from './history/live-then.ts'
export { readLiveDiff, type LiveDiffAnswer, type SlotDiff } from './history/live-diff.ts'
export { readTimeline, type TimelineEvent } from './history/timeline.ts'
export { readWhere, type Sighting, type WhereKind } from './history/where.ts'
export type { ToldDecision, ToldInterval } from './history/told.ts'
export type { RevocationThen } from './history/revoked.ts'
/** What works on this machine and what is in force. */
export { readDoctor, type DoctorReport } from './doctor.ts'
/** Policy sets: kept, put in force through the gate, compared. */
export {
  applyPolicySet,
  describePolicySet,
  diffPolicyVersions,
  policyNote,
  policySetHistory,
  rollbackPolicySet,
  type PolicySetDescription,
} from './policy-sets.ts'
export { Policies, type ShippedPolicies } from './policies-in-force.ts'
/** What is in force when the service starts; throws CONFIGURATION. */
export { recordPolicyOffline, settlePolicies } from './policy-start.ts'
/** Evidence of what was live in an alias, as a finished file; throws as documented there. */
export { exportEvidence, type EvidenceFile, type EvidenceRequest } from './evidence.ts'
/** The ledger as auditors read it; throws RESOURCE_NOT_FOUND before the first checkpoint. */
export {
  askWitness,
  readCheckpoint,
  readConsistency,
  readInclusion,
  readLedgerEntries,
  readTlog,
  type LedgerLine,
} from './ledger.ts'
/** What stands between a ledger begun anew and the first invocation; throws RESOURCE_CONFLICT. */
export { readHold, releaseHold, type LedgerHold } from './ledger-hold.ts'
/** A change the service makes by itself, with its ledger entry and without a decision. */
export { record } from './commit.ts'
/** Functions: create, update, read, delete. What is refused throws what the gate throws. */
export { createFunction, type CreateFunctionInput, type VersionChange } from './create-function.ts'
export { updateFunctionCode, type UpdateFunctionCodeInput } from './update-function-code.ts'
export {
  updateFunctionConfiguration,
  type UpdateFunctionConfigurationInput,
} from './update-function-configuration.ts'
/** Where a function may connect to: a configuration change, and what is read of it. */
export { readEgress, setEgress, type EgressShown } from './egress.ts'
export { deleteFunction, type Removal } from './delete-function.ts'
export { getFunction, listFunctions, listVersions, type FunctionFound } from './get-function.ts'
export type { CodeSource } from './code-source.ts'
export type { PageAnswer, PageAsked } from './page.ts'
/** Versions: publishing unchanged code answers the version that is there. */
export { publishVersion, type PublishVersionInput } from './publish-version.ts'
/** Aliases: every move is judged as an upload is. */
export { createAlias, type AliasChange, type CreateAliasInput } from './create-alias.ts'
export { updateAlias, type UpdateAliasInput } from './update-alias.ts'
export { deleteAlias } from './delete-alias.ts'
export { getAlias, listAliases, type AliasFound } from './get-alias.ts'
/** Links to the bytes of one artifact: given with what describes it, honoured for ten minutes. */
export { openDownload, permitDownload } from './download-link.ts'
/** Layers: examined and kept as code is, judged with every function that takes them. */
export {
  publishLayerVersion,
  type LayerChange,
  type PublishLayerVersionInput,
} from './publish-layer-version.ts'
export {
  getLayerVersion,
  getLayerVersionByArn,
  listLayerVersions,
  listLayers,
  type LayerFilter,
} from './get-layer-version.ts'
export { deleteLayerVersion } from './delete-layer-version.ts'
/** Resource policies: who else may use a function or layer version; letting somebody in is judged. */
export {
  addPermission,
  getPolicy,
  removePermission,
  type AddPermissionInput,
  type PolicyAnswer,
  type RemovePermissionInput,
} from './function-policy.ts'
export {
  addLayerVersionPermission,
  getLayerVersionPolicy,
  removeLayerVersionPermission,
} from './layer-policy.ts'
export {
  deleteResourcePolicy,
  getResourcePolicy,
  putResourcePolicy,
  type ResourcePolicyAsked,
} from './resource-policy.ts'
/** The limits of this installation and what of them is used. */
export { getAccountSettings, type AccountSettings } from './account-settings.ts'
/** Tags of functions, code signing configs and event source mappings. */
export { listTags, tagResource, untagResource } from './tags.ts'
export { checkTags, type Tags } from './tag-rules.ts'
/** Reserved concurrency, enforced by `invoke`; provisioned concurrency, judged and started beforehand. */
export {
  deleteFunctionConcurrency,
  getFunctionConcurrency,
  putFunctionConcurrency,
} from './reserved-concurrency.ts'
export {
  deleteProvisionedConcurrency,
  getProvisionedConcurrency,
  listProvisionedConcurrency,
  putProvisionedConcurrency,
  type ProvisionedConcurrency,
} from './provisioned-concurrency.ts'
/** What becomes of asynchronous invocations, as configured. */
export {
  deleteEventInvokeConfig,
  getEventInvokeConfig,
  listEventInvokeConfigs,
  setEventInvokeConfig,
  type EventInvokeConfig,
} from './event-invoke-configs.ts'
/** URLs of functions and aliases: creating or changing one is judged. */
export {
  createFunctionUrl,
  deleteFunctionUrl,
  getFunctionUrl,
  listFunctionUrls,
  updateFunctionUrl,
  type FunctionUrl,
} from './function-urls.ts'
/** Options that admit no code: runtime management, recursion, scaling. */
export { getFunctionOption, putFunctionOption } from './function-options.ts'
/** Event source mappings: creating or changing one is judged. */
export {
  createEventSourceMapping,
  deleteEventSourceMapping,
  getEventSourceMapping,
  listEventSourceMappings,
  updateEventSourceMapping,
} from './event-source-mappings.ts'
/** Stages: freezes, windows, promotion, floors and reach, by name. What is refused throws what the gate throws. */
export {
  freeze,
  liftFreeze,
  readReach,
  readStages,
  removeFreezeWindow,
  removePromotionRule,
  setFreezeWindow,
  setPromotionRule,
  setReach,
} from './stages.ts'
export { endFloorException, grantFloorException, removeFloor, setFloor } from './floor-changes.ts'
/** Where an alias may always return to: for what returns it by itself. */
export { lastCompliant, type ComplianceTarget } from './leaving.ts'
/** The warm path: resolves once, runs exactly that. */
/** What a resource policy says to a request of a function URL. */
export { judgeUrlAccess, type UrlCaller } from './url-access.ts'
export {
  invoke,
  type AnswerReceiver,
  type AnswerStart,
  type InvokeAnswer,
  type InvokeInput,
} from './invoke.ts'
/** The durable job that prepares what was admitted, for `app.ts` to register. */
export { ACTIVATE, activationHandler, activationOptions } from './activate.ts'
/** Access keys of this installation: made for the caller, listed, disabled. */
export {
  createAccessKey,
  disableAccessKey,
  listAccessKeys,
  type AccessKeyParts,
} from './access-keys.ts'
