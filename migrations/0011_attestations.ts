import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/** What is attested of artifacts: each bundle is a document by its SHA-256, known by what it signs and how. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('attestation'))
    .addColumn('artifact_sha256', 'text', (c) =>
      c.notNull().check(sql`length(artifact_sha256) = 64`),
    )
    .addColumn('digest', 'text', (c) => c.notNull().check(sql`length(digest) = 64`))
    .addColumn('predicate_type', 'text', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull().references('document.sha256'))
    .addColumn('size_bytes', int, (c) => c.notNull().check(sql`size_bytes >= 1`))
    .addColumn('created_at', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('attestation_pk', ['artifact_sha256', 'digest'])
    .execute()
}
