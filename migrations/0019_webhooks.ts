import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Who is told of ledger entries. `webhook` is governed; the others are a queue and its traces: `webhook_outbox` says which
 * entry is still to be told to whom, and what is told is the entry itself.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, serial, finish } = dialectOf(db)
  await finish(db.schema.createTable('webhook'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('filter', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('enabled', 'disabled')`))
    .addColumn('disabled_reason', 'text')
    .addColumn('secret_sealed', 'text', (c) => c.notNull())
    .addColumn('previous_sealed', 'text')
    .addColumn('previous_until', int)
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('webhook_outbox'))
    .addColumn('webhook_id', 'text', (c) => c.notNull())
    .addColumn('entry_index', int, (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('pending', 'dead')`))
    .addColumn('attempts', int, (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .addColumn('first_tried_at', int)
    .addColumn('run_at', int, (c) => c.notNull())
    // By entry first: the rows that one transaction writes lie together.
    .addPrimaryKeyConstraint('webhook_outbox_pk', ['entry_index', 'webhook_id'])
    .execute()
  // The head of a subscription's queue is found without its dead letters.
  await db.schema
    .createIndex('webhook_outbox_by_state')
    .on('webhook_outbox')
    .columns(['state', 'webhook_id', 'entry_index'])
    .execute()
  await finish(db.schema.createTable('webhook_status'))
    .addColumn('webhook_id', 'text', (c) => c.primaryKey())
    .addColumn('failing_since', int)
    .addColumn('last_delivered_at', int)
    .addColumn('last_failed_at', int)
    .execute()
  await finish(db.schema.createTable('webhook_delivery'))
    .addColumn('id', int, serial)
    .addColumn('webhook_id', 'text', (c) => c.notNull())
    .addColumn('entry_index', int)
    .addColumn('attempt', int, (c) => c.notNull())
    .addColumn('at', int, (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('status', int)
    .addColumn('latency_ms', int, (c) => c.notNull())
    .addColumn('answer', 'text', (c) => c.notNull())
    .execute()
  await db.schema
    .createIndex('webhook_delivery_by_webhook')
    .on('webhook_delivery')
    .columns(['webhook_id', 'id'])
    .execute()
  await db.schema
    .createIndex('webhook_delivery_by_at')
    .on('webhook_delivery')
    .columns(['at'])
    .execute()
}
