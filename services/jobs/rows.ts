import { sha256, type Json } from '../model/index.ts'
import type { JobsTable, Reader, Writer } from '../store/index.ts'

/** A job that is ours until its lease ends. */
export interface Claimed {
  readonly id: string
  readonly kind: string
  readonly key: string
  readonly payload: Json
  readonly attempt: number
  readonly fence: number
  /** The payload still hashes to its digest. */
  readonly sound: boolean
}

export interface ClaimOptions {
  readonly kinds: readonly string[]
  readonly nowMs: number
  readonly leaseMs: number
  readonly limit: number
}

/** Takes what is due, oldest first, and what a worker that is gone had taken. Raising the fence shuts that worker out. */
export async function claim(tx: Writer, options: ClaimOptions): Promise<Claimed[]> {
  const rows = await tx
    .selectFrom('jobs')
    .selectAll()
    .where('kind', 'in', [...options.kinds])
    .where((where) =>
      where.or([
        where.and([where('state', '=', 'ready'), where('run_at', '<=', options.nowMs)]),
        where.and([where('state', '=', 'leased'), where('lease_until', '<=', options.nowMs)]),
      ]),
    )
    .orderBy('run_at')
    .orderBy('id')
    .limit(options.limit)
    .execute()
  for (const row of rows) {
    await tx
      .updateTable('jobs')
      .set({
        state: 'leased',
        lease_until: options.nowMs + options.leaseMs,
        fence: row.fence + 1,
        attempts: row.attempts + 1,
      })
      .where('id', '=', row.id)
      .execute()
  }
  return rows.map(toClaimed)
}

function toClaimed(row: JobsTable): Claimed {
  const sound = sha256(row.payload) === row.payload_digest
  return {
    id: row.id,
    kind: row.kind,
    key: row.key,
    payload: sound ? (JSON.parse(row.payload) as Json) : null,
    attempt: row.attempts + 1,
    fence: row.fence + 1,
    sound,
  }
}

export interface Outcome {
  readonly state: 'done' | 'ready' | 'dead'
  readonly runAtMs: number
  readonly attempts?: number
  readonly lastError?: string
}

/** False where the job is no longer this worker's: the fence has risen. */
export async function finish(tx: Writer, job: Claimed, outcome: Outcome): Promise<boolean> {
  const result = await tx
    .updateTable('jobs')
    .set({
      state: outcome.state,
      run_at: outcome.runAtMs,
      lease_until: null,
      attempts: outcome.attempts ?? job.attempt,
      last_error: outcome.lastError ?? null,
    })
    .where('id', '=', job.id)
    .where('fence', '=', job.fence)
    .where('state', '=', 'leased')
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** False where the job is no longer this worker's. */
export async function renew(tx: Writer, job: Claimed, leaseUntilMs: number): Promise<boolean> {
  const result = await tx
    .updateTable('jobs')
    .set({ lease_until: leaseUntilMs })
    .where('id', '=', job.id)
    .where('fence', '=', job.fence)
    .where('state', '=', 'leased')
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** Everything that was leased is due now. The try that was cut off counts: a job that kills the process ends, too. */
export async function releaseAll(tx: Writer, nowMs: number): Promise<void> {
  await tx
    .updateTable('jobs')
    .set({ state: 'ready', run_at: nowMs, lease_until: null })
    .where('state', '=', 'leased')
    .execute()
}

export async function forgetDone(tx: Writer, beforeMs: number): Promise<void> {
  await tx.deleteFrom('jobs').where('state', '=', 'done').where('run_at', '<', beforeMs).execute()
}

/** When the next job of these kinds is due, or its lease ends. */
export async function nextDueMs(
  reader: Reader,
  kinds: readonly string[],
): Promise<number | undefined> {
  if (kinds.length === 0) return undefined
  const row = await reader
    .selectFrom('jobs')
    .select((select) => [
      select.fn
        .min<number | null>(
          select
            .case()
            .when('state', '=', 'ready')
            .then(select.ref('run_at'))
            .else(select.ref('lease_until'))
            .end(),
        )
        .as('due'),
    ])
    .where('state', 'in', ['ready', 'leased'])
    .where('kind', 'in', [...kinds])
    .executeTakeFirst()
  return row?.due ?? undefined
}
