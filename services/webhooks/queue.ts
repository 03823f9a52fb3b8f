import type { Reader, WebhookDeliveryTable, Writer } from '../store/index.ts'
import type { AttemptOutcome, OutboxGauges } from './ports.ts'
import type { Next } from './schedule.ts'

/** An entry of one of the ledgers that were kept here, by their number. */
export interface EntryPlace {
  readonly epoch: number
  readonly entryIndex: number
}

/** The head of a subscription's queue: nothing behind it is told before it is settled. */
export interface QueueHead extends EntryPlace {
  readonly attempts: number
  readonly firstTriedAtMs: number | undefined
  readonly runAtMs: number
}

export async function findHead(reader: Reader, webhookId: string): Promise<QueueHead | undefined> {
  const row = await reader
    .selectFrom('webhook_outbox')
    .selectAll()
    .where('state', '=', 'pending')
    .where('webhook_id', '=', webhookId)
    .orderBy('epoch')
    .orderBy('entry_index')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    epoch: row.epoch,
    entryIndex: row.entry_index,
    attempts: row.attempts,
    firstTriedAtMs: row.first_tried_at ?? undefined,
    runAtMs: row.run_at,
  }
}

/** One attempt as it is kept. */
export interface Delivery {
  readonly id: number
  /** Both undefined for a test. */
  readonly epoch: number | undefined
  readonly entryIndex: number | undefined
  readonly attempt: number
  readonly atMs: number
  readonly outcome: AttemptOutcome
  readonly status: number | undefined
  readonly latencyMs: number
  readonly answer: string
}

export async function insertDelivery(
  tx: Writer,
  webhookId: string,
  delivery: Omit<Delivery, 'id'>,
): Promise<void> {
  await tx
    .insertInto('webhook_delivery')
    .values({
      webhook_id: webhookId,
      epoch: delivery.epoch ?? null,
      entry_index: delivery.entryIndex ?? null,
      attempt: delivery.attempt,
      at: delivery.atMs,
      outcome: delivery.outcome,
      status: delivery.status ?? null,
      latency_ms: delivery.latencyMs,
      answer: delivery.answer,
    })
    .execute()
}

export interface Settled extends Omit<Delivery, 'id' | 'outcome' | keyof EntryPlace>, EntryPlace {
  readonly webhookId: string
  readonly firstTriedAtMs: number
  readonly next: Next
}

/** Says what came of an attempt; nothing where the row is gone by now. Answers since when nothing was delivered. */
export async function settle(tx: Writer, settled: Settled): Promise<number | undefined> {
  const { webhookId, next, atMs } = settled
  if (!(await settleRow(tx, settled))) return undefined
  await insertDelivery(tx, webhookId, { ...settled, outcome: next.outcome })
  const delivered = next.outcome === 'delivered'
  const { failing_since } = await tx
    .insertInto('webhook_status')
    .values({
      webhook_id: webhookId,
      failing_since: delivered ? null : atMs,
      last_delivered_at: delivered ? atMs : null,
      last_failed_at: delivered ? null : atMs,
    })
    .onConflict((conflict) =>
      conflict.column('webhook_id').doUpdateSet((row) =>
        delivered
          ? { failing_since: null, last_delivered_at: atMs }
          : {
              failing_since: row.fn.coalesce('webhook_status.failing_since', row.val(atMs)),
              last_failed_at: atMs,
            },
      ),
    )
    .returning('failing_since')
    .executeTakeFirstOrThrow()
  return failing_since ?? undefined
}

async function settleRow(tx: Writer, settled: Settled): Promise<boolean> {
  const { webhookId, epoch, entryIndex, next, attempt, firstTriedAtMs, atMs } = settled
  if (next.outcome === 'delivered') {
    const { numDeletedRows } = await tx
      .deleteFrom('webhook_outbox')
      .where('webhook_id', '=', webhookId)
      .where('epoch', '=', epoch)
      .where('entry_index', '=', entryIndex)
      .executeTakeFirst()
    return numDeletedRows > 0n
  }
  const { numUpdatedRows } = await tx
    .updateTable('webhook_outbox')
    .set({
      state: next.outcome === 'dead' ? 'dead' : 'pending',
      attempts: attempt,
      first_tried_at: firstTriedAtMs,
      run_at: next.outcome === 'failed' ? next.runAtMs : atMs,
    })
    .where('webhook_id', '=', webhookId)
    .where('epoch', '=', epoch)
    .where('entry_index', '=', entryIndex)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Attempts, newest first. */
export async function listDeliveries(
  reader: Reader,
  webhookId: string,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<Delivery[]> {
  let query = reader.selectFrom('webhook_delivery').selectAll().where('webhook_id', '=', webhookId)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map(toDelivery)
}

type DeliveryRow = Omit<WebhookDeliveryTable, 'id'> & { readonly id: number }

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    epoch: row.epoch ?? undefined,
    entryIndex: row.entry_index ?? undefined,
    attempt: row.attempt,
    atMs: row.at,
    outcome: row.outcome,
    status: row.status ?? undefined,
    latencyMs: row.latency_ms,
    answer: row.answer,
  }
}

export interface WebhookStatus {
  readonly pending: number
  readonly dead: number
  readonly failingSinceMs: number | undefined
  readonly lastDeliveredAtMs: number | undefined
  readonly lastFailedAtMs: number | undefined
}

const NOTHING_YET: WebhookStatus = {
  pending: 0,
  dead: 0,
  failingSinceMs: undefined,
  lastDeliveredAtMs: undefined,
  lastFailedAtMs: undefined,
}

/** How each webhook fares. */
export async function readStatuses(reader: Reader): Promise<(webhookId: string) => WebhookStatus> {
  const statuses = new Map<string, WebhookStatus>()
  for (const row of await reader.selectFrom('webhook_status').selectAll().execute()) {
    statuses.set(row.webhook_id, {
      ...NOTHING_YET,
      failingSinceMs: row.failing_since ?? undefined,
      lastDeliveredAtMs: row.last_delivered_at ?? undefined,
      lastFailedAtMs: row.last_failed_at ?? undefined,
    })
  }
  for (const { webhookId, state, rows } of await countRows(reader)) {
    const known = statuses.get(webhookId) ?? NOTHING_YET
    statuses.set(webhookId, { ...known, [state]: rows })
  }
  return (webhookId) => statuses.get(webhookId) ?? NOTHING_YET
}

export async function countRows(reader: Reader) {
  return await reader
    .selectFrom('webhook_outbox')
    .select((row) => [
      'webhook_id as webhookId',
      'state',
      row.fn.countAll<number>().as('rows'),
      row.fn.min('created_at').as('oldestAtMs'),
    ])
    .groupBy(['state', 'webhook_id'])
    .execute()
}

export async function readGauges(reader: Reader, nowMs: number): Promise<OutboxGauges> {
  const counts = await countRows(reader)
  const of = (wanted: string) => counts.filter(({ state }) => state === wanted)
  const sum = (wanted: string): number => of(wanted).reduce((all, { rows }) => all + rows, 0)
  const oldestAtMs = Math.min(nowMs, ...of('pending').map((one) => one.oldestAtMs))
  return { pending: sum('pending'), dead: sum('dead'), oldestPendingMs: nowMs - oldestAtMs }
}

/** What waits is tried at once, and for a whole day again: the webhook was switched on. */
export async function resumeWebhook(tx: Writer, webhookId: string, atMs: number): Promise<void> {
  await tx
    .updateTable('webhook_outbox')
    .set({ attempts: 0, first_tried_at: null, run_at: atMs })
    .where('state', '=', 'pending')
    .where('webhook_id', '=', webhookId)
    .execute()
  await tx
    .updateTable('webhook_status')
    .set({ failing_since: null })
    .where('webhook_id', '=', webhookId)
    .execute()
}

function anew(atMs: number) {
  const row = { state: 'pending' as const, attempts: 0, first_tried_at: null }
  return { ...row, created_at: atMs, run_at: atMs }
}

/** All dead ones are told again; how many there are. */
export async function redeliverDead(tx: Writer, webhookId: string, atMs: number): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('webhook_outbox')
    .set(anew(atMs))
    .where('state', '=', 'dead')
    .where('webhook_id', '=', webhookId)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/**
 * One entry is told (again), of the newest ledger of which this webhook was told one with that index; false where it was
 * never to be told of one, as far as that is kept.
 */
export async function redeliverEntry(
  tx: Writer,
  { webhookId, entryIndex }: { readonly webhookId: string; readonly entryIndex: number },
  atMs: number,
): Promise<boolean> {
  const known = await tx
    .selectFrom('webhook_outbox')
    .select('epoch')
    .where('webhook_id', '=', webhookId)
    .where('entry_index', '=', entryIndex)
    .union(
      tx
        .selectFrom('webhook_delivery')
        .select((row) => row.ref('epoch').$castTo<number>().as('epoch'))
        .where('webhook_id', '=', webhookId)
        .where('entry_index', '=', entryIndex),
    )
    .orderBy('epoch', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (known === undefined) return false
  await tx
    .insertInto('webhook_outbox')
    .values({ webhook_id: webhookId, entry_index: entryIndex, ...known, ...anew(atMs) })
    .onConflict((conflict) =>
      conflict.columns(['epoch', 'entry_index', 'webhook_id']).doUpdateSet(anew(atMs)),
    )
    .execute()
  return true
}

/** How long attempts are kept, and entries that were not delivered. */
const KEPT_MS = 30 * 24 * 3_600_000
/** Attempts kept for each webhook. */
const DELIVERIES_KEPT = 1_000

/** Forgets what is old. */
export async function prune(tx: Writer, nowMs: number): Promise<void> {
  const before = nowMs - KEPT_MS
  await tx.deleteFrom('webhook_delivery').where('at', '<', before).execute()
  await tx.deleteFrom('webhook_outbox').where('created_at', '<', before).execute()
  const webhooks = await tx.selectFrom('webhook').select('id').execute()
  for (const { id } of webhooks) {
    const oldest = await tx
      .selectFrom('webhook_delivery')
      .select('id')
      .where('webhook_id', '=', id)
      .orderBy('id', 'desc')
      .offset(DELIVERIES_KEPT)
      .limit(1)
      .executeTakeFirst()
    if (oldest === undefined) continue
    await tx
      .deleteFrom('webhook_delivery')
      .where('webhook_id', '=', id)
      .where('id', '<=', oldest.id)
      .execute()
  }
}
