import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Plans that were made and when they end: a plan authorizes nothing and may be lost, so that it is no governed row.
 * The index answers at which ledger entry the live set was changed last.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('plan'))
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('resource', 'text', (c) => c.notNull())
    .addColumn('world', int, (c) => c.notNull())
    .addColumn('principal_id', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .addColumn('expires_at', int, (c) => c.notNull())
    .execute()
  await db.schema.createIndex('plan_expires_at').on('plan').column('expires_at').execute()
  await db.schema
    .createIndex('live_interval_to_index')
    .on('live_interval')
    .column('to_index')
    .execute()
}
