import { PlatformError, limits, type Clock } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/**
 * A time stamp may lie 5 min ahead of our clock, so that a signature first seen now can stay valid for twice
 * the window; the minute is for the clock itself.
 */
const KEEP_MS = 2 * limits.SIGNATURE_WINDOW_MS + 60_000
/** Old rows are removed with every so-many new ones: no timer, and the table stays as small as the load is. */
const PRUNE_EVERY = 256

/**
 * Signatures of changing requests (RULES §7): the same one again is refused once 2 s have passed since it was
 * first seen. Within these it is let through, for botocore signs nothing unique and equal calls within one
 * second are legitimate. Rows, so that a restart forgets nothing.
 */
export class ReplayGuard {
  readonly #store: Store
  readonly #clock: Clock
  #sincePruned = PRUNE_EVERY

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Records the signature of a verified request before it has any effect. @throws PlatformError REPLAYED_REQUEST */
  async admit(signature: string): Promise<void> {
    const now = this.#clock.nowMs()
    this.#sincePruned += 1
    const prune = this.#sincePruned > PRUNE_EVERY
    if (prune) this.#sincePruned = 0
    const firstSeen = await this.#store.transaction(async (tx) => {
      if (prune)
        await tx
          .deleteFrom('seen_signature')
          .where('first_seen_at', '<', now - KEEP_MS)
          .execute()
      await tx
        .insertInto('seen_signature')
        .values({ signature, first_seen_at: now })
        .onConflict((conflict) => conflict.column('signature').doNothing())
        .execute()
      const row = await tx
        .selectFrom('seen_signature')
        .select('first_seen_at')
        .where('signature', '=', signature)
        .executeTakeFirstOrThrow()
      return row.first_seen_at
    })
    // A first time in the future means that the clock was set back: how long ago it was is not known.
    if (Math.abs(now - firstSeen) > limits.REPLAY_GRACE_MS) {
      throw new PlatformError(
        'REPLAYED_REQUEST',
        'A request with this signature was received before: sign it again to repeat it.',
      )
    }
  }
}
