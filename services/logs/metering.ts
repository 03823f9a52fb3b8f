import { existsSync, readdirSync } from 'node:fs'

import type { AttemptRecord } from '../model/index.ts'

import { METERING_FLUSH_MS, METERING_LIMIT_BYTES, PAGE_SCAN_LIMIT_BYTES } from './constants.ts'
import { LATENCY, LatencyCount, minuteOfCell, type Latency, type LatencyCells } from './latency.ts'
import { decodeAttempt } from './records.ts'
import { SegmentedFile, type Position } from './segments.ts'
import { Summaries, type SummaryKind } from './summaries.ts'

export interface MeteringOptions {
  readonly dir: string
  readonly log: { error(fields: object, message: string): void }
  /** What is kept record by record; sums by the hour outlive it. */
  readonly limitBytes?: number | undefined
  readonly segmentLimitBytes?: number | undefined
}

/** What attempts of one version came to. */
export interface UsageSum {
  readonly functionName: string
  readonly version: string
  attempts: number
  errors: number
  timeouts: number
  billedMs: number
  /** Billed milliseconds times memory: a gigabyte second is 1,024,000 of them. */
  billedMbMs: number
  initMs: number
}

export interface UsageAsked {
  readonly fromMs: number
  readonly untilMs: number
  readonly functionName?: string | undefined
}

export interface Usage {
  /** Whole hours: what was asked for, rounded outwards. */
  readonly fromMs: number
  readonly untilMs: number
  readonly sums: readonly UsageSum[]
}

export interface LatencyAsked extends UsageAsked {
  /** How long the slots are that the window is cut into: whole minutes. */
  readonly slotMs: number
}

/** What attempts took, by slots of time and by function, as far back as single ones are kept. */
export interface LatencyTold {
  /** Whole slots: what was asked for, rounded outwards. */
  readonly fromMs: number
  readonly untilMs: number
  readonly slots: readonly (Latency & { readonly atMs: number })[]
  readonly functions: readonly (Latency & { readonly functionName: string })[]
}

export interface AttemptPage {
  readonly attempts: readonly AttemptRecord[]
  readonly next: Position
  readonly done: boolean
}

const HOUR_MS = 3_600_000

/** By hour, function and version. */
type Hours = Map<string, UsageSum & { readonly hour: number }>

const HOURS: SummaryKind<Hours> = {
  empty: () => new Map(),
  add: (hours, line) => {
    const record = decodeAttempt(line)
    if (record !== undefined) addTo(hours, Math.floor(record.endedAtMs / HOUR_MS), sumOf(record))
  },
  toJson: (hours) => ({ hours: [...hours.values()] }),
  fromJson: ({ hours }) => {
    if (!Array.isArray(hours)) return undefined
    const known: Hours = new Map()
    for (const one of hours as (UsageSum & { hour: number })[]) addTo(known, one.hour, one)
    return known
  },
}

/**
 * One record per attempt, in the order in which they ended. Adding one is memory alone; it is on the disk METERING_FLUSH_MS
 * later, and a disk that refuses is tried again. Sums are kept by the hour, of records that went too.
 */
export class Metering implements AsyncDisposable {
  readonly #options: MeteringOptions
  readonly #file: SegmentedFile
  readonly #summaries: Summaries<Hours>
  readonly #latency: Summaries<LatencyCells>
  #trimming = false

  constructor(options: MeteringOptions) {
    this.#options = options
    this.#file = new SegmentedFile({
      dir: options.dir,
      segmentLimitBytes: options.segmentLimitBytes,
      flushMs: METERING_FLUSH_MS,
      sync: true,
      keep: true,
      onLost: (records, cause) =>
        options.log.error({ records, cause: String(cause) }, 'metering records were lost'),
      onWritten: () => void this.#trim(),
    })
    this.#summaries = new Summaries(this.#file, HOURS)
    this.#latency = new Summaries(this.#file, LATENCY, 'latency.json')
  }

  record(record: AttemptRecord): void {
    this.#file.append(JSON.stringify(record))
  }

  /** Sums by function and version over whole hours, by name. */
  async usage({ fromMs, untilMs, functionName }: UsageAsked): Promise<Usage> {
    await this.#file.flush()
    const [from, until] = [Math.floor(fromMs / HOUR_MS), Math.ceil(untilMs / HOUR_MS)]
    const sums: Hours = new Map()
    const gather = (hours: Hours): void => {
      for (const one of hours.values())
        if (
          one.hour >= from &&
          one.hour < until &&
          (functionName ?? one.functionName) === one.functionName
        )
          addTo(sums, 0, one)
    }
    for (const past of this.#pastSegments()) gather(await this.#summaries.of(past))
    for (const segment of this.#file.segments) gather(await this.#summaries.of(segment))
    const sorted = [...sums.values()].map(({ hour: _hour, ...sum }): UsageSum => sum)
    return {
      fromMs: from * HOUR_MS,
      untilMs: until * HOUR_MS,
      sums: sorted.toSorted((a, b) => orderOf(a, b)),
    }
  }

  /** Slots in order of time, functions in order of names; both of one function where one is asked for. */
  async latency({ fromMs, untilMs, functionName, slotMs }: LatencyAsked): Promise<LatencyTold> {
    await this.#file.flush()
    const first = Math.floor(fromMs / slotMs) * slotMs
    const slots = Array.from(
      { length: Math.max(0, Math.ceil((untilMs - first) / slotMs)) },
      (_, at) => ({ atMs: first + at * slotMs, count: new LatencyCount() }),
    )
    const functions = new Map<string, LatencyCount>()
    for (const segment of this.#file.segments) {
      // Taken away meanwhile.
      if (this.#file.sizeOf(segment) === 0) continue
      const found = await this.#latency.of(segment)
      for (const [name, cells] of found) {
        if ((functionName ?? name) !== name) continue
        for (const [cell, count] of cells) {
          const slot = slots[Math.floor((minuteOfCell(cell) - first) / slotMs)]
          if (slot === undefined) continue
          const known = functions.get(name) ?? new LatencyCount()
          functions.set(name, known)
          known.add(cell, count)
          slot.count.add(cell, count)
        }
      }
    }
    const names = [...functions].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return {
      fromMs: first,
      untilMs: first + slots.length * slotMs,
      slots: slots.map(({ atMs, count }) => ({ atMs, ...count.read() })),
      functions: names.map(([name, count]) => ({ functionName: name, ...count.read() })),
    }
  }

  /** Single attempts, oldest first; of an empty page more may lie behind. */
  async attempts(
    asked: UsageAsked & { readonly requestId?: string | undefined },
    { from, limit }: { readonly from?: Position | undefined; readonly limit: number },
  ): Promise<AttemptPage> {
    await this.#file.flush()
    const { fromMs, untilMs, functionName, requestId } = asked
    const attempts: AttemptRecord[] = []
    const { end } = this.#file
    let next = from ?? (await this.#firstWithin(fromMs))
    let looked = 0
    for await (const lines of this.#file.lines(next)) {
      for (const { text, end: behind } of lines) {
        const one = decodeAttempt(text)
        const isWanted =
          one !== undefined &&
          one.endedAtMs >= fromMs &&
          one.endedAtMs < untilMs &&
          (functionName ?? one.functionName) === one.functionName &&
          (requestId ?? one.requestId) === one.requestId
        if (isWanted && attempts.length === limit) return { attempts, next, done: false }
        if (isWanted) attempts.push(one)
        next = behind
        looked += text.length
      }
      const isEnd = next.segment === end.segment && next.offset >= end.offset
      if (looked >= PAGE_SCAN_LIMIT_BYTES) return { attempts, next, done: isEnd }
    }
    return { attempts, next, done: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  async #firstWithin(fromMs: number): Promise<Position> {
    const hour = Math.floor(fromMs / HOUR_MS)
    for (const segment of this.#file.segments) {
      const hours = await this.#summaries.of(segment)
      for (const one of hours.values()) if (one.hour >= hour) return { segment, offset: 0 }
    }
    return this.#file.end
  }

  /** The oldest records go once their sums are kept; nothing goes where those cannot be. */
  async #trim(): Promise<void> {
    const limit = this.#options.limitBytes ?? METERING_LIMIT_BYTES
    if (this.#trimming || this.#file.sizeBytes <= limit) return
    this.#trimming = true
    try {
      while (this.#file.sizeBytes > limit) {
        const [oldest] = this.#file.segments
        if (oldest === undefined || oldest === this.#file.last) return
        await this.#summaries.of(oldest)
        if (!existsSync(this.#summaries.pathOf(oldest))) return
        await this.#file.dropOldest()
        await this.#latency.drop(oldest)
      }
    } catch (cause) {
      this.#options.log.error({ cause: String(cause) }, 'old metering records cannot be taken away')
    } finally {
      this.#trimming = false
    }
  }

  /** Files whose records went and whose sums are kept. */
  #pastSegments(): number[] {
    const kept = readdirSync(this.#options.dir).map((name) =>
      Number(/^(\d{10})\.json$/.exec(name)?.[1]),
    )
    return kept.filter((segment) => segment > 0 && this.#file.sizeOf(segment) === 0)
  }
}

function sumOf(record: AttemptRecord): UsageSum {
  const { functionName, version, outcome, billedMs, memoryMb, initMs = 0 } = record
  return {
    functionName,
    version,
    attempts: 1,
    errors: outcome === 'success' ? 0 : 1,
    timeouts: outcome === 'timeout' ? 1 : 0,
    billedMs,
    billedMbMs: billedMs * memoryMb,
    initMs,
  }
}

function addTo(hours: Hours, hour: number, sum: UsageSum): void {
  const key = `${hour}\0${sum.functionName}\0${sum.version}`
  const known = hours.get(key)
  if (known === undefined) return void hours.set(key, { ...sum, hour })
  known.attempts += sum.attempts
  known.errors += sum.errors
  known.timeouts += sum.timeouts
  known.billedMs += sum.billedMs
  known.billedMbMs += sum.billedMbMs
  known.initMs += sum.initMs
}

function orderOf(a: UsageSum, b: UsageSum): number {
  if (a.functionName !== b.functionName) return a.functionName < b.functionName ? -1 : 1
  return a.version < b.version ? -1 : 1
}
