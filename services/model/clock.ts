/** Where time comes from. Nothing else reads it; an operation reads it once and hands the instant on. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number
  /** A clock that never steps back, in milliseconds, for durations and deadlines. */
  monotonicMs(): number
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}

/** `2026-01-01T00:00:00.000+0000`, the form AWS Lambda gives LastModified (SPEC A2). */
export function toAwsTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+0000')
}

/** RFC 3339 in UTC, for our own documents. */
export function toIsoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds since the epoch of an RFC 3339 time with a zone, or `undefined` where it is none. */
export function parseIsoTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/.test(text))
    return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/** The same of a time as HTTP's `Date` and certificates (in OpenSSL's words) have it: `… 2026 GMT`, `… 15:04:05 GMT`. */
export function parseGmtTime(text: string): number | undefined {
  if (!/^[A-Za-z0-9 ,:]{1,40} GMT$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
