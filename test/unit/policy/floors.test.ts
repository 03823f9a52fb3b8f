import { describe, expect, test } from 'vitest'

import type { Revocation, SealReport, SubjectFacts } from '../../../services/model/index.ts'
import {
  floorsAfterRevocation,
  floorsAt,
  nextFloorRise,
  soakedMs,
  stretchesOf,
  type FloorGround,
} from '../../../services/policy/index.ts'
import { countersOf, isHit } from '../../../services/policy/floor.ts'

/** What a floor rises to, and when, to the millisecond; what counts as one unbroken time of being wholly live. */

type Interval = FloorGround['intervals'][number]

function seal(counter: string, publisher = 'ci', more: Partial<SealReport> = {}): SealReport {
  return {
    digest: `${publisher}-${counter}`, counter, outcome: 'trusted', expiresAtMs: undefined,
    publisher: { publisherId: `pub-${publisher}`, name: publisher, arn: `arn:${publisher}` },
    signer: { kind: 'key', spkiSha256: 'key-1', certificateSha256: 'cert-1' },
    ...more,
  } as unknown as SealReport
} // prettier-ignore
const unknown = seal('9', 'ci', { publisher: undefined, signer: undefined, digest: 'nobody' as SealReport['digest'] }) // prettier-ignore

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
const told = (floors: ReturnType<typeof floorsAt>): string[] =>
  floors.map(({ publisher, counter }) => `${publisher} ${counter}`)
const stored = (publisher: string, counter: string) =>
  ({ publisher, counter, release: null, raisedAtMs: 1, why: 'set by an operator' }) as const

describe('a floor', () => {
  test('says to which release it rose, when and why', () => {
    expect(floorsAt(ground([held('5', 20, null)]))).toEqual([
      { publisher: 'ci', counter: '5', release: '5', raisedAtMs: 30, why: 'soaked' },
    ])
  })

  test.each<[string, readonly Interval[], Partial<FloorGround>, readonly string[]]>([
    ['of what ended before it had soaked: none', [held('5', 0, 9)], {}, []],
    ['of what ended as it had soaked', [held('5', 0, 10)], {}, ['ci 5']],
    ['of what will only have soaked later, though it ended later still: none', [held('5', 95, 200)], {}, []],
    ['of what is let through with a warning before it has soaked: none',
      [held('5', 0, 9), held('5', 9, null, { outcome: 'warn' })], {}, []],
    ['of what is let through with a warning as it has soaked',
      [held('5', 0, 10), held('5', 10, null, { outcome: 'warn' })], {}, ['ci 5']],
    ['of what was let through with a warning at first: none',
      [held('5', 0, 5, { outcome: 'warn' }), held('5', 5, null)], {}, []],
    ['of what soaks for no time', [held('5', 90, null)], { soakMs: 0 }, ['ci 5']],
    ['of a seal that ends later', [held('5', 0, null, { seals: [seal('5', 'ci', { expiresAtMs: 11 })] })], {}, ['ci 5']],
    ['of a seal that ends in that millisecond: none',
      [held('5', 0, null, { seals: [seal('5', 'ci', { expiresAtMs: 10 })] })], {}, []],
    ['of a seal that nobody knows: none', [held('5', 0, null, { seals: [unknown] })], {}, []],
    ['of a seal that was there all through',
      [held('5', 0, 5, { seals: [seal('6'), seal('5')] }), held('5', 5, null, { seals: [seal('4'), seal('5')] })], {}, ['ci 5']],
    ['of a seal that came later: none',
      [held('5', 0, 5, { seals: [] }), held('5', 5, null)], {}, []],
    ['that is stored, where nothing soaked', [], { stored: [stored('qa', '3')] }, ['qa 3']],
  ])('%s', (_what, intervals, more, expected) => {
    expect(told(floorsAt(ground(intervals, more)))).toEqual(expected)
  }) // prettier-ignore

  test.each([
    [9, []],
    [10, []],
    [11, ['ci 5']],
  ])('that rises after 10 ms knows a revocation recorded after %i: %j', (recordedAtMs, expected) => {
    const revocation = { targetKind: 'seal', target: 'ci-5', effectiveAtMs: 1, recordedAtMs, reason: '' } as const

    expect(told(floorsAt(ground([held('5', 0, null)], { revocations: [revocation] })))).toEqual(expected)
  }) // prettier-ignore

  test('rises next by what is wholly live now, whatever soaked before', () => {
    expect(nextFloorRise(ground([held('4', 0, 95), held('5', 95, null)]))).toBe(105)
  })
})

describe('after a revocation', () => {
  const revoked = (target: string, targetKind: Revocation['targetKind'] = 'seal') =>
    ({ targetKind, target, effectiveAtMs: 1, recordedAtMs: 100, reason: '' }) as const
  const of = (
    intervals: readonly Interval[],
    revocations: readonly Revocation[],
    more: Partial<FloorGround> = {},
  ) =>
    floorsAfterRevocation(ground(intervals, { soakMs: 1_000, revocations, ...more }), revocations)
  const now = held('5', 90, null)

  test('what is live in its place is the floor, and the floor says so', () => {
    expect(of([held('3', 0, 90), now], [revoked('ci-3')])).toEqual([
      { publisher: 'ci', counter: '5', release: '5', raisedAtMs: 100, why: 'what was live before is revoked' },
    ])
  }) // prettier-ignore

  test.each<[string, readonly Interval[], readonly Revocation[], Partial<FloorGround>, readonly string[]]>([
    ['rises to what went live this millisecond', [held('3', 0, 100), held('5', 100, null)], [revoked('ci-3')], {}, ['ci 5']],
    ['rises for one of two seals that were live', [held('3', 0, 90, { seals: [unknown, seal('4'), seal('3')] }), now], [revoked('ci-3')], {}, ['ci 5']],
    ['rises by one of two revocations', [held('3', 0, 90), now], [revoked('other'), revoked('ci-3')], {}, ['ci 5']],
    ['does not rise where the seal that is hit was the higher one', [held('7', 0, 90), now], [revoked('ci-7')], {}, []],
    ['does not rise where another publisher was hit', [held('3', 0, 90, { seals: [seal('3', 'qa')] }), now], [revoked('qa-3')], {}, []],
    ['does not rise where nothing is live now', [held('3', 0, 90)], [revoked('ci-3')], {}, []],
    ['stays where nothing is live now', [held('3', 0, 90)], [revoked('ci-3')], { stored: [stored('ci', '2')] }, ['ci 2']],
    ['stays where it is higher', [held('3', 0, 90), now], [revoked('ci-3')], { stored: [stored('ci', '8')] }, ['ci 8']],
    ['stays beside one that rises', [held('3', 0, 90), now], [revoked('ci-3')], { stored: [stored('qa', '2')] }, ['ci 5', 'qa 2']],
  ])('%s', (_what, intervals, revocations, ...[more, expected]) => {
    expect(told(of(intervals, revocations, more)).toSorted()).toEqual(expected)
  }) // prettier-ignore

  test.each([
    ['seal', 'nobody', true],
    ['seal', 'ci-9', false],
    ['key', 'key-1', false],
    ['certificate', 'cert-1', false],
    ['publisher', 'pub-ci', false],
    ['publisher-version', 'arn:ci', false],
  ] as const)('a seal that nobody knows is hit as a %s of %s: %s', (targetKind, target, hit) => {
    expect(isHit(unknown, revoked(target, targetKind))).toBe(hit)
  })
})

test('code counts for each publisher by its highest trusted counter, also where that is 0', () => {
  const seals = [seal('0', 'qa'), seal('3'), seal('12'), seal('7'), unknown, seal('40', 'ci', { outcome: 'untrusted' })] // prettier-ignore
  const counters = countersOf({ verdict: { seals } } as unknown as SubjectFacts)

  expect([...counters]).toEqual([
    ['qa', '0'],
    ['ci', '12'],
  ])
})

describe('wholly live', () => {
  const share = (fromMs: number, toMs: number | null, weight = 0.1) =>
    held('2', fromMs, toMs, { slot: 'weighted', weight })

  test.each<[string, readonly Interval[], readonly string[]]>([
    [
      'rows that meet are one, in whatever order they are read',
      [held('1', 5, 9), held('1', 0, 5)],
      ['1 0-9'],
    ],
    [
      'rows of one release with a gap are two',
      [held('1', 0, 5), held('1', 7, null)],
      ['1 0-5', '1 7-null'],
    ],
    ['rows of two releases are two', [held('1', 0, 5), held('2', 5, null)], ['1 0-5', '2 5-null']],
    [
      'a share that ended as it began takes nothing from it',
      [share(0, 5), held('1', 5, null)],
      ['1 5-null'],
    ],
    [
      'a share that began as it ended takes nothing from it',
      [held('1', 0, 5), share(5, null)],
      ['1 0-5'],
    ],
    ['a share inside of it takes all of it', [held('1', 0, 9), share(3, 4)], []],
    ['a share around it takes all of it', [share(0, 9), held('1', 3, 4)], []],
    ['a share that goes on takes what goes on', [held('1', 0, null), share(3, null)], []],
    ['a share of all is still a share', [share(0, 9, 1)], []],
    ['a share of no time is none either', [share(5, 5, 1)], []],
  ])('%s', (_what, intervals, expected) => {
    const found = stretchesOf(intervals)

    expect(found.map(({ release, fromMs, toMs }) => `${release} ${fromMs}-${toMs}`)).toEqual(expected) // prettier-ignore
  })

  test('keeps the rows that it is made of, oldest first', () => {
    const rows = [held('1', 0, 3), held('1', 3, 6), held('1', 6, null)]

    expect(stretchesOf(rows.toReversed()).map(({ intervals }) => intervals)).toEqual([rows])
  })

  test.each([
    ['that goes on, whatever the bound', [held('1', 0, null)], 100],
    ['of another release: none', [held('2', 0, null)], 0],
    ['the longest of those that count', [held('1', 0, 40), held('1', 50, 95), held('1', 97, null)], 45],
  ])('a time %s', (_what, intervals, expected) => {
    expect(soakedMs(intervals, { release: '1', atMs: 100, endedWithinMs: 10 })).toBe(expected)
  }) // prettier-ignore
})
