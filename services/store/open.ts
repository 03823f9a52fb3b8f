import { closeSync, existsSync, openSync, statSync } from 'node:fs'

import Database from 'better-sqlite3'
import { Kysely, type Transaction } from 'kysely'

import { PlatformError } from '../model/index.ts'

import { PooledSqliteDialect } from './dialect.ts'
import { migrate, type StoreKind } from './migrate.ts'
import type { Schema } from './schema.ts'
import { toStoreError } from './sqlite-errors.ts'
import { Transactions } from './transactions.ts'

/** Reads, of the last committed state. */
export type Reader = Kysely<Schema>
/** Writes, inside one transaction; only `Store.transaction` makes one. */
export type Writer = Transaction<Schema>

/** Snapshots that may be open at once before the next one waits. */
const READ_HANDLES = 4

export interface Store {
  readonly path: string
  /** Each query sees the last commit; two queries may see two. */
  readonly reader: Reader
  /** All that `work` reads is one committed state. */
  snapshot<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  /**
   * Commits when `work` resolves, rolls back when it rejects; one at a time, and those that wait share a commit: each
   * is answered once that is on the disk. SQL only in there: no file, process or network is waited for, and no second
   * transaction, which would wait for this one for ever.
   * @throws PlatformError OUT_OF_SPACE, UNAVAILABLE
   */
  transaction<T>(work: (tx: Writer) => Promise<T>): Promise<T>
  /** How many commits there were: fewer than transactions, where some came together. */
  readonly commits: number
  /** SQLite's full check and the references: what is wrong, in its words; empty where nothing is. */
  integrity(): string[]
  /** True where the process before this one did not close the database. */
  readonly uncleanShutdown: boolean
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface StoreOptions {
  readonly path: string
  /** Whose tables: the service's unless said otherwise. */
  readonly kind?: StoreKind
}

/**
 * Opens or makes the database, migrated, and checked first where the last process was killed.
 * @throws PlatformError CONFIGURATION (written by a newer version), LEDGER_BROKEN (damaged), OUT_OF_SPACE
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path } = options
  // Environment values stand in here: nobody else reads it. WAL and shm take the mode over.
  closeSync(openSync(path, 'a', 0o600))
  const uncleanShutdown = walIsLeft(path)
  const dialect = new PooledSqliteDialect({ path, access: 'write', size: 1 })
  const writer = new Kysely<Schema>({ dialect })
  try {
    if (uncleanShutdown) refuseDamage(path)
    await migrate(writer, options.kind)
  } catch (error) {
    await writer.destroy()
    throw toStoreError(error)
  }
  return buildStore(path, { writer, dialect, uncleanShutdown })
}

/**
 * Opens a database that may be in use, to read it alone: no lock, no migration.
 * @throws PlatformError CONFIGURATION (none there), OUT_OF_SPACE
 */
export function openReader(path: string): Reader & AsyncDisposable {
  if (!existsSync(path))
    throw new PlatformError('CONFIGURATION', `there is no database at \`${path}\``)
  const db = new Kysely<Schema>({
    dialect: new PooledSqliteDialect({ path, access: 'read', size: 1 }),
  })
  return Object.assign(db, { [Symbol.asyncDispose]: () => db.destroy() })
}

interface Opened {
  readonly writer: Kysely<Schema>
  /** The writer's. */
  readonly dialect: PooledSqliteDialect
  readonly uncleanShutdown: boolean
}

function buildStore(path: string, { writer, dialect, uncleanShutdown }: Opened): Store {
  const reader = new Kysely<Schema>({
    dialect: new PooledSqliteDialect({ path, access: 'read', size: READ_HANDLES }),
  })
  const transactions = new Transactions(dialect.take(), {
    config: { dialect },
    dialect,
    driver: dialect.createDriver(),
    executor: writer.getExecutor(),
  })
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await transactions.drain()
    await reader.destroy()
    // The last handle to close folds the WAL into the database, and a clean end leaves none.
    await writer.destroy()
  }
  const store: Store = {
    path,
    reader,
    uncleanShutdown,
    snapshot: (work) => reader.transaction().execute(work),
    transaction: (work) => transactions.run(work),
    get commits() {
      return transactions.commits
    },
    integrity: () => checkFile(path, 'integrity_check'),
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => store.close(),
  }
  return store
}

function walIsLeft(path: string): boolean {
  const wal = `${path}-wal`
  return existsSync(wal) && statSync(wal).size > 0
}

function refuseDamage(path: string): void {
  const [first] = checkFile(path, 'quick_check')
  if (first !== undefined) {
    throw new PlatformError('LEDGER_BROKEN', 'the database file is damaged', {
      detail: { found: first },
    })
  }
}

/** What SQLite finds wrong in a database file, in its words; empty where nothing is. @throws PlatformError LEDGER_BROKEN */
export function checkFile(
  path: string,
  pragma: 'quick_check' | 'integrity_check' = 'integrity_check',
): string[] {
  try {
    const db = new Database(path, { readonly: true })
    try {
      const lines = db.pragma(pragma) as Record<string, string>[]
      const dangling = db.pragma('foreign_key_check') as { table: string; rowid: number }[]
      return [
        ...lines.flatMap((line) => Object.values(line)).filter((line) => line !== 'ok'),
        ...dangling.map((row) => `${row.table} row ${row.rowid} names a row that is not there`),
      ]
    } finally {
      db.close()
    }
  } catch (error) {
    throw toStoreError(error)
  }
}
