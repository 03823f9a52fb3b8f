import { canonicalJson, sha256, type Json } from '../model/index.ts'
import type { Writer } from '../store/index.ts'

export interface NewJob {
  readonly kind: string
  /** What the job is about; with the kind, its identity. */
  readonly key: string
  readonly payload: Json
  /** Not before this instant. */
  readonly runAtMs: number
}

export interface Enqueued {
  readonly id: string
  /** False where the same (kind, key) already waits or runs: it is left as it is. */
  readonly created: boolean
}

/**
 * Writes a job beside the change that makes it necessary. One (kind, key) stands once: what waits or runs stays,
 * what is done or dead is replaced and keeps its fence, so that nobody left over from before can finish it.
 */
export async function enqueue(tx: Writer, job: NewJob): Promise<Enqueued> {
  const payload = canonicalJson(job.payload)
  const id = `job-${sha256('lacre job v1\0', canonicalJson([job.kind, job.key])).slice(0, 32)}`
  const fresh = {
    state: 'ready' as const,
    run_at: job.runAtMs,
    lease_until: null,
    attempts: 0,
    payload,
    payload_digest: sha256(payload),
    last_error: null,
  }
  const result = await tx
    .insertInto('jobs')
    .values({ id, kind: job.kind, key: job.key, fence: 0, ...fresh })
    .onConflict((conflict) =>
      conflict
        .columns(['kind', 'key'])
        .doUpdateSet(fresh)
        .where('jobs.state', 'in', ['done', 'dead']),
    )
    .executeTakeFirst()
  return { id, created: (result.numInsertedOrUpdatedRows ?? 0n) > 0n }
}
