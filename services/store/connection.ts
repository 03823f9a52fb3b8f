import Database, { type Statement } from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'

import { toStoreError } from './sqlite-errors.ts'

/** Compiling a statement costs four times what running it does; a connection keeps this many. */
const STATEMENTS_KEPT = 256
/** How long a statement waits for another process (`ledger verify` reads beside us). */
const BUSY_TIMEOUT_MS = 5_000

export type Access = 'read' | 'write'

/** One SQLite handle as Kysely sees it, with the statements it has compiled. */
export class SqliteConnection implements DatabaseConnection {
  readonly db: Database.Database
  readonly #statements = new Map<string, Statement>()

  constructor(path: string, access: Access) {
    this.db = openHandle(path, access)
  }

  // oxlint-disable-next-line typescript/require-await -- a throw has to become a rejection
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const statement = this.#statement(query.sql)
      if (statement.reader) return { rows: statement.all(...query.parameters) as R[] }
      const { changes, lastInsertRowid } = statement.run(...query.parameters)
      return {
        rows: [],
        numAffectedRows: BigInt(changes),
        insertId: BigInt(lastInsertRowid),
      }
    } catch (error) {
      throw toStoreError(error)
    }
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncGenerator<QueryResult<R>> {
    // A statement of its own: one that is being stepped through cannot be run a second time.
    try {
      for (const row of this.db.prepare(query.sql).iterate(...query.parameters)) {
        yield { rows: [row as R] }
      }
    } catch (error) {
      throw toStoreError(error)
    }
  }

  run(sql: string): void {
    try {
      const statement = this.#statement(sql)
      if (statement.reader) statement.all()
      else statement.run()
    } catch (error) {
      throw toStoreError(error)
    }
  }

  close(): void {
    this.#statements.clear()
    this.db.close()
  }

  #statement(sql: string): Statement {
    const kept = this.#statements.get(sql)
    if (kept !== undefined) {
      this.#statements.delete(sql)
      this.#statements.set(sql, kept)
      return kept
    }
    const statement = this.db.prepare(sql)
    this.#statements.set(sql, statement)
    if (this.#statements.size > STATEMENTS_KEPT) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest)
        break
      }
    }
    return statement
  }
}

/**
 * better-sqlite3 is compiled with WAL commits that do not survive power loss, and with schemas trusted:
 * both are set right on every handle. It turns SQLite's defensive mode on by itself.
 */
function openHandle(path: string, access: Access): Database.Database {
  try {
    const db = new Database(path, { readonly: access === 'read', timeout: BUSY_TIMEOUT_MS })
    if (access === 'write') db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    db.pragma('trusted_schema = OFF')
    db.pragma('cell_size_check = ON')
    // INSERT OR REPLACE deletes without telling triggers unless this is on.
    db.pragma('recursive_triggers = ON')
    db.pragma('journal_size_limit = 67108864')
    if (access === 'read') db.pragma('query_only = ON')
    return db
  } catch (error) {
    throw toStoreError(error)
  }
}
