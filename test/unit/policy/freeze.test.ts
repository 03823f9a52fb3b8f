import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { parseIsoTime, type FreezeWindow } from '../../../services/model/index.ts'
import { freezeAt } from '../../../services/policy/index.ts'

const MINUTE_MS = 60_000
const at = (text: string): number => parseIsoTime(text) ?? Number.NaN

function windowOf(parts: Partial<FreezeWindow>): FreezeWindow {
  const timeZone = 'Europe/Berlin'
  return { name: 'w', timeZone, scope: '*', ranges: [], holidays: [], ...parts }
}

const weekend = windowOf({
  name: 'weekend',
  ranges: [{ kind: 'weekly', days: [5], from: '18:00', to: '24:00' }, {
    kind: 'weekly', days: [6, 7], from: '00:00', to: '24:00',
  }],
}) // prettier-ignore

describe('a weekly window', () => {
  test('freezes by the wall clock of its zone, and says until when', () => {
    // Friday 2026-11-27, 17:59 and 18:00 in Berlin.
    expect(freezeAt([weekend], at('2026-11-27T16:59:00Z'))).toEqual({
      active: [],
      nextEdgeMs: at('2026-11-27T17:00:00Z'),
    })
    expect(freezeAt([weekend], at('2026-11-27T17:00:00Z'))).toEqual({
      active: ['weekend'],
      nextEdgeMs: at('2026-11-29T23:00:00Z'),
    })
  })

  test('that ends before it begins goes over midnight', () => {
    const night = windowOf({ ranges: [{ kind: 'weekly', days: [1], from: '22:00', to: '06:00' }] })

    // Monday 23:00, Tuesday 05:59, Tuesday 06:00, Monday 05:00 (which belongs to Sunday).
    const frozen = ['2026-11-23T22:00:00Z', '2026-11-24T04:59:00Z', '2026-11-24T05:00:00Z', '2026-11-23T04:00:00Z']
      .map((text) => freezeAt([night], at(text)).active.length) // prettier-ignore
    expect(frozen).toEqual([1, 1, 0, 0])
  })

  test('that begins on a Sunday ends on the Monday after', () => {
    const night = windowOf({ ranges: [{ kind: 'weekly', days: [7], from: '22:00', to: '06:00' }] })

    // Monday 2026-11-23, 05:59 and 06:00 in Berlin.
    expect(freezeAt([night], at('2026-11-23T04:59:00Z'))).toEqual({
      active: ['w'],
      nextEdgeMs: at('2026-11-23T05:00:00Z'),
    })
    expect(freezeAt([night], at('2026-11-23T05:00:00Z')).active).toEqual([])
  })

  test('that ends as it begins goes on for a day', () => {
    const day = windowOf({ ranges: [{ kind: 'weekly', days: [1], from: '08:00', to: '08:00' }] })

    // Monday 08:00 to Tuesday 08:00 in Berlin.
    expect(freezeAt([day], at('2026-11-23T06:59:00Z')).active).toEqual([])
    expect(freezeAt([day], at('2026-11-23T07:00:00Z'))).toEqual({
      active: ['w'],
      nextEdgeMs: at('2026-11-24T07:00:00Z'),
    })
  })
})

describe('a change of the clocks', () => {
  test('forward: a range inside the hour that is left out freezes nothing that day', () => {
    const gap = windowOf({ ranges: [{ kind: 'weekly', days: [7], from: '02:00', to: '03:00' }] })

    // 2026-03-29: 01:59 CET is followed by 03:00 CEST. The next 02:00 on a Sunday is a week later.
    expect(freezeAt([gap], at('2026-03-29T00:59:00Z'))).toEqual({
      active: [],
      nextEdgeMs: at('2026-04-05T00:00:00Z'),
    })
  })

  test('forward: the answer holds over the week whose hour is left out', () => {
    const gap = windowOf({ ranges: [{ kind: 'weekly', days: [7], from: '02:00', to: '03:00' }] })

    // Sunday 2026-03-22, 03:00 in Berlin: a week later the clocks leave the hour out.
    expect(freezeAt([gap], at('2026-03-22T02:00:00Z'))).toEqual({
      active: [],
      nextEdgeMs: at('2026-04-05T00:00:00Z'),
    })
  })

  test('forward: what begins inside that hour is seen from a fortnight before', () => {
    const range = { kind: 'dated', from: '2026-03-29T02:30', to: '2026-04-10T08:00' } as const

    expect(freezeAt([windowOf({ ranges: [range] })], at('2026-03-14T12:00:00Z'))).toEqual({
      active: [],
      nextEdgeMs: at('2026-03-29T01:00:00Z'),
    })
  })

  test('forward: a range that begins inside that hour begins where the clocks go on', () => {
    const half = windowOf({ ranges: [{ kind: 'weekly', days: [7], from: '02:30', to: '04:00' }] })

    expect(freezeAt([half], at('2026-03-29T00:59:00Z'))).toEqual({
      active: [],
      nextEdgeMs: at('2026-03-29T01:00:00Z'),
    })
    expect(freezeAt([half], at('2026-03-29T01:00:00Z')).active).toEqual(['w'])
  })

  test('back: an hour that is shown twice is frozen twice', () => {
    const hour = windowOf({ ranges: [{ kind: 'weekly', days: [7], from: '02:00', to: '02:30' }] })

    // 2026-10-25: 02:00 CEST is 00:00Z, 02:00 CET is 01:00Z.
    const answers = ['00:00', '00:29', '00:30', '00:59', '01:00', '01:29', '01:30'].map(
      (time) => freezeAt([hour], at(`2026-10-25T${time}:00Z`)).active.length,
    )
    expect(answers).toEqual([1, 1, 0, 0, 1, 1, 0])
    expect(freezeAt([hour], at('2026-10-25T00:30:00Z')).nextEdgeMs).toBe(at('2026-10-25T01:00:00Z'))
  })
})

test('a holiday is a whole day of the zone, 23 hours long where the clocks go forward', () => {
  const easter = windowOf({ holidays: ['2026-03-29'] })

  expect(freezeAt([easter], at('2026-03-28T22:59:00Z')).active).toEqual([])
  expect(freezeAt([easter], at('2026-03-28T23:00:00Z'))).toEqual({
    active: ['w'],
    nextEdgeMs: at('2026-03-29T22:00:00Z'),
  })
})

test('a dated range has its end left out', () => {
  const turn = windowOf({
    timeZone: 'America/New_York',
    ranges: [{ kind: 'dated', from: '2026-12-20T18:00', to: '2027-01-04T08:00' }],
  })

  expect(freezeAt([turn], at('2026-12-20T22:59:00Z')).active).toEqual([])
  expect(freezeAt([turn], at('2026-12-20T23:00:00Z')).active).toEqual(['w'])
  expect(freezeAt([turn], at('2027-01-04T12:59:00Z'))).toEqual({
    active: ['w'],
    nextEdgeMs: at('2027-01-04T13:00:00Z'),
  })
  expect(freezeAt([turn], at('2027-01-04T13:00:00Z')).active).toEqual([])
})

test('without windows nothing is frozen and no edge lies ahead', () => {
  expect(freezeAt([], 0)).toEqual({ active: [], nextEdgeMs: undefined })
})

describe('against stepping minute by minute', () => {
  const time = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`)
  const weekly = fc.record({
    kind: fc.constant('weekly' as const),
    days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 }),
    from: time,
    to: fc.oneof(time, fc.constant('24:00')),
  })
  const anyWindow = fc.record({
    name: fc.constantFrom('one', 'other'),
    timeZone: fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'America/St_Johns',
      'UTC',
    ),
    scope: fc.constant('*'),
    ranges: fc.array(weekly, { minLength: 0, maxLength: 2 }),
    holidays: fc.constantFrom([], ['2026-03-29'], ['2026-10-25', '2026-11-01']),
  })
  // Around the days on which clocks change in those zones.
  const start = fc
    .tuple(
      fc.constantFrom('2026-03-07', '2026-03-28', '2026-04-04', '2026-10-03', '2026-10-24', '2026-10-31'),
      fc.integer({ min: 0, max: 1440 }),
    )
    .map(([date, minute]) => at(`${date}T12:00:00Z`) + minute * MINUTE_MS) // prettier-ignore
  const STEPS = 2 * 1440

  test('the next edge is where the answer first changes, and no answer changes before it', () => {
    fc.assert(
      fc.property(anyWindow, start, (window, startMs) => {
        const { active, nextEdgeMs = 0 } = freezeAt([window], startMs)
        for (let step = 1; step <= STEPS; step += 1) {
          const nowMs = startMs + step * MINUTE_MS
          const same = isFrozenByHand(window, nowMs) === active.length > 0
          if (nowMs < nextEdgeMs && !same) return false
          if (nowMs === nextEdgeMs) return !same
        }
        return nextEdgeMs > startMs + STEPS * MINUTE_MS
      }),
      { numRuns: 60 },
    )
  })
})

/** Written a second time, by other means: the long form of the clock, and a look at each range on each day. */
function isFrozenByHand({ timeZone, ranges, holidays }: FreezeWindow, atMs: number): boolean {
  const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
  const text = longForm(timeZone).format(atMs)
  const [, name = '', month, day, year, hours, minutes] =
    /^(\w+), (\d+)\/(\d+)\/(\d+), (\d+):(\d+)/.exec(text) ?? []
  const clock = `${hours}:${minutes}`
  const weekday = names.indexOf(name) + 1
  const yesterday = weekday === 1 ? 7 : weekday - 1
  if (holidays.includes(`${year}-${month}-${day}`)) return true
  return ranges.some((range) => {
    if (range.kind !== 'weekly') return false
    const over = range.to <= range.from
    const today = range.days.includes(weekday) && clock >= range.from && (over || clock < range.to)
    return today || (over && range.days.includes(yesterday) && clock < range.to)
  })
}

const longForms = new Map<string, Intl.DateTimeFormat>()
function longForm(timeZone: string): Intl.DateTimeFormat {
  const known = longForms.get(timeZone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  longForms.set(timeZone, made)
  return made
}
