import { closeSync, existsSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import Database from 'better-sqlite3'

import { PlatformError } from '../model/index.ts'
import { toStoreError } from './sqlite-errors.ts'

/** How long the moment in which nobody writes is waited for, and how long a service may wait for us in one try. */
const MOMENT_LIMIT_MS = 20_000
const FIRST_WAIT_MS = 50
const AGAIN_MS = 3
/** Pages copied before others get a turn: 4 MiB. */
const PAGES = 1_024

export interface DatabaseCopy {
  readonly from: string
  /** A file that is not there yet. */
  readonly to: string
}

/**
 * Copies databases that may be in use, all as they were at one and the same instant: what was committed in any of them
 * before it is in the copies, what came later in none. Writers are held up for the time it takes to open snapshots.
 * @throws PlatformError CONFIGURATION (none there), UNAVAILABLE, OUT_OF_SPACE, LEDGER_BROKEN (damaged)
 */
export async function copyDatabases(
  copies: readonly DatabaseCopy[],
  onProgress: (donePages: number, totalPages: number) => void = () => undefined,
): Promise<void> {
  for (const { from } of copies) {
    if (existsSync(from)) continue
    throw new PlatformError('CONFIGURATION', `there is no database at \`${from}\``)
  }
  let snapshots: readonly Database.Database[] = []
  try {
    snapshots = await openSnapshots(copies.map(({ from }) => from))
    const done = new Map<Database.Database, readonly [number, number]>()
    for (const [at, { to }] of copies.entries()) {
      const source = snapshots[at]
      if (source === undefined) continue
      await copyOne(source, to, (copied, total) => {
        done.set(source, [copied, total])
        const all = [...done.values()]
        onProgress(sum(all.map(([one]) => one)), sum(all.map(([, one]) => one)))
      })
    }
  } catch (error) {
    throw toStoreError(error)
  } finally {
    for (const db of snapshots) db.close()
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** One read transaction to each file, begun while nobody could commit to any of them. */
async function openSnapshots(paths: readonly string[]): Promise<Database.Database[]> {
  const limit = performance.now() + MOMENT_LIMIT_MS
  const writers = paths.map((path, at) => open(path, at === 0 ? FIRST_WAIT_MS : 0))
  const readers: Database.Database[] = []
  try {
    while (!tryLockAll(writers)) {
      if (performance.now() > limit)
        throw new PlatformError('UNAVAILABLE', 'the databases were written to all the time')
      await sleep(AGAIN_MS)
    }
    for (const path of paths) {
      const reader = open(path, FIRST_WAIT_MS)
      readers.push(reader)
      reader.exec('begin')
      // SQLite takes the snapshot at the first read, not at `begin`.
      reader.prepare('select 1 from sqlite_schema limit 1').get()
    }
    return readers
  } catch (error) {
    for (const db of readers) db.close()
    throw error
  } finally {
    for (const db of writers) {
      if (db.inTransaction) db.exec('rollback')
      db.close()
    }
  }
}

/**
 * All locks or none, and only the first is waited for: a process that has the second and waits for the first in one
 * thread would wait for us as we for it.
 */
function tryLockAll(writers: readonly Database.Database[]): boolean {
  try {
    for (const db of writers) db.exec('begin immediate')
    return true
  } catch (error) {
    for (const db of writers) if (db.inTransaction) db.exec('rollback')
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false
    throw error
  }
}

/** For writing, so that what a killed process left in its write-ahead log is read too. */
function open(path: string, timeout: number): Database.Database {
  return new Database(path, { fileMustExist: true, timeout })
}

async function copyOne(
  source: Database.Database,
  to: string,
  onProgress: (copied: number, total: number) => void,
): Promise<void> {
  closeSync(openSync(to, 'wx', 0o600))
  await source.backup(to, {
    progress: ({ totalPages, remainingPages }) => {
      onProgress(totalPages - remainingPages, totalPages)
      return PAGES
    },
  })
  // One file without a log beside it; the service switches the log on again when it opens it.
  const copy = new Database(to, { timeout: FIRST_WAIT_MS })
  try {
    copy.pragma('journal_mode = DELETE')
  } finally {
    copy.close()
  }
}
