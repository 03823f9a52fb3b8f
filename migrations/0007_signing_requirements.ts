import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/** How many signers a code signing config demands, where that is more than the one that AWS's shape knows. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('signing_requirement'))
    .addColumn('config_id', 'text', (c) => c.primaryKey())
    .addColumn('min_signers', int, (c) => c.notNull().check(sql`min_signers >= 1`))
    .addColumn('min_publishers', int, (c) => c.notNull().check(sql`min_publishers >= 1`))
    .addColumn('last_modified', int, (c) => c.notNull())
    .addForeignKeyConstraint(
      'signing_requirement_config_id_fk',
      ['config_id'],
      'code_signing_config',
      ['id'],
      (constraint) => constraint.deferrable().initiallyDeferred(),
    )
    .execute()
}
