import type { Clock } from '../model/index.ts'

/** Does one thing after the other for as long as there is something to do. */
export class Lane {
  #wanted = true
  #sleep = new AbortController()

  /** Something may have changed: it looks again, whatever it waits for. */
  nudge(): void {
    this.#wanted = true
    this.#sleep.abort()
  }

  /**
   * `turn` answers how long to wait before the next one, undefined where nothing is to be done. `onEnd` is called in the
   * very step in which it ends, so that no nudge falls between. Whoever aborts `signal` nudges, too.
   */
  async run(
    turn: () => Promise<number | undefined>,
    {
      clock,
      signal,
      onEnd,
    }: { readonly clock: Clock; readonly signal: AbortSignal; readonly onEnd: () => void },
  ): Promise<void> {
    while (this.#wanted && !signal.aborted) {
      this.#wanted = false
      this.#sleep = new AbortController()
      const waitMs = await turn()
      if (waitMs === undefined) continue
      this.#wanted = true
      if (waitMs > 0) await clock.sleep(waitMs, this.#sleep.signal).catch(() => undefined)
    }
    onEnd()
  }
}
