/**
 * To prepare something for the engine costs about as much as this part of its size in answers, so it is prepared when it
 * was asked for often enough to win that back.
 */
const ASKED_PER_SIZE = 0.1

/** How often what is not prepared was asked for. Beyond the limit counting begins anew. */
export class AskedOften {
  readonly #times = new Map<string, number>()
  readonly #limit: number

  /** `limit`: kinds of questions that are counted at a time. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Counts once more. `size`: how many policies are to be prepared. */
  isWorthPreparing(key: string, size: number): boolean {
    const times = (this.#times.get(key) ?? 0) + 1
    this.#times.delete(key)
    if (times > size * ASKED_PER_SIZE) return true
    if (this.#times.size >= this.#limit) this.#times.clear()
    this.#times.set(key, times)
    return false
  }
}
