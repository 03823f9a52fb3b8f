/** A time for which an alias's slot held a release; milliseconds, `toMs` null where it goes on. */
export interface HeldInterval {
  readonly slot: 'primary' | 'weighted'
  readonly weight: number
  readonly release: string
  readonly fromMs: number
  readonly toMs: number | null
}

/** An unbroken time for which every call of an alias went to one release. */
export interface Stretch<T extends HeldInterval> {
  readonly release: string
  readonly fromMs: number
  /** Null where it goes on. */
  readonly toMs: number | null
  readonly intervals: readonly T[]
}

/**
 * The times for which a release was wholly live (weight 1, no second version), oldest first. Rows that follow each other
 * without a gap are one stretch: a new description opens a row and interrupts nothing.
 */
export function stretchesOf<T extends HeldInterval>(intervals: readonly T[]): Stretch<T>[] {
  const stretches: Stretch<T>[] = []
  const shared = intervals.filter(({ slot, weight }) => slot === 'weighted' && weight > 0)
  const whole = intervals
    .filter((one) => one.slot === 'primary' && one.weight === 1)
    .filter((one) => !shared.some((other) => overlaps(one, other)))
    .toSorted((one, other) => one.fromMs - other.fromMs)
  for (const one of whole) {
    const last = stretches.at(-1)
    if (last?.release === one.release && last.toMs !== null && last.toMs >= one.fromMs)
      stretches[stretches.length - 1] = {
        ...last,
        toMs: one.toMs,
        intervals: [...last.intervals, one],
      }
    else
      stretches.push({
        release: one.release,
        fromMs: one.fromMs,
        toMs: one.toMs,
        intervals: [one],
      })
  }
  return stretches
}

function overlaps(one: HeldInterval, other: HeldInterval): boolean {
  const begins = Math.max(one.fromMs, other.fromMs)
  return begins < Math.min(one.toMs ?? Infinity, other.toMs ?? Infinity)
}

/** The longest stretch of a release that counts at `atMs`: it goes on, or ended no longer ago than the bound. */
export function soakedMs(
  intervals: readonly HeldInterval[],
  asked: {
    readonly release: string
    readonly atMs: number
    /** Null for no bound: what has soaked once has soaked. */
    readonly endedWithinMs: number | null
  },
): number {
  const { release, atMs, endedWithinMs } = asked
  const counted = stretchesOf(intervals).filter(
    ({ release: held, toMs }) =>
      held === release && (toMs === null || endedWithinMs === null || atMs - toMs <= endedWithinMs),
  )
  return Math.max(0, ...counted.map(({ fromMs, toMs }) => (toMs ?? atMs) - fromMs))
}
