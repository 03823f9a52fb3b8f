import { sql, SqliteAdapter, type ColumnDefinitionBuilder, type CreateTableBuilder } from 'kysely'
import type { ColumnDataType, Kysely } from 'kysely'

/** What one dialect alone has, for migration 0001; frozen with it. */
export interface Dialect {
  /** Whole numbers up to 2^53: milliseconds do not fit PostgreSQL's `integer`. */
  readonly int: ColumnDataType
  readonly real: ColumnDataType
  /** A number the database gives, never given twice. */
  readonly serial: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  readonly finish: (table: CreateTableBuilder<string>) => CreateTableBuilder<string>
  /** Makes the database itself refuse to change what never changes. */
  protect(db: Kysely<unknown>): Promise<void>
}

export function dialectOf(db: Kysely<unknown>): Dialect {
  return db.getExecutor().adapter instanceof SqliteAdapter ? sqlite : postgres
}

const sqlite: Dialect = {
  int: 'integer',
  real: 'real',
  serial: (column) => column.primaryKey().autoIncrement(),
  finish: (table) => table.modifyEnd(sql`strict`),
  async protect(db) {
    for (const [name, event, condition, message] of rules()) {
      const when = condition === undefined ? sql`` : sql`when ${sql.raw(condition)}`
      await sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} for each row ${when}
        begin select raise(abort, ${sql.lit(message)}); end`.execute(db)
    }
  },
}

const postgres: Dialect = {
  int: 'bigint',
  real: 'double precision',
  serial: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
  finish: (table) => table,
  async protect(db) {
    await sql`create function refuse_change() returns trigger language plpgsql as
      'begin raise exception ''%'', tg_argv[0]; end'`.execute(db)
    for (const [name, event, condition, message] of rules()) {
      const when = condition === undefined ? sql`` : sql`when (${sql.raw(condition)})`
      await sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} for each row ${when}
        execute function refuse_change(${sql.lit(message)})`.execute(db)
    }
  },
}

/** Rows that are written once. */
const WRITTEN_ONCE = [
  'ledger_entry',
  'ledger_node',
  'ledger_checkpoint',
  'revocation',
  'decision',
  'document',
  'publisher',
]
/** Rows of which only the columns not named here may change, and which stay. */
const FIXED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  publisher_version: ['publisher_id', 'version', 'document', 'digest', 'created_at'],
  sealed_key: ['purpose', 'public_key_pem', 'created_at'],
  live_interval: [
    'id',
    'function_name',
    'alias',
    'slot',
    'version',
    'weight',
    'layers',
    'code_sha256',
    'release',
    'decision_id',
    'from_ms',
    'from_index',
  ],
  ledger_head: ['id', 'origin'],
  function_name: ['name'],
  layer: ['name'],
  world: ['id'],
}
/** Counters that never go back: a number once given is never given again. */
const RISING: Readonly<Record<string, string>> = {
  function_name: 'next_version',
  layer: 'next_version',
  ledger_head: 'size',
  world: 'counter',
}

type Rule = readonly [name: string, event: string, when: string | undefined, message: string]

function* rules(): Generator<Rule> {
  for (const table of WRITTEN_ONCE) {
    yield [`${table}_no_update`, `update on "${table}"`, undefined, `${table} is written once`]
    yield [`${table}_no_delete`, `delete on "${table}"`, undefined, `${table} is never deleted`]
  }
  for (const [table, columns] of Object.entries(FIXED_COLUMNS)) {
    const list = columns.map((column) => `"${column}"`).join(', ')
    const event = `update of ${list} on "${table}"`
    yield [`${table}_fixed`, event, undefined, `${table} keeps ${columns.join(', ')}`]
    yield [`${table}_no_delete`, `delete on "${table}"`, undefined, `${table} is never deleted`]
  }
  for (const [table, column] of Object.entries(RISING)) {
    const event = `update of "${column}" on "${table}"`
    const back = `new."${column}" < old."${column}"`
    yield [`${table}_rises`, event, back, `${table}.${column} never goes back`]
  }
  yield [`artifact_fixed`, `update on "artifact"`, undefined, 'artifact is written once']
  const reopened = 'old.to_ms is not null'
  const close = 'update of "to_ms", "to_index" on "live_interval"'
  yield ['live_interval_closed', close, reopened, 'a closed live_interval stays closed']
  const revoked = `old.status = 'Revoked' and new.status <> 'Revoked'`
  const status = 'update of "status" on "publisher_version"'
  yield ['publisher_version_final', status, revoked, 'a revocation is final']
}
