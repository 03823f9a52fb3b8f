import { sql, SqliteAdapter, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Policy sets, by kind: every one that was ever in force, numbered from 1. The highest number is in force; a return to
 * an earlier set is a new row over the same document, so that the rows are the history and never change.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  const digest = (column: string) => sql`length(${sql.ref(column)}) = 64`
  await finish(db.schema.createTable('policy_set'))
    .addColumn('kind', 'text', (c) =>
      c.notNull().check(sql`kind in ('admission', 'authorization')`),
    )
    .addColumn('version', int, (c) => c.notNull().check(sql`version >= 1`))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull().check(digest('digest')))
    .addColumn('schema_sha256', 'text', (c) => c.notNull().check(digest('schema_sha256')))
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('how', 'text', (c) =>
      c.notNull().check(sql`how in ('shipped', 'applied', 'rolled-back')`),
    )
    .addColumn('of_version', int)
    .addColumn('applied_at', int, (c) => c.notNull())
    .addColumn('principal_id', 'text', (c) => c.notNull())
    .addColumn('decision_id', 'text')
    .addPrimaryKeyConstraint('policy_set_pk', ['kind', 'version'])
    .addForeignKeyConstraint(
      'policy_set_document_fk',
      ['document'],
      'document',
      ['sha256'],
      (constraint) => constraint.deferrable().initiallyDeferred(),
    )
    .execute()
  await writtenOnce(db)
}

/** The database itself refuses to change a row or to take one away. */
async function writtenOnce(db: Kysely<unknown>): Promise<void> {
  const rules = [
    ['policy_set_no_update', 'update', 'policy_set is written once'],
    ['policy_set_no_delete', 'delete', 'policy_set is never deleted'],
  ] as const
  for (const [name, event, message] of rules) {
    const head = sql`create trigger ${sql.ref(name)} before ${sql.raw(event)} on "policy_set" for each row`
    const body =
      db.getExecutor().adapter instanceof SqliteAdapter
        ? sql`begin select raise(abort, ${sql.lit(message)}); end`
        : sql`execute function refuse_change(${sql.lit(message)})`
    await sql`${head} ${body}`.execute(db)
  }
}
