import { sha256 } from '../model/index.ts'
import { prepared, type EventTable, type Reader, type Writer } from '../store/index.ts'
import type { Next } from './decide-next.ts'
import type { LeasedEvent, NewEvent } from './event.ts'

export async function insertEvent(tx: Writer, event: NewEvent): Promise<void> {
  await insert(tx, {
    id: event.id,
    function_id: event.functionId,
    function_name: event.functionName,
    qualifier: event.qualifier ?? null,
    payload: event.payload,
    payload_sha256: sha256(event.payload),
    client_context: event.clientContext ?? null,
    trace_id: event.traceId ?? null,
    accepted_at: event.acceptedAtMs,
    hops: event.hops,
  })
}

const insert = prepared<Omit<EventTable, keyof typeof UNTRIED | 'run_at'>, unknown>((db, of) =>
  db.insertInto('event').values({
    id: of('id'),
    function_id: of('function_id'),
    function_name: of('function_name'),
    qualifier: of('qualifier'),
    payload: of('payload'),
    payload_sha256: of('payload_sha256'),
    client_context: of('client_context'),
    trace_id: of('trace_id'),
    accepted_at: of('accepted_at'),
    hops: of('hops'),
    run_at: of('accepted_at'),
    ...UNTRIED,
  }),
)

const UNTRIED = {
  state: 'ready',
  fence: 0,
  attempts: 0,
  failures: 0,
  deferrals: 0,
  condition: null,
  last_error: null,
} as const

export interface LeaseWish {
  /** The search goes on behind this function, and around: each gets its turn. */
  readonly afterFunction: string
  readonly limit: number
  readonly nowMs: number
  readonly leaseMs: number
  /** How many more of a function may run. */
  readonly room: (functionId: string, functionName: string) => number
}

/** One due event of each function in turn, and around again until there is no room: no function waits for another's queue. */
export async function leaseEvents(tx: Writer, wish: LeaseWish): Promise<LeasedEvent[]> {
  const leased: LeasedEvent[] = []
  const taken = new Map<string, number>()
  const functions = await functionsInTurn(tx, wish.afterFunction)
  let progress = true
  while (progress && leased.length < wish.limit) {
    progress = false
    for (const functionId of functions) {
      if (leased.length >= wish.limit) break
      const due = await oldestDue(tx, functionId, wish.nowMs)
      const before = taken.get(functionId) ?? 0
      if (due === undefined || before >= wish.room(functionId, due.function_name)) continue
      leased.push(await lease(tx, due.id, wish.nowMs + wish.leaseMs))
      taken.set(functionId, before + 1)
      progress = true
    }
  }
  return leased
}

/** Functions that have something waiting, due or not: a seek for each, whatever the length of their queues. */
async function functionsInTurn(tx: Reader, after: string): Promise<string[]> {
  const found: string[] = []
  for (let last = ''; ;) {
    const row = await tx
      .selectFrom('event')
      .select('function_id')
      .where('state', '=', 'ready')
      .where('function_id', '>', last)
      .orderBy('function_id')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) break
    found.push(row.function_id)
    last = row.function_id
  }
  return [...found.filter((id) => id > after), ...found.filter((id) => id <= after)]
}

/** Without its payload, which nobody reads who has no room for it. */
async function oldestDue(
  tx: Reader,
  functionId: string,
  nowMs: number,
): Promise<Pick<EventTable, 'id' | 'function_name'> | undefined> {
  return await tx
    .selectFrom('event')
    .select(['id', 'function_name'])
    .where('state', '=', 'ready')
    .where('function_id', '=', functionId)
    .where('run_at', '<=', nowMs)
    .orderBy('run_at')
    .limit(1)
    .executeTakeFirst()
}

async function lease(tx: Writer, id: string, untilMs: number): Promise<LeasedEvent> {
  const row = await tx
    .selectFrom('event')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const [fence, attempts] = [row.fence + 1, row.attempts + 1]
  await tx
    .updateTable('event')
    .set({ state: 'leased', run_at: untilMs, fence, attempts })
    .where('id', '=', id)
    .execute()
  return {
    id: row.id,
    functionId: row.function_id,
    functionName: row.function_name,
    qualifier: row.qualifier ?? undefined,
    payload: row.payload,
    clientContext: row.client_context ?? undefined,
    traceId: row.trace_id ?? undefined,
    acceptedAtMs: row.accepted_at,
    hops: row.hops,
    fence,
    attempts,
    failures: row.failures,
    deferrals: row.deferrals,
    // Data at rest is trusted no more than any other.
    sound: sha256(row.payload) === row.payload_sha256,
  }
}

/** False where the event is no longer this holder's: its fence has risen, or it was replayed or purged. */
export async function settleEvent(
  tx: Writer,
  held: Pick<LeasedEvent, 'id' | 'fence'>,
  next: Next,
  nowMs: number,
): Promise<boolean> {
  if (next.kind === 'done') {
    const { numDeletedRows } = await tx
      .deleteFrom('event')
      .where('id', '=', held.id)
      .where('fence', '=', held.fence)
      .where('state', '=', 'leased')
      .executeTakeFirst()
    return numDeletedRows > 0n
  }
  const set =
    next.kind === 'again'
      ? {
          state: 'ready' as const,
          run_at: next.runAtMs,
          deferrals: next.deferrals,
        }
      : { state: 'dead' as const, run_at: nowMs, condition: next.condition }
  const { numUpdatedRows } = await tx
    .updateTable('event')
    .set({ ...set, attempts: next.attempts, failures: next.failures, last_error: next.message })
    .where('id', '=', held.id)
    .where('fence', '=', held.fence)
    .where('state', '=', 'leased')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Given back untouched, due at once: this service stops. */
export async function giveBack(
  tx: Writer,
  held: Pick<LeasedEvent, 'id' | 'fence'>,
  nowMs: number,
): Promise<void> {
  await tx
    .updateTable('event')
    .set({ state: 'ready', run_at: nowMs })
    .where('id', '=', held.id)
    .where('fence', '=', held.fence)
    .where('state', '=', 'leased')
    .execute()
}

/** The ids of those whose lease was renewed. */
export async function renewLeases(
  tx: Writer,
  held: readonly Pick<LeasedEvent, 'id' | 'fence'>[],
  untilMs: number,
): Promise<ReadonlySet<string>> {
  const renewed = new Set<string>()
  for (const { id, fence } of held) {
    const { numUpdatedRows } = await tx
      .updateTable('event')
      .set({ run_at: untilMs })
      .where('id', '=', id)
      .where('fence', '=', fence)
      .where('state', '=', 'leased')
      .executeTakeFirst()
    if (numUpdatedRows > 0n) renewed.add(id)
  }
  return renewed
}

/**
 * What was leased by somebody who is gone is due: all of it at the start of a sole owner, else what has run out and is
 * none of ours.
 */
export async function releaseLeased(
  tx: Writer,
  nowMs: number,
  which: 'all' | { readonly expiredExcept: readonly string[] },
): Promise<void> {
  let query = tx
    .updateTable('event')
    .set({ state: 'ready', run_at: nowMs })
    .where('state', '=', 'leased')
  if (which !== 'all') query = query.where('run_at', '<=', nowMs)
  if (which !== 'all' && which.expiredExcept.length > 0)
    query = query.where('id', 'not in', [...which.expiredExcept])
  await query.execute()
}

/** When the next event is due, or a lease ends. */
export async function nextDueMs(reader: Reader): Promise<number | undefined> {
  const times: number[] = []
  for (const state of ['ready', 'leased'] as const) {
    const row = await reader
      .selectFrom('event')
      .select('run_at')
      .where('state', '=', state)
      .orderBy('run_at')
      .limit(1)
      .executeTakeFirst()
    if (row !== undefined) times.push(row.run_at)
  }
  return times.length === 0 ? undefined : Math.min(...times)
}

/** At most `limit`; how many. */
export async function forgetDead(tx: Writer, beforeMs: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom('event')
    .select('id')
    .where('state', '=', 'dead')
    .where('run_at', '<', beforeMs)
    .limit(limit)
  const { numDeletedRows } = await tx.deleteFrom('event').where('id', 'in', old).executeTakeFirst()
  return Number(numDeletedRows)
}
