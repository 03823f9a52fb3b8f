import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * When a principal was given a role, and by whom: who got it after a request was opened does not decide on that request
 * (RULES §5). `principal.roles` stays what is in force; a role without a row is as old as its principal.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('role_grant'))
    .addColumn('principal_id', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('granted_at', int, (c) => c.notNull())
    .addColumn('granted_by', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('role_grant_pk', ['principal_id', 'role'])
    .execute()
}
