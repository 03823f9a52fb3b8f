import { describe, expect, it } from 'vitest'

import { decideNext, isTooOld, type AfterTry } from '../../../services/events/decide-next.ts'
import { delaysOf } from '../../../services/events/delays.ts'
import type { Attempt, LeasedEvent } from '../../../services/events/event.ts'

const AT = 1_800_000_000_000
const event: LeasedEvent = {
  id: '00000000-0000-4000-8000-000000000000',
  functionId: 'fn-1',
  functionName: 'f',
  payload: '{}',
  acceptedAtMs: AT,
  hops: 0,
  fence: 1,
  attempts: 1,
  failures: 0,
  deferrals: 0,
  sound: true,
}

function ran(functionError: boolean, payload = '{"errorMessage":"told to"}'): Attempt {
  return {
    kind: 'ran',
    ran: { payload: Buffer.from(payload), functionError, executedVersion: '1' },
  }
}
const throttled: Attempt = {
  kind: 'deferred',
  began: false,
  status: 429,
  message: 'Rate Exceeded.',
}

function after(more: Partial<AfterTry> & { had?: Partial<LeasedEvent> }) {
  return decideNext({
    attempt: ran(true),
    terms: { maxRetries: 2, maxAgeMs: 21_600_000 },
    nowMs: AT,
    delays: delaysOf(1),
    fraction: 1,
    ...more,
    event: { ...event, ...more.had },
  })
}

describe('after a function error', () => {
  it.each([
    ['a minute before the first retry', { attempts: 1, failures: 0 }, 60_000],
    ['two before the second', { attempts: 2, failures: 1 }, 120_000],
  ])('waits %s', (_what, had, waitMs) => {
    expect(after({ had })).toEqual({
      kind: 'again',
      runAtMs: AT + waitMs,
      attempts: had.attempts,
      failures: had.failures + 1,
      deferrals: 0,
      message: 'told to',
    })
  })

  it.each([0, 1, 2])('gives up after %i retries where no more were asked for', (maxRetries) => {
    const had = { attempts: maxRetries + 1, failures: maxRetries }
    const terms = { maxRetries, maxAgeMs: 21_600_000 }

    expect(after({ had, terms })).toEqual({
      kind: 'dead',
      condition: 'RetriesExhausted',
      attempts: maxRetries + 1,
      failures: maxRetries + 1,
      message: 'told to',
    })
  })

  it('gives up at once where the retry would come too late, and not a millisecond before', () => {
    const terms = { maxRetries: 2, maxAgeMs: 60_000 }

    expect(after({ terms, nowMs: AT + 1 })).toMatchObject({
      condition: 'EventAgeExceeded',
      attempts: 1,
    })
    expect(after({ terms, nowMs: AT })).toMatchObject({ kind: 'again', runAtMs: AT + 60_000 })
  })

  it.each([
    ['the message of an error', '{"errorMessage":"why"}', 'why'],
    ['an error without one', '{"other":1}', '{"other":1}'],
    ['null', 'null', 'null'],
    ['no JSON', 'plain', 'plain'],
    ['its first kilobyte', JSON.stringify({ errorMessage: 'x'.repeat(2_000) }), 'x'.repeat(1_024)],
  ])('keeps %s', (_what, payload, message) => {
    expect(after({ attempt: ran(true, payload) })).toMatchObject({ message })
  })
})

describe('after what was no function error', () => {
  it('is done', () => {
    expect(after({ attempt: ran(false) })).toEqual({ kind: 'done', attempts: 1 })
  })

  it.each([
    [0, 1_000],
    [1, 2_000],
    [8, 256_000],
    [9, 300_000],
    [40, 300_000],
  ])('put off %i times before, waits %i ms and uses up no retry', (deferrals, waitMs) => {
    const had = { attempts: 3, failures: 2, deferrals }

    expect(after({ had, attempt: throttled })).toEqual({
      kind: 'again',
      runAtMs: AT + waitMs,
      attempts: 2,
      failures: 2,
      deferrals: deferrals + 1,
      message: 'Rate Exceeded.',
    })
  })

  it('spreads the wait by half, and counts the invocation that may have begun', () => {
    const attempt = { ...throttled, began: true }

    expect(after({ attempt, fraction: 0 })).toMatchObject({ runAtMs: AT + 500, attempts: 1 })
  })

  it('ends by age, looking ahead', () => {
    const nowMs = AT + 21_599_001

    expect(after({ nowMs, attempt: throttled })).toMatchObject({
      condition: 'EventAgeExceeded',
      attempts: 0,
    })
  })

  it('gives up what is of no use to try', () => {
    const attempt = {
      kind: 'given-up',
      condition: 'FunctionNotFound',
      status: 500,
      message: 'gone',
    } as const

    expect(after({ attempt })).toEqual({
      kind: 'dead', condition: 'FunctionNotFound', attempts: 0, failures: 0, message: 'gone',
    }) // prettier-ignore
  })
})

it('is too old once it is older than it may become', () => {
  const terms = { maxAgeMs: 60_000 }

  expect(isTooOld(event, terms, AT + 60_000)).toBe(false)
  expect(isTooOld(event, terms, AT + 60_001)).toBe(true)
})
