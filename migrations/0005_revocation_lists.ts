import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/** Revocation lists as they were fetched, by the URL that a publisher names: the newest of each. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('revocation_list'))
    .addColumn('url', 'text', (c) => c.primaryKey())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('this_update', int, (c) => c.notNull())
    .addColumn('next_update', int, (c) => c.notNull())
    .addColumn('fetched_at', int, (c) => c.notNull())
    .execute()
}
