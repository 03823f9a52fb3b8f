import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { dayNumber, freezeAt, freezeEnd, isTimeZone } from '../../../services/policy/index.ts'
import type { FreezeWindow } from '../../../services/model/index.ts'
import {
  dateOf,
  instantsOf,
  offsetMs,
  wallTime,
  weekdayOf,
} from '../../../services/policy/wall-clock.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const at = (text: string): number => Date.parse(text)
const iso = (ms: number): string => new Date(ms).toISOString().replace(':00.000Z', 'Z')

describe('a time zone', () => {
  test.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+3', 'GMT0'])(
    'is %s',
    (name) => {
      expect(isTimeZone(name)).toBe(true)
      // Asked again it is the same: what is known is remembered.
      expect(isTimeZone(name)).toBe(true)
    },
  )

  test.each([
    '', '+01:00', '-05:00', '01:00', 'UTC+1', 'Europe/Nowhere', 'Europe/', '/Europe', 'Europe//Berlin',
    'Europe/Berlin ', ' Europe/Berlin', 'Europe/Berlin/', '../../etc/localtime',
  ])('is not %j', (name) => {
    expect(isTimeZone(name)).toBe(false)
  }) // prettier-ignore

  /** Names that nobody asked for before, so that nothing is remembered of them. */
  test('is one, or none, however its letters are written', () => {
    const written = (name: string) => fc.mixedCase(fc.constant(name))
    const zones = fc.tuple(
      written('America/North_Dakota/New_Salem'),
      written('America/Argentina/Buenos_Airas'),
    )
    fc.assert(
      fc.property(zones, ([zone, none]) => {
        expect(wallTime(zone, at('2026-06-01T04:59:59Z')).text).toBe('2026-05-31T23:59')
        expect(wallTime(zone, at('2026-06-01T05:00:00Z')).text).toBe('2026-06-01T00:00')
        expect(isTimeZone(zone)).toBe(true)
        expect(isTimeZone(none)).toBe(false)
      }),
      { numRuns: 5 },
    )
  })
})

describe('the wall clock', () => {
  test.each([
    ['UTC', '2026-11-28T00:00:00Z', '2026-11-28T00:00', 6, 0],
    ['Europe/Berlin', '2026-11-27T23:05:59Z', '2026-11-28T00:05', 6, 5],
    ['Asia/Kathmandu', '2026-02-28T18:20:00Z', '2026-03-01T00:05', 7, 5],
    ['America/New_York', '2027-01-01T04:59:59Z', '2026-12-31T23:59', 4, 1439],
  ])('of %s shows %s as %s', (zone, instant, text, ...[weekday, minuteOfDay]) => {
    expect(wallTime(zone, at(instant))).toEqual({
      text,
      date: text.slice(0, 10),
      weekday,
      minuteOfDay,
    })
  })

  test('throws for what is no time zone', () => {
    expect(() => wallTime('Europe/Nowhere', 0)).toThrow(RangeError)
  })

  test.each([
    ['UTC', '2026-06-01T12:00:30Z', 0],
    ['Europe/Berlin', '2026-06-01T12:00:30Z', 2],
    ['Europe/Berlin', '2026-12-01T12:00:59Z', 1],
    ['America/St_Johns', '2026-12-01T12:00:00Z', -3.5],
    ['Pacific/Kiritimati', '2026-12-31T12:00:00Z', 14],
  ])('of %s at %s is %d h ahead', (zone, instant, hours) => {
    expect(offsetMs(zone, at(instant))).toBe(hours * HOUR_MS)
  })
})

test.each<[string, string, string, number, readonly string[]]>([
  ['once', 'Europe/Berlin', '2026-06-01', 9 * 60, ['2026-06-01T07:00Z']],
  ['never in a gap', 'Europe/Berlin', '2026-03-29', 150, []],
  ['twice in an overlap, the earlier first', 'Europe/Berlin', '2026-10-25', 150, ['2026-10-25T00:30Z', '2026-10-25T01:30Z']],
  ['never on a day that was left out', 'Pacific/Apia', '2011-12-30', 60, []],
  ['on the day after one, far ahead', 'Pacific/Apia', '2011-12-31', 60, ['2011-12-30T11:00Z']],
])('a local time is shown %s', (_what, zone, date, ...[minuteOfDay, instants]) => {
  expect(instantsOf(zone, { date, minuteOfDay }).map(iso)).toEqual(instants)
}) // prettier-ignore

test('days are counted as the calendar has them, and dates are read back from them', () => {
  const leap = ['1970-01-01', '1969-12-31', '1900-02-28', '1900-03-01', '2000-02-29', '2026-12-31']

  for (const date of leap) expect(dayNumber(date)).toBe(Date.parse(date) / DAY_MS)
  fc.assert(
    fc.property(fc.integer({ min: -100_000, max: 300_000 }), (day) => {
      const date = new Date(day * DAY_MS)
      expect(dayNumber(dateOf(day))).toBe(day)
      expect(dateOf(day)).toBe(date.toISOString().slice(0, 10))
      expect(weekdayOf(day)).toBe(date.getUTCDay() === 0 ? 7 : date.getUTCDay())
    }),
  )
})

test('a year is shown by four digits', () => {
  expect(dateOf(dayNumber('0999-06-15'))).toMatch(/^0999-06-\d\d$/)
})

/** Where a plan is told until when it has to wait. */
describe('the end of a freeze', () => {
  const windowOf = (parts: Partial<FreezeWindow>): FreezeWindow => ({
    name: 'w', timeZone: 'Europe/Berlin', scope: '*', ranges: [], holidays: [], ...parts,
  }) // prettier-ignore
  const night = windowOf({ ranges: [{ kind: 'weekly', days: [1], from: '22:00', to: '06:00' }] })
  const end = (window: FreezeWindow, from: string, to: string): string | undefined => {
    const atMs = freezeEnd(window, { fromMs: at(from), toMs: at(to) })
    return atMs === undefined ? undefined : iso(atMs)
  }

  test.each([
    ['that holds', '2026-11-23T22:00:00Z', '2026-11-25T00:00:00Z', '2026-11-24T05:00Z'],
    ['that begins later', '2026-11-23T12:00:00Z', '2026-11-25T00:00:00Z', '2026-11-24T05:00Z'],
    ['that begins weeks later', '2026-11-24T05:00:00Z', '2026-12-24T00:00:00Z', '2026-12-01T05:00Z'],
    ['at the very end of the time asked about', '2026-11-23T22:00:00Z', '2026-11-24T05:00:00Z', '2026-11-24T05:00Z'],
    ['past the time asked about', '2026-11-23T22:00:00Z', '2026-11-24T04:59:59Z', undefined],
    ['in no time at all', '2026-11-23T22:00:00Z', '2026-11-23T22:00:00Z', undefined],
    ['never begun', '2026-11-24T05:00:00Z', '2026-11-28T00:00:00Z', undefined],
  ])('is told of one %s', (_what, from, to, expected) => {
    expect(end(night, from, to)).toBe(expected)
  }) // prettier-ignore

  test('is not where one window passes into its next range', () => {
    const joined = windowOf({
      ranges: [
        { kind: 'dated', from: '2026-11-23T22:00', to: '2026-11-24T08:00' },
        { kind: 'dated', from: '2026-11-24T08:00', to: '2026-11-24T09:00' },
      ],
    })

    expect(end(joined, '2026-11-23T22:00:00Z', '2026-11-26T00:00:00Z')).toBe('2026-11-24T08:00Z')
  })

  test('is found past the horizon that windows are looked at within', () => {
    const turn = windowOf({
      ranges: [{ kind: 'dated', from: '2026-12-01T00:00', to: '2027-02-01T00:00' }],
    })

    expect(end(turn, '2026-12-02T00:00:00Z', '2027-03-01T00:00:00Z')).toBe('2027-01-31T23:00Z')
    expect(freezeAt([turn], at('2026-12-02T00:00:00Z'))).toEqual({
      active: ['w'],
      nextEdgeMs: at('2026-12-17T00:00:00Z'),
    })
  })

  test('of two windows the nearer edge is told', () => {
    const holiday = windowOf({ name: 'h', holidays: ['2026-11-24'] })

    expect(freezeAt([night, holiday], at('2026-11-24T01:00:00Z'))).toEqual({
      active: ['w', 'h'],
      nextEdgeMs: at('2026-11-24T05:00:00Z'),
    })
    expect(freezeAt([night, holiday], at('2026-11-24T05:00:00Z'))).toEqual({
      active: ['h'],
      nextEdgeMs: at('2026-11-24T23:00:00Z'),
    })
  })
})
