import { sql, type Kysely } from 'kysely'

import { dialectOf } from '../0001_dialect.ts'

type Db = Kysely<unknown>

/**
 * Asynchronous events in a database of their own, so that they never wait for the catalog, and the messages that
 * destinations and dead letter queues hold. Frozen once merged.
 */
export async function up(db: Db): Promise<void> {
  await events(db)
  await messages(db)
}

async function events(db: Db): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('event'))
    .addColumn('id', 'text', (c) => c.primaryKey().check(sql`length(id) = 36`))
    .addColumn('function_id', 'text', (c) => c.notNull())
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('qualifier', 'text')
    .addColumn('payload', 'text', (c) => c.notNull())
    .addColumn('payload_sha256', 'text', (c) => c.notNull())
    .addColumn('client_context', 'text')
    .addColumn('trace_id', 'text')
    .addColumn('accepted_at', int, (c) => c.notNull())
    .addColumn('hops', int, (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('ready', 'leased', 'dead')`))
    .addColumn('run_at', int, (c) => c.notNull())
    .addColumn('fence', int, (c) => c.notNull())
    .addColumn('attempts', int, (c) => c.notNull())
    .addColumn('failures', int, (c) => c.notNull())
    .addColumn('deferrals', int, (c) => c.notNull())
    .addColumn('condition', 'text')
    .addColumn('last_error', 'text')
    .addCheckConstraint('event_dead_has_condition', sql`(state = 'dead') = (condition is not null)`)
    .execute()
  const index = (name: string, columns: string[]): Promise<void> =>
    db.schema.createIndex(name).on('event').columns(columns).execute()
  await index('event_by_function', ['state', 'function_id', 'run_at'])
  await index('event_by_time', ['state', 'run_at'])
  await index('event_by_age', ['accepted_at', 'id'])
}

async function messages(db: Db): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('queue_message'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('queue', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) =>
      c.notNull().check(sql`kind in ('destination', 'dead-letter')`),
    )
    .addColumn('request_id', 'text', (c) => c.notNull())
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('attributes', 'text', (c) => c.notNull())
    .addColumn('sent_at', int, (c) => c.notNull())
    .addColumn('tries', int, (c) => c.notNull())
    .addColumn('run_at', int)
    .addColumn('last_error', 'text')
    .execute()
  await db.schema
    .createIndex('queue_message_by_queue')
    .on('queue_message')
    .columns(['queue', 'id'])
    .execute()
  await db.schema
    .createIndex('queue_message_by_time')
    .on('queue_message')
    .columns(['queue', 'run_at'])
    .execute()
  await db.schema
    .createIndex('queue_message_by_age')
    .on('queue_message')
    .columns(['sent_at'])
    .execute()
}
