import { FREEZE_DELAY_LIMIT_MS, FREEZE_DELAY_MS } from './constants.ts'

/** When an environment that waits for its next invocation is frozen: times are those of a monotonic clock, milliseconds. */
export class FreezeTimer {
  #timer: NodeJS.Timeout | undefined
  #waitsSinceMs = 0
  #waitedMs = Infinity

  /** An invocation has come. */
  called(nowMs: number): void {
    this.#waitedMs = nowMs - this.#waitsSinceMs
  }

  /** It waits from now on, and is frozen unless it is called before. */
  start(nowMs: number, freeze: () => void): void {
    this.#waitsSinceMs = nowMs
    this.#timer = setTimeout(freeze, freezeDelayMs(this.#waitedMs)).unref()
  }

  cancel(): void {
    clearTimeout(this.#timer)
  }
}

/** How long an environment stays thawed that waited so long for the invocation which it has just answered. */
export function freezeDelayMs(waitedMs: number): number {
  const wanted = 2 * waitedMs
  return wanted > FREEZE_DELAY_LIMIT_MS ? FREEZE_DELAY_MS : Math.max(wanted, FREEZE_DELAY_MS)
}
