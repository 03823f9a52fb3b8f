import Database from 'better-sqlite3'

import { PlatformError } from '../model/index.ts'

/**
 * What the disk and the lock do to us becomes a typed error; a constraint that fails stays as it is, for it
 * is the caller's race to explain.
 */
export function toStoreError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error
  const code = error.code
  if (code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR')) {
    return new PlatformError('OUT_OF_SPACE', 'the service cannot write its data at the moment', {
      cause: error,
      detail: { sqlite: code },
    })
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new PlatformError('UNAVAILABLE', 'the database is locked by another process', {
      cause: error,
      detail: { sqlite: code },
    })
  }
  if (code.startsWith('SQLITE_CANTOPEN')) {
    return new PlatformError('UNAVAILABLE', 'the database file cannot be opened', {
      cause: error,
      detail: { sqlite: code },
    })
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return new PlatformError('LEDGER_BROKEN', 'the database file is damaged', {
      cause: error,
      detail: { sqlite: code },
    })
  }
  return error
}

/** Whether a constraint of the schema refused: two writers met, or a rule of the schema was broken. */
export function isConstraintError(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT')
}
