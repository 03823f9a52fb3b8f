import { expect, test } from 'vitest'

import type { Random } from '../../../services/model/index.ts'
import {
  BACKLOG_LIMIT,
  REFUSED_ATTEMPTS,
  RETRY_FOR_MS,
  decideNext,
  isBacklog,
  isFailing,
  type Next,
} from '../../../services/webhooks/schedule.ts'

const chance = (fraction: number): Random => ({
  uuid: () => '',
  bytes: (length) => new Uint8Array(length),
  fraction: () => fraction,
})

/** Attempts that all end so, from the first to the last. */
function attemptsOf(status: number | undefined, fraction: number) {
  const waits: number[] = []
  let nowMs = 0
  for (let attempts = 1; attempts < 1_000; attempts += 1) {
    const next: Next = decideNext({ status, attempts, firstTriedAtMs: 0, nowMs }, chance(fraction))
    if (next.outcome !== 'failed') return { last: next.outcome, attempts, waits, atMs: nowMs }
    waits.push(next.runAtMs - nowMs)
    nowMs = next.runAtMs
  }
  throw new Error('it never ends')
}

test.each([undefined, 301, 302, 404, 408, 429, 500, 503])(
  'tries for about a day where the answer is %s, ever more slowly',
  (status) => {
    const { last, attempts, waits, atMs } = attemptsOf(status, 0.5)

    expect(last).toBe('dead')
    expect(attempts).toBeGreaterThan(12)
    expect(attempts).toBeLessThan(30)
    expect(atMs).toBeGreaterThan(0.75 * RETRY_FOR_MS)
    expect(atMs).toBeLessThanOrEqual(RETRY_FOR_MS)
    expect(waits).toEqual(waits.toSorted((a, b) => a - b))
    expect(waits[0]).toBeLessThanOrEqual(5_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(4 * 3_600_000)
  },
)

test('spreads attempts by half of the wait, so that receivers are not asked by all at once', () => {
  expect(attemptsOf(500, 0).waits.slice(0, 3)).toEqual([2_500, 5_000, 10_000])
  expect(attemptsOf(500, 0.999_999).waits.slice(0, 3)).toEqual([5_000, 10_000, 20_000])
})

test.each([400, 413, 422])(
  'gives a message up soon that %s refuses: what is behind it does not wait a day',
  (status) => {
    const { last, attempts, atMs } = attemptsOf(status, 0.5)

    expect({ last, attempts }).toEqual({ last: 'dead', attempts: REFUSED_ATTEMPTS })
    expect(atMs).toBeLessThan(300_000)
  },
)

test('takes every 2xx for yes and 410 for never again', () => {
  expect([200, 201, 202, 204, 299].map((status) => attemptsOf(status, 0).last)).toEqual(
    Array.from({ length: 5 }, () => 'delivered'),
  )
  expect(attemptsOf(410, 0)).toMatchObject({ last: 'gone', attempts: 1 })
})

const DAY_MS = 24 * 3_600_000

test.each<[string, boolean, Parameters<typeof isFailing>]>([
  ['three days, many attempts', true, [{ attempts: 10, nowMs: 3 * DAY_MS }, 'failed', 0]],
  ['three days, an entry given up', true, [{ attempts: 5, nowMs: 3 * DAY_MS }, 'dead', 0]],
  ['three days, of which most had no entry', false, [{ attempts: 1, nowMs: 9 * DAY_MS }, 'failed', 0]],
  ['less than three days', false, [{ attempts: 99, nowMs: 3 * DAY_MS - 1 }, 'dead', 0]],
  ['a delivery since', false, [{ attempts: 99, nowMs: 9 * DAY_MS }, 'dead', undefined]],
])('is it failing after %s: %s', (_, failing, asked) => {
  expect(isFailing(...asked)).toBe(failing)
}) // prettier-ignore

test.each<[string, boolean, number, number | undefined]>([
  ['no more than the limit', false, BACKLOG_LIMIT, 1],
  ['more, as nobody has seen before', false, BACKLOG_LIMIT + 1, undefined],
  ['more, and fewer than before', false, BACKLOG_LIMIT + 1, BACKLOG_LIMIT + 2],
  ['more, and no fewer than before', true, BACKLOG_LIMIT + 1, BACKLOG_LIMIT + 1],
  ['more than before', true, BACKLOG_LIMIT + 2, BACKLOG_LIMIT + 1],
])('is it too much that waits, with %s: %s', (_, tooMuch, rows, before) => {
  expect(isBacklog(rows, before)).toBe(tooMuch)
})
