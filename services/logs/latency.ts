import { decodeAttempt } from './records.ts'
import type { SummaryKind } from './summaries.ts'

/** What attempts of a time took: shares of them lie within. `null` where there were none. */
export interface Latency {
  readonly attempts: number
  readonly errors: number
  readonly p50Ms: number | null
  readonly p90Ms: number | null
  readonly p99Ms: number | null
}

export const MINUTE_MS = 60_000
/** The upper end of the first bucket; each next one's is 15 % higher, to beyond AWS's longest time-out. */
const FIRST_END_MS = 0.1
const BUCKETS_PER_DOUBLING = 5
const LAST_BUCKET = 120
/** Where a minute's attempts that failed are counted, beside their buckets. */
const ERRORS = 126
const CELLS_A_MINUTE = 128

/** Of a file: by function, attempts by minute and bucket of what they took (`minute * CELLS_A_MINUTE + bucket`). */
export type LatencyCells = Map<string, Map<number, number>>

export const LATENCY: SummaryKind<LatencyCells> = {
  empty: () => new Map(),
  add: (known, line) => {
    const record = decodeAttempt(line)
    if (record === undefined) return
    const { functionName, endedAtMs, durationMs, outcome } = record
    const cells = known.get(functionName) ?? new Map<number, number>()
    known.set(functionName, cells)
    const minute = Math.floor(endedAtMs / MINUTE_MS) * CELLS_A_MINUTE
    countIn(cells, minute + bucketOf(durationMs), 1)
    if (outcome !== 'success') countIn(cells, minute + ERRORS, 1)
  },
  toJson: (known) => ({
    latency: [...known].map(([functionName, cells]) => [functionName, [...cells]]),
  }),
  fromJson: ({ latency }) => {
    if (!Array.isArray(latency)) return undefined
    const kept = latency as [string, [number, number][]][]
    return new Map(kept.map(([functionName, cells]) => [functionName, new Map(cells)]))
  },
}

/** The minute of a cell, milliseconds since the epoch. */
export function minuteOfCell(cell: number): number {
  return Math.floor(cell / CELLS_A_MINUTE) * MINUTE_MS
}

/** How many attempts took how long, whenever they did. */
export class LatencyCount {
  readonly #counts = new Uint32Array(CELLS_A_MINUTE)

  add(cell: number, count: number): void {
    const at = cell % CELLS_A_MINUTE
    this.#counts[at] = (this.#counts[at] ?? 0) + count
  }

  read(): Latency {
    const buckets = this.#counts.subarray(0, LAST_BUCKET + 1)
    const attempts = buckets.reduce((sum, count) => sum + count, 0)
    const within = (share: number): number | null => {
      let seen = 0
      for (const [bucket, count] of buckets.entries()) {
        seen += count
        if (count > 0 && seen >= share * attempts) return endOf(bucket)
      }
      return null
    }
    return {
      attempts,
      errors: this.#counts[ERRORS] ?? 0,
      p50Ms: within(0.5),
      p90Ms: within(0.9),
      p99Ms: within(0.99),
    }
  }
}

function bucketOf(durationMs: number): number {
  const steps = Math.ceil(Math.log2(durationMs / FIRST_END_MS) * BUCKETS_PER_DOUBLING)
  // Of 0 the logarithm is -Infinity.
  return Math.min(LAST_BUCKET, Math.max(0, steps))
}

function endOf(bucket: number): number {
  return FIRST_END_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING)
}

function countIn(cells: Map<number, number>, cell: number, count: number): void {
  cells.set(cell, (cells.get(cell) ?? 0) + count)
}
