import { PlatformError, type Clock } from '../model/index.ts'

/** Refusals that one principal may cause at once … */
const BURST = 2_000
/** … and in a second from then on. */
const PER_SECOND = 20
/** Principals remembered; the longest unseen goes first, with a full budget. */
const PRINCIPALS_LIMIT = 10_000

interface Bucket {
  left: number
  atMs: number
}

/**
 * RULES §6: a refusal is a ledger entry, so that whoever is refused again and again is slowed down before the next
 * decision is made. What is admitted costs nothing.
 */
export class RefusalBudget {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws PlatformError TOO_MANY_REQUESTS */
  check(principalId: string): void {
    if (this.#bucket(principalId).left >= 1) return
    throw new PlatformError('TOO_MANY_REQUESTS', 'Rate Exceeded.', {
      detail: { reason: 'CallerRateLimitExceeded' },
    })
  }

  /** One more refusal. */
  spend(principalId: string): void {
    this.#bucket(principalId).left -= 1
  }

  #bucket(principalId: string): Bucket {
    const nowMs = this.#clock.monotonicMs()
    const before = this.#buckets.get(principalId) ?? { left: BURST, atMs: nowMs }
    const refilled = before.left + ((nowMs - before.atMs) / 1_000) * PER_SECOND
    const bucket = { left: Math.min(BURST, refilled), atMs: nowMs }
    this.#buckets.delete(principalId)
    this.#buckets.set(principalId, bucket)
    const oldest = this.#buckets.keys().next()
    if (this.#buckets.size > PRINCIPALS_LIMIT && !oldest.done) this.#buckets.delete(oldest.value)
    return bucket
  }
}
