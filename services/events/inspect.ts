import { PlatformError } from '../model/index.ts'
import type { EventTable, QueueMessageTable, Reader, Writer } from '../store/index.ts'

export interface EventSummary {
  readonly id: string
  readonly functionName: string
  readonly qualifier: string | undefined
  readonly state: 'ready' | 'leased' | 'dead'
  readonly acceptedAtMs: number
  /** ready: when it runs; leased: until when it is held; dead: since when. */
  readonly runAtMs: number
  readonly attempts: number
  readonly failures: number
  readonly hops: number
  readonly condition: string | undefined
  readonly lastError: string | undefined
}

export interface EventDetail extends EventSummary {
  readonly payload: string
}

export interface EventsAsked {
  readonly state?: EventSummary['state'] | undefined
  readonly functionName?: string | undefined
  /** The id of the last one of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** Oldest first; without payloads. */
export async function listEvents(reader: Reader, asked: EventsAsked): Promise<EventSummary[]> {
  let query = reader
    .selectFrom('event')
    .select([
      'id',
      'function_name',
      'qualifier',
      'state',
      'accepted_at',
      'run_at',
      'attempts',
      'failures',
      'hops',
      'condition',
      'last_error',
    ]) // prettier-ignore
    .orderBy('accepted_at')
    .orderBy('id')
    .limit(asked.limit)
  if (asked.state !== undefined) query = query.where('state', '=', asked.state)
  if (asked.functionName !== undefined)
    query = query.where('function_name', '=', asked.functionName)
  if (asked.after !== undefined) {
    const { id, accepted_at: at } = await getRow(reader, asked.after)
    query = query.where((is) =>
      is.or([is('accepted_at', '>', at), is.and([is('accepted_at', '=', at), is('id', '>', id)])]),
    )
  }
  return (await query.execute()).map(toSummary)
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getEvent(reader: Reader, id: string): Promise<EventDetail> {
  const row = await getRow(reader, id)
  return { ...toSummary(row), payload: row.payload }
}

async function getRow(reader: Reader, id: string): Promise<EventTable> {
  const row = await reader.selectFrom('event').selectAll().where('id', '=', id).executeTakeFirst()
  if (row !== undefined) return row
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    `there is no event \`${id}\`: it has run well, was purged, or never was`,
  )
}

function toSummary(
  row: Omit<
    EventTable,
    | 'payload'
    | 'payload_sha256'
    | 'client_context'
    | 'trace_id'
    | 'function_id'
    | 'fence'
    | 'deferrals'
  >,
): EventSummary {
  return {
    id: row.id,
    functionName: row.function_name,
    qualifier: row.qualifier ?? undefined,
    state: row.state,
    acceptedAtMs: row.accepted_at,
    runAtMs: row.run_at,
    attempts: row.attempts,
    failures: row.failures,
    hops: row.hops,
    condition: row.condition ?? undefined,
    lastError: row.last_error ?? undefined,
  }
}

/** Which dead events are meant: one, those of a function, or all. */
export interface DeadAsked {
  readonly id?: string | undefined
  readonly functionName?: string | undefined
  readonly deadBeforeMs?: number | undefined
}

/** Rows that one statement changes: more would be felt by everybody else. */
export const CHUNK_ROWS = 500

/** Some dead events are ready again, with their age and retries from the start; how many. Request ids stay. */
export async function replayDead(tx: Writer, asked: DeadAsked, nowMs: number): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('event')
    .set({
      state: 'ready',
      run_at: nowMs,
      accepted_at: nowMs,
      attempts: 0,
      failures: 0,
      deferrals: 0,
      hops: 0,
      condition: null,
      last_error: null,
    })
    .where('id', 'in', someDead(tx, asked))
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Forgets some; how many. */
export async function purgeDead(tx: Writer, asked: DeadAsked): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('event')
    .where('id', 'in', someDead(tx, asked))
    .executeTakeFirst()
  return Number(numDeletedRows)
}

function someDead(tx: Writer, asked: DeadAsked) {
  let query = tx
    .selectFrom('event')
    .select('id')
    .where('state', '=', 'dead')
    .orderBy('run_at')
    .limit(CHUNK_ROWS)
  if (asked.id !== undefined) query = query.where('id', '=', asked.id)
  if (asked.functionName !== undefined)
    query = query.where('function_name', '=', asked.functionName)
  // Those that die while this goes on are not meant.
  if (asked.deadBeforeMs !== undefined) query = query.where('run_at', '<=', asked.deadBeforeMs)
  return query
}

export interface QueueSummary {
  readonly queue: string
  readonly messages: number
  readonly oldestAtMs: number
}

export async function listQueues(reader: Reader): Promise<QueueSummary[]> {
  const rows = await reader
    .selectFrom('queue_message')
    .select((select) => [
      'queue',
      select.fn.countAll().as('messages'),
      select.fn.min('sent_at').as('oldest'),
    ])
    .groupBy('queue')
    .orderBy('queue')
    .execute()
  return rows.map((row) => ({
    queue: row.queue,
    messages: Number(row.messages),
    oldestAtMs: row.oldest,
  }))
}

export interface QueueMessage {
  readonly id: string
  readonly queue: string
  readonly kind: 'destination' | 'dead-letter'
  readonly requestId: string
  readonly functionName: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
  readonly sentAtMs: number
  readonly tries: number
  readonly lastError: string | undefined
}

/** Of one queue, oldest first. Reading takes nothing away. */
export async function listMessages(
  reader: Reader,
  asked: { readonly queue: string; readonly after?: string | undefined; readonly limit: number },
): Promise<QueueMessage[]> {
  let query = reader
    .selectFrom('queue_message')
    .selectAll()
    .where('queue', '=', asked.queue)
    .orderBy('id')
    .limit(asked.limit)
  if (asked.after !== undefined) query = query.where('id', '>', asked.after)
  return (await query.execute()).map(toMessage)
}

function toMessage(row: QueueMessageTable): QueueMessage {
  return {
    id: row.id,
    queue: row.queue,
    kind: row.kind,
    requestId: row.request_id,
    functionName: row.function_name,
    body: row.body,
    attributes: JSON.parse(row.attributes) as Record<string, string>,
    sentAtMs: row.sent_at,
    tries: row.tries,
    lastError: row.last_error ?? undefined,
  }
}

/** Takes messages out of a queue: how many were there. */
export async function deleteMessages(
  tx: Writer,
  of: { readonly queue: string; readonly ids: readonly string[] },
): Promise<number> {
  if (of.ids.length === 0) return 0
  const { numDeletedRows } = await tx
    .deleteFrom('queue_message')
    .where('queue', '=', of.queue)
    .where('id', 'in', [...of.ids])
    .executeTakeFirst()
  return Number(numDeletedRows)
}
