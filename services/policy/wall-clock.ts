const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** A time zone's wall clock at one instant. */
export interface WallTime {
  /** `2026-12-20T18:00` */
  readonly text: string
  /** `2026-12-20` */
  readonly date: string
  /** 1 is Monday. */
  readonly weekday: number
  readonly minuteOfDay: number
}

/** The parts that every format shows. */
type Shown = 'year' | 'month' | 'day' | 'hour' | 'minute'

/** One per zone, since making one takes longer than using it. */
const formats = new Map<string, Intl.DateTimeFormat>()

/** @throws RangeError for what is no time zone */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  formats.set(timeZone, format)
  return format
}

/** Whether the time zone is one that this machine knows by that name. */
export function isTimeZone(timeZone: string): boolean {
  // Offsets (`+01:00`) are no zones: they know no summer.
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/.test(timeZone)) return false
  try {
    formatOf(timeZone)
    return true
  } catch {
    return false
  }
}

/** What the clocks of a zone show. @throws RangeError for what is no time zone */
export function wallTime(timeZone: string, atMs: number): WallTime {
  const parts = formatOf(timeZone).formatToParts(atMs)
  const { year, month, day, hour, minute } = Object.fromEntries(
    parts.map(({ type, value }) => [type, value]),
  ) as Record<Shown, string>
  const date = `${year.padStart(4, '0')}-${month}-${day}`
  return {
    text: `${date}T${hour}:${minute}`,
    date,
    weekday: weekdayOf(dayNumber(date)),
    minuteOfDay: Number(hour) * 60 + Number(minute),
  }
}

/** The instants at which the clocks of a zone show a local time: none in a gap, two in an overlap. */
export function instantsOf(
  timeZone: string,
  local: { readonly date: string; readonly minuteOfDay: number },
): number[] {
  const asUtcMs = dayNumber(local.date) * DAY_MS + local.minuteOfDay * MINUTE_MS
  const shown = wallTextOf(asUtcMs)
  const offsets = new Set([-DAY_MS, 0, DAY_MS].map((shift) => offsetMs(timeZone, asUtcMs + shift)))
  return [...offsets]
    .map((offset) => asUtcMs - offset)
    .filter((atMs) => wallTime(timeZone, atMs).text === shown)
    .toSorted((one, other) => one - other)
}

/** By how much the zone's clocks are ahead of UTC, in whole minutes of milliseconds. */
export function offsetMs(timeZone: string, atMs: number): number {
  const wall = wallTime(timeZone, atMs)
  const shownMs = dayNumber(wall.date) * DAY_MS + wall.minuteOfDay * MINUTE_MS
  return shownMs - Math.floor(atMs / MINUTE_MS) * MINUTE_MS
}

function wallTextOf(utcMs: number): string {
  return wallTime('UTC', utcMs).text
}

/** Days since 1970-01-01 of a date of the Gregorian calendar. */
export function dayNumber(date: string): number {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number)
  const years = month <= 2 ? year - 1 : year
  const era = Math.floor(years / 400)
  const yearOfEra = years - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** The date of a day, `YYYY-MM-DD`. */
export function dateOf(day: number): string {
  return wallTime('UTC', day * DAY_MS).date
}

/** 1 is Monday; 1970-01-01 was a Thursday. */
export function weekdayOf(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1
}
