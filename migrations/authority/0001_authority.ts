import { sql, SqliteAdapter, type Kysely } from 'kysely'

import { dialectOf } from '../0001_dialect.ts'

type Db = Kysely<unknown>

/**
 * The private certificate authority's own database: keys, certificates, and one log. It shares no table with the
 * service's, so that its tree can never be taken for the ledger's. Frozen once merged.
 */
export async function up(db: Db): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('setting'))
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('sealed_key'))
    .addColumn('purpose', 'text', (c) => c.primaryKey())
    .addColumn('public_key_pem', 'text', (c) => c.notNull().unique())
    .addColumn('private_key_sealed', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('authority_key'))
    .addColumn('role', 'text', (c) =>
      c.notNull().check(sql`role in ('root', 'ca', 'ct', 'tsa', 'log')`),
    )
    .addColumn('generation', int, (c) => c.notNull())
    .addColumn('public_key', 'text', (c) => c.notNull().unique())
    .addColumn('certificate', 'text')
    .addColumn('valid_from', int, (c) => c.notNull())
    .addColumn('valid_to', int)
    .addPrimaryKeyConstraint('authority_key_pk', ['role', 'generation'])
    .execute()
  await finish(db.schema.createTable('issued_certificate'))
    .addColumn('serial', 'text', (c) => c.primaryKey())
    .addColumn('issued_at', int, (c) => c.notNull())
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('certificate', 'text', (c) => c.notNull())
    .execute()
  await log(db)
  await protect(db)
}

async function log(db: Db): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('log_head'))
    .addColumn('id', int, (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('origin', 'text', (c) => c.notNull())
    .addColumn('size', int, (c) => c.notNull())
    .addColumn('frontier', 'text', (c) => c.notNull())
    .addColumn('root', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('log_entry'))
    .addColumn('index', int, (c) => c.primaryKey())
    .addColumn('leaf_hash', 'text', (c) => c.notNull().unique())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('log_node'))
    .addColumn('level', int, (c) => c.notNull())
    .addColumn('index', int, (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('log_node_pk', ['level', 'index'])
    .execute()
}

/** SQLite alone holds an authority. */
async function protect(db: Db): Promise<void> {
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) return
  const refuse = async (name: string, event: string, when: string, message: string) => {
    const condition = when === '' ? sql`` : sql`when ${sql.raw(when)}`
    await sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} for each row ${condition}
      begin select raise(abort, ${sql.lit(message)}); end`.execute(db)
  }
  for (const table of ['log_entry', 'log_node', 'issued_certificate']) {
    await refuse(`${table}_no_update`, `update on "${table}"`, '', `${table} is written once`)
    await refuse(`${table}_no_delete`, `delete on "${table}"`, '', `${table} is never deleted`)
  }
  for (const table of ['log_head', 'authority_key', 'sealed_key'])
    await refuse(`${table}_no_delete`, `delete on "${table}"`, '', `${table} is never deleted`)
  const shrinks = 'new."size" < old."size"'
  await refuse('log_head_rises', 'update of "size" on "log_head"', shrinks, 'the log only grows')
  await refuse('log_head_fixed', 'update of "origin" on "log_head"', '', 'a log keeps its origin')
  const fixed = 'update of "role", "generation", "public_key", "certificate", "valid_from"'
  await refuse('authority_key_fixed', `${fixed} on "authority_key"`, '', 'a key keeps what it is')
}
