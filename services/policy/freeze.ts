import type { DatedRange, FreezeWindow, WeeklyRange } from '../model/index.ts'
import {
  dateOf,
  dayNumber,
  instantsOf,
  offsetMs,
  wallTime,
  weekdayOf,
  type WallTime,
} from './wall-clock.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** Weekly edges recur within this, also where one falls into an hour that a change of the clocks leaves out. */
const HORIZON_DAYS = 15

export interface Freezing {
  /** Names of the windows that freeze at that instant. */
  readonly active: readonly string[]
  /** The first later instant at which that may be otherwise; `undefined` without windows. */
  readonly nextEdgeMs: number | undefined
}

/**
 * Which windows freeze at an instant, and until when the answer holds. An instant is frozen where the wall clock of the
 * window's zone shows a time in one of its ranges or on one of its holidays: a time that the clocks skip never comes, one
 * that they show twice is frozen twice.
 */
export function freezeAt(windows: readonly FreezeWindow[], atMs: number): Freezing {
  const active = windows.filter((window) => isFrozen(window, atMs)).map(({ name }) => name)
  const edges = windows.map((window) => nextEdge(window, atMs))
  return { active, nextEdgeMs: edges.length === 0 ? undefined : Math.min(...edges) }
}

/** The first instant after `fromMs` and up to `toMs` at which a window that froze no longer does. */
export function freezeEnd(
  window: FreezeWindow,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): number | undefined {
  let atMs = fromMs
  while (atMs < toMs) {
    const frozen = isFrozen(window, atMs)
    atMs = nextEdge(window, atMs)
    if (frozen && atMs <= toMs && !isFrozen(window, atMs)) return atMs
  }
  return undefined
}

function isFrozen(window: FreezeWindow, atMs: number): boolean {
  const wall = wallTime(window.timeZone, atMs)
  return (
    window.holidays.includes(wall.date) ||
    window.ranges.some((range) =>
      range.kind === 'weekly' ? inWeek(range, wall) : inDates(range, wall),
    )
  )
}

function inWeek({ days, from, to }: WeeklyRange, { weekday, minuteOfDay }: WallTime): boolean {
  const [start, end] = [minutesOf(from), minutesOf(to)]
  if (start < end) return days.includes(weekday) && minuteOfDay >= start && minuteOfDay < end
  const dayBefore = weekday === 1 ? 7 : weekday - 1
  return (
    (days.includes(weekday) && minuteOfDay >= start) ||
    (days.includes(dayBefore) && minuteOfDay < end)
  )
}

function inDates({ from, to }: DatedRange, { text }: WallTime): boolean {
  return text >= from && text < to
}

/** `HH:MM` */
function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))
}

/** The first instant after `atMs` at which the window's answer differs; at most the horizon, where it is asked again. */
function nextEdge(window: FreezeWindow, atMs: number): number {
  const now = isFrozen(window, atMs)
  const horizonMs = atMs + HORIZON_DAYS * DAY_MS
  const candidates = [...candidateEdges(window, atMs)]
    .filter((edgeMs) => edgeMs > atMs && edgeMs <= horizonMs)
    .toSorted((one, other) => one - other)
  return candidates.find((edgeMs) => isFrozen(window, edgeMs) !== now) ?? horizonMs
}

/** Every instant around `atMs` at which the answer could change: local edges, and changes of the clocks. */
function* candidateEdges(window: FreezeWindow, atMs: number): Generator<number> {
  const { timeZone, ranges, holidays } = window
  const today = dayNumber(wallTime(timeZone, atMs).date)
  const days = Array.from({ length: HORIZON_DAYS + 3 }, (_, index) => today - 1 + index)
  for (const range of ranges) {
    if (range.kind === 'dated') {
      for (const text of [range.from, range.to]) yield* edgesOn(timeZone, text.slice(0, 10), text)
      continue
    }
    for (const day of days.filter((one) => touches(range, one)))
      for (const text of [range.from, range.to]) yield* edgesOn(timeZone, dateOf(day), text)
  }
  for (const holiday of holidays) {
    yield* edgesOn(timeZone, holiday, '00:00')
    yield* edgesOn(timeZone, dateOf(dayNumber(holiday) + 1), '00:00')
  }
  yield* clockChanges(timeZone, atMs)
}

/** A range that goes over midnight ends on the day after. */
function touches({ days }: WeeklyRange, day: number): boolean {
  return days.includes(weekdayOf(day)) || days.includes(weekdayOf(day - 1))
}

/** `24:00` is the first minute of the day after. */
function edgesOn(timeZone: string, date: string, text: string): number[] {
  return instantsOf(timeZone, { date, minuteOfDay: minutesOf(text.slice(-5)) })
}

/** Instants within the horizon at which the zone's clocks jump. */
function* clockChanges(timeZone: string, atMs: number): Generator<number> {
  const startMs = Math.floor(atMs / HOUR_MS) * HOUR_MS
  for (let day = 0; day < HORIZON_DAYS + 1; day += 1) {
    let [low, high] = [startMs + day * DAY_MS, startMs + (day + 1) * DAY_MS]
    if (offsetMs(timeZone, low) === offsetMs(timeZone, high)) continue
    const before = offsetMs(timeZone, low)
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS
      if (offsetMs(timeZone, middle) === before) low = middle
      else high = middle
    }
    yield high
  }
}
