import type { Clock } from '../../model/index.ts'

/** After it could not answer it is left alone for this long. */
const FAILED_MS = 3_000

interface Known<T> {
  readonly found: T
  readonly atMs: number
}

/** What somebody else was asked: kept, asked for by one at a time, and not for a while after it could not answer. */
export class Asked<T> {
  readonly #ask: () => Promise<T>
  readonly #clock: Clock
  #known: Known<T> | undefined
  #failedAtMs: number | undefined
  #asking: Promise<T> | undefined

  constructor(ask: () => Promise<T>, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  /**
   * @param isGood whether what is known of that age will do
   * @throws what the question throws
   */
  async get(isGood: (found: T, ageMs: number) => boolean): Promise<T> {
    const known = this.#known
    if (known !== undefined && isGood(known.found, this.#clock.monotonicMs() - known.atMs))
      return known.found
    this.#asking ??= this.#askOnce().finally(() => (this.#asking = undefined))
    return await this.#asking
  }

  async #askOnce(): Promise<T> {
    const failedAtMs = this.#failedAtMs
    if (failedAtMs !== undefined && this.#clock.monotonicMs() - failedAtMs < FAILED_MS)
      throw new Error('it could not answer a moment ago')
    try {
      const found = await this.#ask()
      this.#known = { found, atMs: this.#clock.monotonicMs() }
      this.#failedAtMs = undefined
      return found
    } catch (error) {
      this.#failedAtMs = this.#clock.monotonicMs()
      throw error
    }
  }
}
