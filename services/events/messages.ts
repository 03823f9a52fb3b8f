import type { QueueMessageTable, Reader, Writer } from '../store/index.ts'

export interface NewMessage {
  /** Sorts by time. */
  readonly id: string
  readonly queue: string
  readonly kind: 'destination' | 'dead-letter'
  readonly requestId: string
  readonly functionName: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
  readonly sentAtMs: number
  /** Posted to the queue's webhook from now on. */
  readonly posted: boolean
}

export async function insertMessage(tx: Writer, message: NewMessage): Promise<void> {
  await tx
    .insertInto('queue_message')
    .values({
      id: message.id,
      queue: message.queue,
      kind: message.kind,
      request_id: message.requestId,
      function_name: message.functionName,
      body: message.body,
      attributes: JSON.stringify(message.attributes),
      sent_at: message.sentAtMs,
      tries: 0,
      run_at: message.posted ? message.sentAtMs : null,
      last_error: null,
    })
    .execute()
}

/** Messages of a queue that are to be posted now. The next try stands in the row before the first begins. */
export async function takePostings(
  tx: Writer,
  of: {
    readonly queue: string
    readonly nowMs: number
    readonly untilMs: number
    readonly limit: number
  },
): Promise<QueueMessageTable[]> {
  const rows = await tx
    .selectFrom('queue_message')
    .selectAll()
    .where('queue', '=', of.queue)
    .where('run_at', '<=', of.nowMs)
    .orderBy('run_at')
    .limit(of.limit)
    .execute()
  for (const row of rows) {
    await tx
      .updateTable('queue_message')
      .set({ run_at: of.untilMs, tries: row.tries + 1 })
      .where('id', '=', row.id)
      .execute()
  }
  return rows.map((row) => ({ ...row, tries: row.tries + 1 }))
}

/** Nothing happens where somebody else has tried since. */
export async function settlePosting(
  tx: Writer,
  message: Pick<QueueMessageTable, 'id' | 'tries'>,
  outcome: 'sent' | { readonly runAtMs: number | null; readonly message: string },
): Promise<void> {
  if (outcome === 'sent') {
    await tx
      .deleteFrom('queue_message')
      .where('id', '=', message.id)
      .where('tries', '=', message.tries)
      .execute()
    return
  }
  await tx
    .updateTable('queue_message')
    .set({ run_at: outcome.runAtMs, last_error: outcome.message })
    .where('id', '=', message.id)
    .where('tries', '=', message.tries)
    .execute()
}

export async function nextPostingMs(
  reader: Reader,
  queues: readonly string[],
): Promise<number | undefined> {
  let next: number | undefined
  for (const queue of queues) {
    const row = await reader
      .selectFrom('queue_message')
      .select('run_at')
      .where('queue', '=', queue)
      .where('run_at', 'is not', null)
      .orderBy('run_at')
      .limit(1)
      .executeTakeFirst()
    const at = row?.run_at ?? undefined
    if (at !== undefined) next = Math.min(next ?? at, at)
  }
  return next
}

/** At most `limit`; how many. */
export async function forgetMessages(tx: Writer, beforeMs: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom('queue_message')
    .select('id')
    .where('sent_at', '<', beforeMs)
    .limit(limit)
  const { numDeletedRows } = await tx
    .deleteFrom('queue_message')
    .where('id', 'in', old)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
