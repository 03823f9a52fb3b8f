/**
 * One file per action; the place where everything meets. Each action reads top to bottom as the list of
 * CONTRACTS "A deployment, step by step". It must not know HTTP.
 */
export type { Caller, Deps, Log } from './context.ts'
export { noMetrics, type Metrics } from './metrics.ts'
/** Opens and judges artifacts in worker threads. */
export { Examiner } from './examine.ts'
/** An upload on its way, in a file that its owner removes. */
export type { TempFile } from '../blobs/index.ts'
/** Publishers, and what is revoked: all of it governed, none of it ever undone. */
export {
  addPublisherVersion,
  cancelPublisherVersion,
  createPublisher,
  describePublisher,
  listPublishers,
  type PublisherInput,
} from './publishers.ts'
export {
  listRevocations,
  revoke,
  type RevocationRequest,
  type RevocationSubject,
} from './revocations.ts'
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
/** Seals beside an artifact, verified before they are kept. */
export { attachDetachedSeals, type AttachedSeals } from './detached-seals.ts'
/** Decisions as kept, with their facts. */
export {
  listDecisions,
  readDecision,
  type DecisionDocument,
  type DecisionSummary,
} from './decisions.ts'
/** What can be invoked, now or then. */
export { readLive, readLiveHistory } from './live.ts'
/** What works on this machine and what is in force. */
export { readDoctor, type DoctorReport } from './doctor.ts'
/** The ledger as auditors read it; throws RESOURCE_NOT_FOUND before the first checkpoint. */
export { readCheckpoint, readLedgerEntries, type LedgerLine } from './ledger.ts'
/** The durable job that prepares an admitted version and settles its state. */
export { ACTIVATE, activationHandler, activationOptions } from './activate.ts'
/** A change the service makes by itself, with its ledger entry and without a decision. */
export { record } from './commit.ts'
