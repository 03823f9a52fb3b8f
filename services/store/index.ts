/**
 * The database: one SQLite file, migrated, with one writer and several readers. Reads take a Reader, writes take a
 * Writer, first parameter, never optional. It knows rows and transactions, and nothing of what they mean.
 */
/** Opens or makes the database; openReader and checkFile read one beside a running service. */
export {
  checkFile,
  openReader,
  openStore,
  type Reader,
  type Store,
  type StoreOptions,
  type Writer,
} from './open.ts'
/** A query that is compiled once, and run with other values from then on. */
export { prepared } from './prepared.ts'
/** Throws CONFIGURATION for a database of a newer program. */
export { refuseNewer } from './migrate.ts'
/** What in the schema of a database is not as its migrations made it. */
export { checkSchema } from './check-schema.ts'
/** Holds a data directory for this process; throws DATA_DIRECTORY_IN_USE. */
export { lockDataDirectory, type DirectoryLock } from './lock.ts'
/** Nothing is removed while anybody keeps the files: also between processes. */
export { keepFiles, removeFiles } from './lock.ts'
/** Copies databases in use, all of one instant; throws UNAVAILABLE, OUT_OF_SPACE. */
export { copyDatabases, type DatabaseCopy } from './copy.ts'
/** True for an error by which a constraint of the schema refused a write. */
export { isConstraintError } from './sqlite-errors.ts'
/** The rows of each table. */
export type {
  AccessKeyTable,
  AliasTable,
  ArtifactTable,
  CodeSigningConfigTable,
  DecisionTable,
  DetachedSealTable,
  DocumentTable,
  FunctionNameTable,
  FunctionTable,
  FunctionVersionTable,
  JobsTable,
  LayerTable,
  LayerVersionTable,
  PrincipalTable,
  PublisherTable,
  PublisherVersionTable,
  ResourcePolicyTable,
  RevocationListTable,
  RevocationTable,
  Schema,
  SealedKeyTable,
  SeenSignatureTable,
  SettingTable,
  WorldTable,
} from './schema.ts'
export type { ApprovalRequestTable, ApprovalTable, BreakGlassTable } from './approvals-schema.ts'
export type {
  LiveVerdictTable,
  LiveVerificationTable,
  ReactionHoldTable,
  ReactionSettingTable,
} from './live-schema.ts'
export type { LiveIntervalTable } from './history-schema.ts'
export type {
  LedgerCheckpointTable,
  LedgerEntryTable,
  LedgerHeadTable,
  LedgerNodeTable,
  PastLedgerTable,
} from './ledger-schema.ts'
export type { PolicySetTable } from './policy-schema.ts'
export type { ConsoleSessionTable, OidcIdentityTable } from './access-schema.ts'
export type { AuthorityKeyTable, LogHeadTable } from './authority-schema.ts'
export type { EventTable, QueueMessageTable } from './events-schema.ts'
export type { WebhookDeliveryTable, WebhookTable } from './webhook-schema.ts'
