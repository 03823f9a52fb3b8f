/** How long an event waits before its next try. */
export interface Delays {
  /** AWS: one minute before the first retry, twice that before the second. */
  readonly retryMs: number
  /** AWS: throttled, or an error of the service: from one second … */
  readonly deferFirstMs: number
  /** … doubling up to five minutes. */
  readonly deferLongestMs: number
}

const RETRY_MS = 60_000
const DEFER_FIRST_MS = 1_000
const DEFER_LONGEST_MS = 300_000

/** AWS's delays, times a scale: 1 in service, less where a test cannot wait for minutes. */
export function delaysOf(scale: number): Delays {
  const scaled = (ms: number): number => Math.max(1, Math.round(ms * scale))
  return {
    retryMs: scaled(RETRY_MS),
    deferFirstMs: scaled(DEFER_FIRST_MS),
    deferLongestMs: scaled(DEFER_LONGEST_MS),
  }
}
