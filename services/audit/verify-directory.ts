import { join } from 'node:path'

import type { LedgerFinding, LedgerReport, NoteKey } from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import { checkFile, checkSchema, openReader, type Reader } from '../store/index.ts'
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
  const path = join(options.dataDir, options.database)
  await using db = openReader(path)
  // Read before the snapshot: a checkpoint signed in between would be larger than what is read.
  const outside = readOutside(options.dataDir)
  const checkpoints = [...(options.checkpoints ?? []), ...(outside === undefined ? [] : [outside])]
  const damage = [...checkFile(path), ...(await schemaDamage(db))]
  const report = await db
    .transaction()
    .execute((reader) => verifyLedger(reader, { data: true, logKey: options.logKey, checkpoints }))
    .catch((cause: unknown) => {
      // Rows of a damaged file may be of any shape: that it is damaged is the answer.
      if (damage.length === 0 || cause instanceof PlatformError) throw cause
      throw new PlatformError('LEDGER_BROKEN', `the database is damaged: ${damage[0]}`, { cause })
    })
  const findings = [...report.findings, ...damage.map(toFinding)]
  return { ...report, findings, authenticated: report.authenticated && findings.length === 0 }
}

/** Indexes hold copies of rows, and triggers refuse to change them: neither may say anything else than it did. */
async function schemaDamage(reader: Reader): Promise<string[]> {
  try {
    return await checkSchema(reader)
  } catch (error) {
    return [`the schema cannot be read: ${error instanceof Error ? error.message : 'unknown'}`]
  }
}

function toFinding(message: string): LedgerFinding {
  return { kind: 'malformed', message }
}
