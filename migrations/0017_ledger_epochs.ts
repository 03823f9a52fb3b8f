import { sql, SqliteAdapter, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Ledgers that were ended: a log has one tree, one origin and one key, so that a new key or a new beginning is a new
 * ledger. What is in the tables of the ledger leaves them only for these, byte for byte. And what witnesses said of
 * checkpoints, each with the key it verifies under.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('past_ledger'))
    .addColumn('epoch', int, (c) => c.primaryKey().check(sql`epoch >= 1`))
    .addColumn('origin', 'text', (c) => c.notNull().unique())
    .addColumn('how', 'text', (c) => c.notNull().check(sql`how in ('rotated', 'recovered')`))
    .addColumn('size', int, (c) => c.notNull())
    .addColumn('root', 'text', (c) => c.notNull())
    .addColumn('checkpoint', 'text')
    .addColumn('ended_at', int, (c) => c.notNull())
    .execute()
  const epoch = sql`references ${sql.table('past_ledger')} (epoch)`
  await finish(db.schema.createTable('past_ledger_entry'))
    .addColumn('epoch', int, (c) => c.notNull().modifyEnd(epoch))
    .addColumn('index', int, (c) => c.notNull())
    .addColumn('leaf_hash', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('past_ledger_entry_pk', ['epoch', 'index'])
    .execute()
  await finish(db.schema.createTable('past_ledger_node'))
    .addColumn('epoch', int, (c) => c.notNull().modifyEnd(epoch))
    .addColumn('level', int, (c) => c.notNull())
    .addColumn('index', int, (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('past_ledger_node_pk', ['epoch', 'level', 'index'])
    .execute()
  await finish(db.schema.createTable('past_ledger_checkpoint'))
    .addColumn('epoch', int, (c) => c.notNull().modifyEnd(epoch))
    .addColumn('size', int, (c) => c.notNull())
    .addColumn('note', 'text', (c) => c.notNull())
    .addColumn('at', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('past_ledger_checkpoint_pk', ['epoch', 'size'])
    .execute()
  await finish(db.schema.createTable('ledger_cosignature'))
    .addColumn('size', int, (c) => c.notNull())
    .addColumn('witness', 'text', (c) => c.notNull())
    .addColumn('line', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('ledger_cosignature_pk', ['size', 'witness'])
    .execute()
  await (db.getExecutor().adapter instanceof SqliteAdapter ? protectSqlite : protectPostgres)(db)
}

/** What leaves the ledger's tables is in those of the past. Nodes follow from entries: they go when the ledger is empty. */
const MOVED: Readonly<Record<string, readonly string[]>> = {
  ledger_entry: ['index', 'body'],
  ledger_node: [],
  ledger_checkpoint: ['size'],
}
const PAST = [
  'past_ledger',
  'past_ledger_entry',
  'past_ledger_node',
  'past_ledger_checkpoint',
] as const

function isKept(table: string): string {
  const columns = MOVED[table] ?? []
  if (columns.length === 0) return '(select size from ledger_head) = 0'
  const same = columns.map((name) => `p."${name}" = old."${name}"`).join(' and ')
  const latest = 'p.epoch = (select max(epoch) from past_ledger)'
  return `exists (select 1 from "past_${table}" p where ${latest} and ${same})`
}

const BEGINS_ANEW = `new.size = 0 and new.origin <> old.origin`
const HEAD_CHANGES: readonly (readonly [name: string, event: string, refused: string])[] = [
  ['ledger_head_fixed', 'update of "id", "origin"', `not (new.id = old.id and ${BEGINS_ANEW})`],
  ['ledger_head_rises', 'update of "size"', `new.size < old.size and not (${BEGINS_ANEW})`],
]

async function protectSqlite(db: Kysely<unknown>): Promise<void> {
  const refuse = (message: string): string => `raise(abort, '${message}')`
  for (const table of PAST)
    for (const event of ['update', 'delete'])
      await sql`create trigger ${sql.ref(`${table}_no_${event}`)} before ${sql.raw(event)}
        on ${sql.table(table)} for each row
        begin select ${sql.raw(refuse(`${table} is written once`))}; end`.execute(db)
  for (const table of Object.keys(MOVED)) {
    await sql`drop trigger ${sql.ref(`${table}_no_delete`)}`.execute(db)
    await sql`create trigger ${sql.ref(`${table}_no_delete`)} before delete on ${sql.table(table)}
      for each row begin select ${sql.raw(refuse(`${table} is never deleted`))}
      where not ${sql.raw(isKept(table))}; end`.execute(db)
  }
  for (const [name, event, refused] of HEAD_CHANGES) {
    await sql`drop trigger ${sql.ref(name)}`.execute(db)
    await sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} on ledger_head for each row
      when ${sql.raw(refused)}
      begin select ${sql.raw(refuse('the ledger keeps its origin and never gets smaller'))}; end`.execute(
      db,
    )
  }
}

async function protectPostgres(db: Kysely<unknown>): Promise<void> {
  for (const table of PAST)
    for (const event of ['update', 'delete'])
      await sql`create trigger ${sql.ref(`${table}_no_${event}`)} before ${sql.raw(event)}
        on ${sql.table(table)} for each row
        execute function refuse_change(${sql.lit(`${table} is written once`)})`.execute(db)
  for (const table of Object.keys(MOVED)) {
    const name = `${table}_no_delete`
    await sql`drop trigger ${sql.ref(name)} on ${sql.table(table)}`.execute(db)
    await sql`create function ${sql.ref(`${name}_unless_kept`)}() returns trigger language plpgsql as ${sql.lit(
      `begin if not ${isKept(table)} then raise exception '${table} is never deleted'; end if; return old; end`,
    )}`.execute(db)
    await sql`create trigger ${sql.ref(name)} before delete on ${sql.table(table)} for each row
      execute function ${sql.ref(`${name}_unless_kept`)}()`.execute(db)
  }
  for (const [name, event, refused] of HEAD_CHANGES) {
    await sql`drop trigger ${sql.ref(name)} on ledger_head`.execute(db)
    await sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} on ledger_head for each row
      when (${sql.raw(refused)}) execute function
      refuse_change('the ledger keeps its origin and never gets smaller')`.execute(db)
  }
}
