import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * A hold covers the verdicts that it names, and may be over by itself. One from before names none: what it settled is due
 * again. A row says the same to the ledger as it did, since empty columns are left out of its digest.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('reaction_hold_exact'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('aliases', int, (c) => c.notNull())
    .addColumn('through', int, (c) => c.notNull())
    .addColumn('opened_at', int, (c) => c.notNull())
    .addColumn('state', 'text', (c) =>
      c.notNull().check(sql`state in ('open', 'released', 'dismissed', 'closed')`),
    )
    .addColumn('settled_at', int)
    .addColumn('settled_by', 'text')
    .addColumn('verdicts', 'text')
    .execute()
  await sql`insert into reaction_hold_exact
    (id, aliases, through, opened_at, state, settled_at, settled_by)
    select id, aliases, through, opened_at, state, settled_at, settled_by from reaction_hold`.execute(
    db,
  )
  await db.schema.dropTable('reaction_hold').execute()
  await db.schema.alterTable('reaction_hold_exact').renameTo('reaction_hold').execute()
  await db.schema.createIndex('reaction_at').on('reaction').columns(['at']).execute()
}
