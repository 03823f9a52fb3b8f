import assert from 'node:assert/strict'

import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
} from 'kysely'

import { SqliteConnection, type Access } from './connection.ts'

export interface PoolOptions {
  readonly path: string
  readonly access: Access
  /** Handles. SQLite has one writer; readers do not wait for each other. */
  readonly size: number
}

/** SQLite through several handles; Kysely's own has one, behind which snapshots would queue. */
export class PooledSqliteDialect implements Dialect {
  readonly #driver: PooledDriver

  constructor(options: PoolOptions) {
    this.#driver = new PooledDriver(options)
  }

  createDriver(): Driver {
    return this.#driver
  }
  /** A handle for good: no query of a pool gets it any more, and it is closed with the others. */
  take(): SqliteConnection {
    return this.#driver.take()
  }
  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler()
  }
  createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db)
  }
}

/** A migration that is killed half way leaves nothing: SQLite's DDL is transactional, Kysely does not use it. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

class PooledDriver implements Driver {
  readonly #options: PoolOptions
  readonly #all: SqliteConnection[] = []
  readonly #idle: SqliteConnection[] = []
  readonly #waiting: ((connection: SqliteConnection) => void)[] = []

  constructor(options: PoolOptions) {
    this.#options = options
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    const free = this.#free()
    if (free !== undefined) return Promise.resolve(free)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  take(): SqliteConnection {
    const free = this.#free()
    assert(free, 'every handle is in use')
    return free
  }

  #free(): SqliteConnection | undefined {
    const idle = this.#idle.pop()
    if (idle !== undefined || this.#all.length === this.#options.size) return idle
    const connection = new SqliteConnection(this.#options.path, this.#options.access)
    this.#all.push(connection)
    return connection
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const handle = own(connection)
    if (this.#options.access === 'write') return handle.run('begin immediate')
    handle.run('begin')
    // SQLite takes the snapshot at the first read, not at `begin`.
    handle.run('select 1 from sqlite_schema limit 1')
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    own(connection).run('commit')
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const handle = own(connection)
    // A full disk makes SQLite roll back by itself; a second rollback would hide the first error.
    if (handle.db.inTransaction) handle.run('rollback')
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const handle = own(connection)
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(handle)
    else next(handle)
  }

  async destroy(): Promise<void> {
    for (const connection of this.#all.splice(0)) connection.close()
    this.#idle.length = 0
  }
}

/** Only connections of this driver are ever handed to it. */
function own(connection: DatabaseConnection): SqliteConnection {
  assert(connection instanceof SqliteConnection)
  return connection
}
