import { sql, SqliteAdapter, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

const KINDS = sql`kind in ('key', 'x509', 'oidc', 'managed')`

/** Keyless publishers and those whose key the service keeps: the table's check admits their kinds. */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (db.getExecutor().adapter instanceof SqliteAdapter) return await rebuild(db)
  const table = db.schema.alterTable('publisher')
  await table.dropConstraint('publisher_kind_check').execute()
  await table.addCheckConstraint('publisher_kind_check', KINDS).execute()
}

/**
 * SQLite changes no check. The rows go into the table anew under its old name: references to it are checked at commit,
 * and each row that is there again by then settles those that name it.
 */
async function rebuild(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await sql`create temporary table publisher_before as select * from publisher`.execute(db)
  await sql`drop table publisher`.execute(db)
  await finish(db.schema.createTable('publisher'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull().check(KINDS))
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
  await sql`insert into publisher (id, kind, name, created_at)
    select id, kind, name, created_at from publisher_before`.execute(db)
  await sql`drop table publisher_before`.execute(db)
  // dropped with the table that bore them
  await sql`create trigger "publisher_no_update" before update on "publisher" for each row
    begin select raise(abort, 'publisher is written once'); end`.execute(db)
  await sql`create trigger "publisher_no_delete" before delete on "publisher" for each row
    begin select raise(abort, 'publisher is never deleted'); end`.execute(db)
}
