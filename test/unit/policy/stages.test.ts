import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Revocation, SealReport } from '../../../services/model/index.ts'
import {
  coversPlace,
  floorsAfterRevocation,
  floorsAt,
  isScope,
  nextFloorRise,
  soakedMs,
  stretchesOf,
  type FloorGround,
} from '../../../services/policy/index.ts'

type Interval = FloorGround['intervals'][number]

function seal(counter: string, publisher = 'ci', digest = counter.padStart(64, '0')): SealReport {
  return {
    digest,
    counter,
    outcome: 'trusted',
    publisher: { publisherId: `pub-${publisher}`, name: publisher, version: 'v', arn: `arn:${publisher}`, allowed: true },
    signer: { id: 'i', kind: 'key', spkiSha256: 'aa', display: 'd' },
    expiresAtMs: undefined,
  } as unknown as SealReport
} // prettier-ignore

function held(release: string, fromMs: number, toMs: number | null, more: Partial<Interval> = {}): Interval {
  return { slot: 'primary', weight: 1, release, fromMs, toMs, outcome: 'allow', seals: [seal(release)], ...more }
} // prettier-ignore

const ground = (intervals: readonly Interval[], more: Partial<FloorGround> = {}): FloorGround => ({
  soakMs: 10,
  ruledAtMs: 0,
  stored: [],
  intervals,
  revocations: [],
  atMs: 100,
  ...more,
})
const counters = (from: FloorGround): string[] => floorsAt(from).map(({ counter }) => counter)

describe('wholly live', () => {
  test('is without a second version and without a break; a new row for the same release is none', () => {
    const found = stretchesOf([
      held('1', 0, 5),
      held('1', 5, 9),
      held('2', 9, 20),
      held('1', 30, null),
    ])

    expect(found.map(({ release, fromMs, toMs }) => [release, fromMs, toMs])).toEqual([
      ['1', 0, 9],
      ['2', 9, 20],
      ['1', 30, null],
    ])
  })

  test('is nothing that shares the alias, whatever the first version weighs', () => {
    const shared = held('2', 0, null, { slot: 'weighted', weight: 0.01 })

    expect(stretchesOf([held('1', 0, null, { weight: 0.99 }), shared])).toEqual([])
    expect(stretchesOf([held('1', 0, null), shared])).toEqual([])
    expect(stretchesOf([held('1', 0, null), { ...shared, weight: 0 }])).toHaveLength(1)
  })

  test('two short stretches do not make a long one', () => {
    const intervals = [held('1', 0, 6), held('2', 6, 7), held('1', 7, 13)]

    expect(soakedMs(intervals, { release: '1', atMs: 13, endedWithinMs: null })).toBe(6)
  })

  test('what ended counts within its bound alone', () => {
    const asked = { release: '1', atMs: 30 }
    const intervals = [held('1', 0, 20)]

    expect(soakedMs(intervals, { ...asked, endedWithinMs: 10 })).toBe(20)
    expect(soakedMs(intervals, { ...asked, endedWithinMs: 9 })).toBe(0)
    expect(soakedMs(intervals, { ...asked, endedWithinMs: null })).toBe(20)
  })
})

describe('the floor', () => {
  test('rises to what was wholly live for the soak time, at the millisecond it is over', () => {
    expect(counters(ground([held('5', 90, null)], { atMs: 99 }))).toEqual([])
    expect(counters(ground([held('5', 90, null)], { atMs: 100 }))).toEqual(['5'])
    expect(nextFloorRise(ground([held('5', 95, null)]))).toBe(105)
    expect(nextFloorRise(ground([held('5', 90, null)]))).toBeUndefined()
  })

  test('does not rise to what was let through with a warning, expired, was revoked meanwhile, or has no counter', () => {
    const revoked: Revocation = { targetKind: 'publisher', target: 'pub-ci', effectiveAtMs: 1, recordedAtMs: 5, reason: '' }

    expect(counters(ground([held('5', 0, null, { outcome: 'warn' })]))).toEqual([])
    expect(counters(ground([held('5', 0, null, { seals: [{ ...seal('5'), expiresAtMs: 10 }] })]))).toEqual([])
    expect(counters(ground([held('5', 0, null)], { revocations: [revoked] }))).toEqual([])
    expect(counters(ground([held('0', 0, null)]))).toEqual([])
  }) // prettier-ignore

  test('asks about nothing that ended before the alias had one, and never falls to a lower counter', () => {
    expect(counters(ground([held('9', 0, 40), held('5', 40, null)], { ruledAtMs: 50 }))).toEqual([
      '5',
    ])
    const stored = [
      { publisher: 'ci', counter: '7', release: null, raisedAtMs: 1, why: 'set by an operator' },
    ]
    expect(counters(ground([held('5', 0, null)], { stored }))).toEqual(['7'])
  })

  test('is one to a publisher', () => {
    const intervals = [
      held('a', 0, null, { seals: [seal('5', 'ci'), seal('3', 'ci', 'x'), seal('2', 'qa')] }),
    ]

    expect(floorsAt(ground(intervals)).map(({ publisher, counter }) => [publisher, counter])).toEqual([
      ['ci', '5'],
      ['qa', '2'],
    ])
  }) // prettier-ignore

  test('at a later time is never lower, whatever was live and revoked', () => {
    const interval = fc.record({
      release: fc.constantFrom('1', '2', '18446744073709551615'),
      lengthMs: fc.integer({ min: 1, max: 30 }),
      outcome: fc.constantFrom('allow', 'warn'),
    })
    const revocation = fc.record({
      targetKind: fc.constantFrom('publisher' as const, 'seal' as const),
      target: fc.constantFrom('pub-ci', '1'.padStart(64, '0'), '2'.padStart(64, '0')),
      effectiveAtMs: fc.constant(0),
      recordedAtMs: fc.integer({ min: 0, max: 100 }),
      reason: fc.constant(''),
    })
    const times = fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 120 }))
    fc.assert(
      fc.property(
        fc.array(interval, { maxLength: 6 }),
        fc.array(revocation, { maxLength: 3 }),
        times,
        (some, all, pair) => {
          const [early = 0, late = 0] = pair.toSorted((one, other) => one - other)
          // What rows and revocations were there at an instant.
          const known = (atMs: number): bigint => {
            let fromMs = 0
            const intervals = some.flatMap(({ release, lengthMs, outcome }) => {
              const [begin, end] = [fromMs, (fromMs += lengthMs)]
              return begin <= atMs ? [held(release, begin, end <= atMs ? end : null, { outcome })] : []
            })
            const revocations = all.filter(({ recordedAtMs }) => recordedAtMs <= atMs)
            return BigInt(counters(ground(intervals, { revocations, atMs }))[0] ?? '0')
          }
          return known(early) <= known(late)
        },
      ),
    )
  }) // prettier-ignore
})

describe('after a revocation the floor', () => {
  const revoked: Revocation = {
    targetKind: 'seal',
    target: seal('3').digest,
    effectiveAtMs: 1,
    recordedAtMs: 100,
    reason: '',
  }
  const after = (intervals: readonly Interval[], one = revoked): string[] =>
    floorsAfterRevocation(ground(intervals, { soakMs: 1_000, revocations: [one] }), [one]).map(
      ({ counter }) => counter,
    )

  test('rises at once to what is live, where what was live before is hit', () => {
    expect(after([held('3', 0, 90), held('5', 90, null)])).toEqual(['5'])
  })

  test('does not rise where what is live is hit itself, shares the alias, or nothing before is hit', () => {
    const publisher = { ...revoked, targetKind: 'publisher' as const, target: 'pub-ci' }

    expect(after([held('3', 0, 90), held('5', 90, null)], publisher)).toEqual([])
    expect(after([held('4', 0, 90), held('5', 90, null)])).toEqual([])
    expect(after([held('3', 0, 90), held('5', 90, null, { weight: 0.5 })])).toEqual([])
  })
})

describe('a scope', () => {
  test.each([
    ['fn', 'fn', true],
    ['fn', 'fn:prod', true],
    ['fn:prod', 'fn', false],
    ['fn:prod', 'fn:prod', true],
    ['fn:prod', 'fn:production', false],
    ['*', 'fn:prod', true],
    ['*:prod', 'fn:prod', true],
    ['*:prod', 'fn:staging', false],
    ['pay-*:prod', 'pay-card:prod', true],
    ['pay-*', 'repay-card', false],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'aXc', false],
    ['ab*ba', 'aba', false],
  ])('%s covers %s: %s', (pattern, place, covers) => {
    expect(coversPlace(pattern, place)).toBe(covers)
  })

  test.each(['', 'a:b:c', 'a b', ':', 'a:', 'a/b'])('is not %j', (text) => {
    expect(isScope(text)).toBe(false)
  })
})
