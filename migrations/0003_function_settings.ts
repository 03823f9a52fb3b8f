import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * What is configured beside a function's code: concurrency, event invoke configs, URLs and the like, one document for
 * each kind and qualifier; and event source mappings, which outlive their function (recorded).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('function_setting'))
    .addColumn('function_id', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('qualifier', 'text', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('last_modified', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('function_setting_pk', ['function_id', 'kind', 'qualifier'])
    .addForeignKeyConstraint(
      'function_setting_function_id_fk',
      ['function_id'],
      'function',
      ['id'],
      (constraint) => constraint.deferrable().initiallyDeferred(),
    )
    .execute()
  await finish(db.schema.createTable('event_source_mapping'))
    .addColumn('uuid', 'text', (c) => c.primaryKey().check(sql`length(uuid) = 36`))
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('event_source_arn', 'text')
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('decision_id', 'text', (c) => c.notNull())
    .addColumn('last_modified', int, (c) => c.notNull())
    .execute()
  await db.schema
    .createIndex('function_setting_by_kind')
    .on('function_setting')
    .columns(['kind', 'function_id'])
    .execute()
  await db.schema
    .createIndex('event_source_mapping_by_function_name')
    .on('event_source_mapping')
    .columns(['function_name'])
    .execute()
}
