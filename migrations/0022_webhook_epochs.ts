import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * Which ledger an entry is of that webhooks are told of: each ledger counts its entries from 0. Until now what was still
 * to be told ended with its ledger; an attempt was about the ledger that was in force at its time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { int, finish } = dialectOf(db)
  await finish(db.schema.createTable('webhook_outbox_of_epochs'))
    .addColumn('webhook_id', 'text', (c) => c.notNull())
    .addColumn('epoch', int, (c) => c.notNull())
    .addColumn('entry_index', int, (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('pending', 'dead')`))
    .addColumn('attempts', int, (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .addColumn('first_tried_at', int)
    .addColumn('run_at', int, (c) => c.notNull())
    // By entry first: the rows that one transaction writes lie together.
    .addPrimaryKeyConstraint('webhook_outbox_entry_pk', ['epoch', 'entry_index', 'webhook_id'])
    .execute()
  await sql`insert into webhook_outbox_of_epochs
    (webhook_id, epoch, entry_index, state, attempts, created_at, first_tried_at, run_at)
    select webhook_id, (select count(*) + 1 from past_ledger), entry_index, state, attempts, created_at,
    first_tried_at, run_at from webhook_outbox`.execute(db)
  await db.schema.dropTable('webhook_outbox').execute()
  await db.schema.alterTable('webhook_outbox_of_epochs').renameTo('webhook_outbox').execute()
  // The head of a subscription's queue is found without its dead letters.
  await db.schema
    .createIndex('webhook_outbox_by_state')
    .on('webhook_outbox')
    .columns(['state', 'webhook_id', 'epoch', 'entry_index'])
    .execute()
  await db.schema.alterTable('webhook_delivery').addColumn('epoch', int).execute()
  await sql`update webhook_delivery set epoch =
    (select count(*) + 1 from past_ledger where ended_at <= webhook_delivery.at)
    where entry_index is not null`.execute(db)
}
