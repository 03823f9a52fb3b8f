import type { Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Resource policies. A function's hang on its id (a function made anew starts without any) and the qualifier,
 * empty for the function itself; a layer version's on its ARN.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { finish } = dialectOf(db)
  await finish(db.schema.createTable('resource_policy'))
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('qualifier', 'text', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('revision_id', 'text', (c) => c.notNull())
    .addColumn('decision_id', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('resource_policy_pk', ['owner', 'qualifier'])
    .addForeignKeyConstraint(
      'resource_policy_decision_id_fk',
      ['decision_id'],
      'decision',
      ['id'],
      (constraint) => constraint.deferrable().initiallyDeferred(),
    )
    .execute()
}
