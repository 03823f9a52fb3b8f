import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * What is found of what is live, in intervals with effective and recorded time, and what the service does about it.
 * Reactions belong to names, as everything that governs does (RULES §5): no row refers to a function's id.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, serial, finish } = dialectOf(db)
  await finish(db.schema.createTable('live_verdict'))
    .addColumn('id', int, serial)
    .addColumn('live_id', int, (c) => c.notNull().references('live_interval.id'))
    .addColumn('state', 'text', (c) =>
      c.notNull().check(sql`state in ('compliant', 'violating', 'excepted', 'indeterminate')`),
    )
    .addColumn('reasons', 'text', (c) => c.notNull())
    .addColumn('causes', 'text', (c) => c.notNull())
    .addColumn('until_ms', int)
    .addColumn('policy_set', 'text', (c) => c.notNull())
    .addColumn('world', int, (c) => c.notNull())
    .addColumn('effective_from', int, (c) => c.notNull())
    .addColumn('effective_to', int)
    .addColumn('recorded_from', int, (c) => c.notNull())
    .addColumn('recorded_to', int)
    .addCheckConstraint('live_verdict_recorded', sql`recorded_to >= recorded_from`)
    .addCheckConstraint('live_verdict_effective', sql`effective_to >= effective_from`)
    .execute()
  await db.schema
    .createIndex('live_verdict_live_id')
    .on('live_verdict')
    .columns(['live_id', 'recorded_to'])
    .execute()
  await sql`create index live_verdict_bad on live_verdict (id)
    where recorded_to is null and effective_to is null and state <> 'compliant'`.execute(db)
  await finish(db.schema.createTable('live_verification'))
    .addColumn('world', int, (c) => c.primaryKey())
    .addColumn('at', int, (c) => c.notNull())
    .addColumn('judged', int, (c) => c.notNull())
    .addColumn('not_compliant', int, (c) => c.notNull())
    .addColumn('policy_set', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('reaction_setting'))
    .addColumn('scope', 'text', (c) => c.primaryKey())
    .addColumn('reaction', 'text', (c) =>
      c.notNull().check(sql`reaction in ('record', 'alert', 'freeze', 'revert', 'refuse')`),
    )
    .addColumn('last_modified', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('reaction'))
    .addColumn('verdict_id', int, (c) => c.notNull().references('live_verdict.id'))
    .addColumn('wanted', 'text', (c) => c.notNull())
    .addColumn('done', 'text', (c) => c.notNull())
    .addColumn('decision_id', 'text', (c) => c.notNull().references('decision.id'))
    .addColumn('at', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('reaction_pk', ['verdict_id', 'wanted'])
    .execute()
  await finish(db.schema.createTable('reaction_hold'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('aliases', int, (c) => c.notNull())
    .addColumn('through', int, (c) => c.notNull())
    .addColumn('opened_at', int, (c) => c.notNull())
    .addColumn('state', 'text', (c) =>
      c.notNull().check(sql`state in ('open', 'released', 'dismissed')`),
    )
    .addColumn('settled_at', int)
    .addColumn('settled_by', 'text')
    .execute()
  await finish(db.schema.createTable('version_refusal'))
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('release', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('refused_at', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('version_refusal_pk', ['function_name', 'version', 'release'])
    .execute()
  await db.schema.alterTable('function_name').addColumn('generation', int).execute()
}
