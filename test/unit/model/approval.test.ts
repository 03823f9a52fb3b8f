import fc from 'fast-check'
import { expect, test } from 'vitest'

import { isInForce, restOf, sameWeight } from '../../../services/model/index.ts'

const instant = fc.integer({ min: 0, max: 10_000 })

test('an exception is in force from its grant up to its end, and never outside', () => {
  fc.assert(
    fc.property(
      instant,
      fc.integer({ min: 1, max: 5_000 }),
      fc.option(fc.integer({ min: 0, max: 6_000 })),
      instant,
      (grantedAtMs, ttlMs, ended, atMs) => {
        const untilMs = grantedAtMs + ttlMs
        const endedAtMs = ended === null ? null : grantedAtMs + ended
        const endMs = Math.min(untilMs, endedAtMs ?? untilMs)
        const exception = { grantedAtMs, untilMs, endedAtMs }

        expect(isInForce(exception, atMs)).toBe(atMs >= grantedAtMs && atMs < endMs)
        // The instants at which an answer changes.
        expect(isInForce(exception, grantedAtMs - 1)).toBe(false)
        expect(isInForce(exception, grantedAtMs)).toBe(endMs > grantedAtMs)
        expect(isInForce(exception, endMs - 1)).toBe(endMs > grantedAtMs)
        expect(isInForce(exception, endMs)).toBe(false)
      },
    ),
  )
})

test('over time an exception comes into force at most once: what is over stays over', () => {
  fc.assert(
    fc.property(
      fc.option(instant),
      fc.option(instant),
      fc.option(instant),
      fc.array(instant, { minLength: 2, maxLength: 30 }),
      (grantedAtMs, untilMs, endedAtMs, instants) => {
        const answers = instants
          .toSorted((a, b) => a - b)
          .map((atMs) => isInForce({ grantedAtMs, untilMs, endedAtMs }, atMs))
        const changes = answers.filter((answer, at) => at > 0 && answer !== answers[at - 1])
        expect(changes.length).toBeLessThanOrEqual(2)
        if (changes.length === 2) expect(answers.at(-1)).toBe(false)
      },
    ),
  )
})

test.each([
  ['nobody granted', { grantedAtMs: null, untilMs: 100, endedAtMs: null }],
  ['has no end', { grantedAtMs: 0, untilMs: null, endedAtMs: null }],
])('one that %s is not in force', (_what, exception) => {
  expect(isInForce(exception, 50)).toBe(false)
})

test('weights are compared by the millionth, and what is left of one is its complement', () => {
  expect(restOf(0.9)).toBe(0.1)
  expect(sameWeight(0.1, 1 - 0.9)).toBe(true)
  expect(sameWeight(0.1, 0.100001)).toBe(false)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000 }), (thousandths) =>
      sameWeight(restOf(restOf(thousandths / 1_000)), thousandths / 1_000),
    ),
  )
})
