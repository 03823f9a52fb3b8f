import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Principals that were switched off, and those who come with a token of an OIDC issuer: people by one subject, workloads
 * by a subject or an anchored glob, and by claims.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await db.schema.alterTable('principal').addColumn('disabled_at', int).execute()
  await finish(db.schema.createTable('oidc_identity'))
    .addColumn('principal_id', 'text', (c) => c.primaryKey().references('principal.id'))
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('claims', 'text', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('oidc_identity_issuer').on('oidc_identity').column('issuer').execute()
}
