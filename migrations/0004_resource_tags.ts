import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/** Tags of what has no column for them, by ARN: event source mappings. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { finish } = dialectOf(db)
  await finish(db.schema.createTable('resource_tags'))
    .addColumn('resource', 'text', (c) => c.primaryKey())
    .addColumn('tags', 'text', (c) => c.notNull())
    .execute()
}
