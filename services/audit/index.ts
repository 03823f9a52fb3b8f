/**
 * The ledger kept in the store: entries appended in the transaction of what they tell of, checkpoints signed after
 * it, and the verification of all of it. It knows which rows are governed, and nothing of why they changed.
 */
/** What an operation tells the ledger, and what it gets back. */
export type { Appended, NewEntry, Position } from './append.ts'
/** The governed tables with the columns that name a row. */
export { governedTables, readRow, type GovernedTable, type Row, type RowRef } from './governed.ts'
/** The ledger of a running service; opening one that lost entries throws LEDGER_BROKEN. */
export { openAudit, recordKey, type AuditOptions, type AuditTrail } from './trail.ts'
/** Cosignatures of witnesses (C2SP tlog-witness); it does no request itself. */
export {
  Witnesses,
  type AskWitness,
  type WitnessConfig,
  type WitnessStanding,
} from './witnesses.ts'
/** A new key for the ledger, or a new ledger where the old one cannot be gone on with. */
export { rotateLedger } from './rotate.ts'
export { recoverLedger, type RecoverOptions, type Recovered } from './recover.ts'
/** Nothing is invoked while it stands. */
export { findHold, liftHold } from './hold.ts'
/** Whole verification: of a snapshot, or of a data directory that somebody else may be using. */
export { verifyLedger, type VerifyLedgerOptions } from './verify.ts'
export { verifyDirectory, type VerifyDirectoryOptions } from './verify-directory.ts'
/** Complete subtrees of the log, for proofs; throws LEDGER_BROKEN. */
export {
  ledgerRows,
  nodeReaderOf,
  rootOfRows,
  type KeptCheckpoint,
  type LedgerRows,
} from './ledger-rows.ts'
/** Ledgers that were ended, and the public key of each. */
export { findLogKey, pastLedgers } from './epochs.ts'
/** Whether a ledger extends a checkpoint kept elsewhere, and whether one is by a key of its own; throws LEDGER_BROKEN. */
export { checkAgainst, isByKnownKey } from './at-start.ts'
/** What the ledger is at: size, root, newest checkpoint. */
export { readStand, type LedgerStand } from './head.ts'
/** What is shown of it: checkpoints with their cosignatures, tiles, proofs; throws RESOURCE_NOT_FOUND. */
export {
  checkpointOfEpoch,
  newestCheckpoint,
  proveConsistency,
  proveInclusion,
  readTile,
  type ConsistencyAnswer,
  type InclusionAnswer,
} from './published.ts'
/** What a proof of inclusion comes to, by itself and one key. */
export { checkInclusion, type InclusionFinding } from './inclusion-check.ts'
/** The ledger as JSON Lines for `lacre ledger verify --file`. */
export { exportLedger } from './export.ts'
/** The last checkpoint signed, kept outside a database: also that of the private authority's log, and what a witness remembers. */
export { openOutside, openOutsideAt } from './outside.ts'
