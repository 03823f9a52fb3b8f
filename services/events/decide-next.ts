import type { Delays } from './delays.ts'
import type { Attempt, Condition, LeasedEvent, Terms } from './event.ts'

/** What happens to an event after a try. */
export type Next =
  | { readonly kind: 'done'; readonly attempts: number }
  | {
      readonly kind: 'again'
      readonly runAtMs: number
      readonly attempts: number
      readonly failures: number
      readonly deferrals: number
      readonly message: string
    }
  | {
      readonly kind: 'dead'
      readonly condition: Condition
      readonly attempts: number
      readonly failures: number
      readonly message: string
    }

export interface AfterTry {
  readonly event: LeasedEvent
  readonly attempt: Attempt
  readonly terms: Pick<Terms, 'maxRetries' | 'maxAgeMs'>
  readonly nowMs: number
  readonly delays: Delays
  /** Uniform in [0, 1): spreads what was put off, so that it does not come back in step. */
  readonly fraction: number
}

/** A function error uses up a retry, anything else none; both end where the next try would come too late (AWS, SPEC A12). */
export function decideNext(after: AfterTry): Next {
  const { event, attempt, delays } = after
  switch (attempt.kind) {
    case 'given-up': {
      const { condition, message } = attempt
      const { failures } = event
      return { kind: 'dead', condition, attempts: event.attempts - 1, failures, message }
    }
    case 'ran': {
      const { attempts } = event
      if (!attempt.ran.functionError) return { kind: 'done', attempts }
      const failures = event.failures + 1
      const message = errorMessageOf(attempt.ran.payload)
      if (failures > after.terms.maxRetries)
        return { kind: 'dead', condition: 'RetriesExhausted', attempts, failures, message }
      const waitMs = delays.retryMs * failures
      return again(after, { waitMs, attempts, failures, deferrals: 0, message })
    }
    case 'deferred': {
      const attempts = attempt.began ? event.attempts : event.attempts - 1
      const deferrals = event.deferrals + 1
      const full = Math.min(delays.deferFirstMs * 2 ** (deferrals - 1), delays.deferLongestMs)
      const waitMs = Math.max(1, Math.round(full / 2 + (full / 2) * after.fraction))
      const { failures } = event
      return again(after, { waitMs, attempts, failures, deferrals, message: attempt.message })
    }
  }
}

/** Older than it may become: it is not run (a long stop of the service, a long queue before it). */
export function isTooOld(
  event: Pick<LeasedEvent, 'acceptedAtMs'>,
  terms: Pick<Terms, 'maxAgeMs'>,
  nowMs: number,
): boolean {
  return nowMs > event.acceptedAtMs + terms.maxAgeMs
}

/** Recorded: AWS looks ahead, and gives up at once what the next try would find too old. */
function again(
  { event, terms, nowMs }: AfterTry,
  wish: {
    readonly waitMs: number
    readonly attempts: number
    readonly failures: number
    readonly deferrals: number
    readonly message: string
  },
): Next {
  const { waitMs, ...rest } = wish
  const runAtMs = nowMs + waitMs
  if (isTooOld(event, terms, runAtMs)) {
    const { attempts, failures, message } = wish
    return { kind: 'dead', condition: 'EventAgeExceeded', attempts, failures, message }
  }
  return { kind: 'again', runAtMs, ...rest }
}

/** AWS: the first kilobyte of the error's message. */
const ERROR_MESSAGE_LIMIT_CHARS = 1_024

/** `errorMessage` of a function's error, or the error itself where it has none. */
export function errorMessageOf(payload: Uint8Array): string {
  const text = Buffer.from(payload).toString('utf8')
  try {
    const error: unknown = JSON.parse(text)
    if (typeof error === 'object' && error !== null && 'errorMessage' in error)
      return String(error.errorMessage).slice(0, ERROR_MESSAGE_LIMIT_CHARS)
  } catch {
    // No JSON: a runtime of the function's own may answer anything.
  }
  return text.slice(0, ERROR_MESSAGE_LIMIT_CHARS)
}
