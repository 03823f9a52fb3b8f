import { PlatformError, sha256 } from '../../model/index.ts'

/** Logs that are followed at once, by everybody … */
export const FOLLOWERS_LIMIT = 32
/** … and in one session, whatever number of pages it has open. */
export const SESSION_FOLLOWERS_LIMIT = 4

/** Who follows logs now. A place is given back once, however often that is said. */
export class Followers {
  readonly #bySession = new Map<string, number>()
  #all = 0

  get count(): number {
    return this.#all
  }

  /** @throws PlatformError TOO_MANY_REQUESTS */
  take(sessionSecret: string): Disposable {
    const session = sha256(Buffer.from(sessionSecret))
    const own = this.#bySession.get(session) ?? 0
    if (own >= SESSION_FOLLOWERS_LIMIT || this.#all >= FOLLOWERS_LIMIT)
      throw new PlatformError(
        'TOO_MANY_REQUESTS',
        'as many logs are followed already as may be: close a page that follows one',
      )
    this.#bySession.set(session, own + 1)
    this.#all += 1
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        this.#all -= 1
        const left = (this.#bySession.get(session) ?? 1) - 1
        if (left > 0) this.#bySession.set(session, left)
        else this.#bySession.delete(session)
      },
    }
  }
}
