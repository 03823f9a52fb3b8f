import { sql, SqliteAdapter, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Publishers by Sigstore identity (`oidc`) and with keys that the service keeps (`managed`). SQLite cannot change a
 * constraint: the table is made anew with its rows, whose references are checked at commit, and its refusals.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) {
    await sql`alter table publisher drop constraint publisher_kind_check`.execute(db)
    await sql`alter table publisher add constraint publisher_kind_check
      check (kind in ('key', 'x509', 'oidc', 'managed'))`.execute(db)
    return
  }
  await sql`create table publisher_kept as select * from publisher`.execute(db)
  await sql`drop table publisher`.execute(db)
  await dialectOf(db)
    .finish(db.schema.createTable('publisher'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) =>
      c.notNull().check(sql`kind in ('key', 'x509', 'oidc', 'managed')`),
    )
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .execute()
  await sql`insert into publisher (id, kind, name, created_at)
    select id, kind, name, created_at from publisher_kept`.execute(db)
  await sql`drop table publisher_kept`.execute(db)
  const refusals = [
    ['publisher_no_update', 'update', 'publisher is written once'],
    ['publisher_no_delete', 'delete', 'publisher is never deleted'],
  ] as const
  for (const [name, event, message] of refusals) {
    await sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} on "publisher" for each row
      begin select raise(abort, ${sql.lit(message)}); end`.execute(db)
  }
}
