import { PlatformError, type Clock } from '../../model/index.ts'
import { ONCE_AGE_SECONDS, SKEW_SECONDS, type VerifiedToken } from '../tokens/token.ts'
import { isFromBefore, isSignedOut, type Logout } from './logout-token.ts'
import { logoutRefused } from './sign-in-error.ts'

/** A logout token that is older is not taken anyhow. */
const REMEMBERED_MS = (ONCE_AGE_SECONDS + SKEW_SECONDS) * 1_000
/** The provider alone makes them; more than one sender's budget lets in meanwhile. */
const LOGOUTS_LIMIT = 16_384

/** Messages by which a provider signed somebody out, for as long as they could come again. */
export class SeenLogouts {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** In the order of coming. */
  readonly #seen = new Map<string, { readonly logout: Logout; readonly atMs: number }>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** Each once. @throws PlatformError LOGOUT_REFUSED for one that came before; TOO_MANY_REQUESTS */
  take(logout: Logout): void {
    this.#forget()
    if (this.#seen.has(logout.id)) throw logoutRefused('it came before')
    if (this.#seen.size >= LOGOUTS_LIMIT)
      throw new PlatformError('TOO_MANY_REQUESTS', 'too many people are signed out at once')
    this.#seen.set(logout.id, { logout, atMs: this.#clock.monotonicMs() })
  }

  /** Whether what this token would sign in was signed out already. */
  covers(token: VerifiedToken): boolean {
    this.#forget()
    return [...this.#seen.values()].some(
      ({ logout }) => isSignedOut(token, logout) && isFromBefore(token, logout, 0),
    )
  }

  #forget(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [id, { atMs }] of this.#seen) {
      if (nowMs - atMs < REMEMBERED_MS) return
      this.#seen.delete(id)
    }
  }
}
