/**
 * A data directory backed up while it is used, and made again from a backup. It works on directories and knows no running
 * service; a backup is foreign input until every part of it was verified.
 */
/** Writes a backup; throws LEDGER_BROKEN, OUT_OF_SPACE, INVALID_PARAMETER, CONFIGURATION. */
export { backUp, type BackupOptions, type BackupReport } from './back-up.ts'
/** Makes a data directory of one; throws INVALID_BACKUP, LEDGER_BROKEN, CONFIGURATION, RESOURCE_CONFLICT. */
export { restore, type RestoreOptions, type RestoreReport } from './restore.ts'
/** What the first start after a restore has to record. */
export { readRestored, removeRestored, type Restored } from './restored.ts'
