import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Who is signed in to the console, and links that sign in once. Of both secrets only the hash is kept; rows are counters
 * of time, not governed: they go when they end.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('console_link'))
    .addColumn('secret_hash', 'text', (c) => c.primaryKey())
    .addColumn('principal_id', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('access_key_id', 'text', (c) => c.notNull().references('access_key.id'))
    .addColumn('expires_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('console_session'))
    .addColumn('secret_hash', 'text', (c) => c.primaryKey())
    .addColumn('principal_id', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('access_key_id', 'text', (c) => c.notNull().references('access_key.id'))
    .addColumn('began_at', int, (c) => c.notNull())
    .addColumn('seen_at', int, (c) => c.notNull())
    .execute()
  await db.schema
    .createIndex('console_session_by_principal')
    .on('console_session')
    .columns(['principal_id', 'began_at'])
    .execute()
}
