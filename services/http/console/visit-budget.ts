import { PlatformError, type Clock } from '../../model/index.ts'
import type { VisitBudget } from './session-gate.ts'

/** Requests of one principal at once … */
export const BURST = 240
/** … and in a second from then on. */
export const PER_SECOND = 12
/** Principals remembered; the longest unseen goes first, with a full budget. */
const PRINCIPALS_LIMIT = 10_000

interface Rate {
  /** Requests at once … */
  readonly burst: number
  /** … and in a second from then on. */
  readonly perSecond: number
}

/** A page reads a good deal: one person's browser does not take the service from the others. */
export function openVisitBudget(
  clock: Pick<Clock, 'monotonicMs'>,
  { burst, perSecond }: Rate = { burst: BURST, perSecond: PER_SECOND },
): VisitBudget {
  const buckets = new Map<string, { left: number; readonly atMs: number }>()
  return {
    take: (principalId) => {
      const nowMs = clock.monotonicMs()
      const before = buckets.get(principalId) ?? { left: burst, atMs: nowMs }
      const left = Math.min(burst, before.left + ((nowMs - before.atMs) / 1_000) * perSecond)
      buckets.delete(principalId)
      buckets.set(principalId, { left: Math.max(0, left - 1), atMs: nowMs })
      const oldest = buckets.keys().next()
      if (buckets.size > PRINCIPALS_LIMIT && !oldest.done) buckets.delete(oldest.value)
      if (left < 1)
        throw new PlatformError('TOO_MANY_REQUESTS', 'too many requests at once: wait a moment')
    },
  }
}
