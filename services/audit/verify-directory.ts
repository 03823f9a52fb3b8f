import { existsSync } from 'node:fs'
import { join } from 'node:path'

import type { LedgerReport, NoteKey } from '../ledger/index.ts'
import { openReader } from '../store/index.ts'
import { readOutside } from './outside.ts'
import { verifyLedger } from './verify.ts'

export interface VerifyDirectoryOptions {
  readonly dataDir: string
  /** The database's file in it. */
  readonly database: string
  readonly logKey?: NoteKey
  /** Checkpoints kept elsewhere, as notes. */
  readonly checkpoints?: readonly string[]
}

/**
 * Verifies a data directory without holding it: beside a running service, or of one that is stopped.
 * @throws PlatformError CONFIGURATION (there is none), LEDGER_BROKEN (cannot be read at all)
 */
export async function verifyDirectory(options: VerifyDirectoryOptions): Promise<LedgerReport> {
  await using db = openReader(join(options.dataDir, options.database))
  // Read before the snapshot: a checkpoint signed in between would be larger than what is read.
  const outside = existsSync(options.dataDir) ? readOutside(options.dataDir) : undefined
  const checkpoints = [...(options.checkpoints ?? []), ...(outside === undefined ? [] : [outside])]
  return await db
    .transaction()
    .execute((reader) => verifyLedger(reader, { data: true, logKey: options.logKey, checkpoints }))
}
