import { backoffMs, type Random } from '../model/index.ts'

/** How long one entry is tried, from its first attempt on. */
export const RETRY_FOR_MS = 24 * 3_600_000
/** From seconds to hours: some 17 attempts in a day. */
const BACKOFF = { firstMs: 5_000, longestMs: 4 * 3_600_000 }
/** Answers that are about this message, and not about the receiver: it would stand in the way of all behind it. */
const REFUSALS: readonly number[] = [400, 413, 422]
/** How often a message is tried that is refused by one of them: some minutes. */
export const REFUSED_ATTEMPTS = 5

/** One attempt that has ended. */
export interface Attempted {
  /** Of the answer; undefined where none came. */
  readonly status: number | undefined
  /** With this one. */
  readonly attempts: number
  readonly firstTriedAtMs: number
  readonly nowMs: number
}

export type Next =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'failed'; readonly runAtMs: number }
  /** Not tried any more, unless somebody asks. */
  | { readonly outcome: 'dead' }
  /** Standard Webhooks: 410 says that nothing is wanted any more. */
  | { readonly outcome: 'gone' }

export function decideNext(attempted: Attempted, random: Random): Next {
  const { status = 0, attempts, firstTriedAtMs, nowMs } = attempted
  if (status >= 200 && status <= 299) return { outcome: 'delivered' }
  if (status === 410) return { outcome: 'gone' }
  if (REFUSALS.includes(status) && attempts >= REFUSED_ATTEMPTS) return { outcome: 'dead' }
  const runAtMs = nowMs + backoffMs(attempts, BACKOFF, random)
  if (runAtMs > firstTriedAtMs + RETRY_FOR_MS) return { outcome: 'dead' }
  return { outcome: 'failed', runAtMs }
}

/** A webhook that takes nothing for so long is switched off. */
const FAILING_LIMIT_MS = 3 * 24 * 3_600_000
/** … where the entry at hand was tried so often, some half an hour: the first no after days without an entry is none of days. */
const FAILING_ATTEMPTS = 10
/** … or one that so many entries wait for. */
export const BACKLOG_LIMIT = 100_000

/** Whether nothing was taken for too long; `failingSinceMs` is when the first entry after the last delivery was not. */
export function isFailing(
  { attempts, nowMs }: Pick<Attempted, 'attempts' | 'nowMs'>,
  outcome: Next['outcome'],
  failingSinceMs: number | undefined,
): boolean {
  if (failingSinceMs === undefined || nowMs - failingSinceMs < FAILING_LIMIT_MS) return false
  return outcome === 'dead' || attempts >= FAILING_ATTEMPTS
}

/** Whether too many wait and they do not get fewer: one that was switched on again may work off what waited. */
export function isBacklog(rows: number, rowsBefore: number | undefined): boolean {
  return rows > BACKLOG_LIMIT && rowsBefore !== undefined && rows >= rowsBefore
}
