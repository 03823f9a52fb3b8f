import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { LOG_LINE_LIMIT_CHARS } from '../model/index.ts'

import { PAGE_EVENTS_LIMIT, PAGE_LIMIT_CHARS, PAGE_SCAN_LIMIT_BYTES } from './constants.ts'
import { decodeRecord, encodeRecord, parseObject, type LogRecord } from './records.ts'
import { isBefore, type Position, type SegmentedFile } from './segments.ts'
import { Summaries, type SummaryKind } from './summaries.ts'

/** One event and where it lies: the same for as long as it is kept. */
export interface LogEvent extends LogRecord {
  readonly at: Position
  readonly end: Position
}

/** Which events are wanted; what is left out is not asked about. */
export interface LogQuery {
  readonly fromMs?: number | undefined
  /** Exclusive. */
  readonly untilMs?: number | undefined
  readonly functionName?: string | undefined
  readonly requestId?: string | undefined
  readonly stream?: ((name: string) => boolean) | undefined
  readonly message?: ((text: string) => boolean) | undefined
}

export interface PageAsked {
  /** Where to go on: behind (or, backward, before) what was shown. */
  readonly from?: Position | undefined
  readonly limit?: number | undefined
}

export interface LogPage {
  readonly events: readonly LogEvent[]
  /** Where to go on. */
  readonly next: Position
  /** Whether nothing more was there when it was read. */
  readonly done: boolean
}

export interface StreamSummary {
  readonly name: string
  firstMs: number
  lastMs: number
  events: number
}

/** More than any line takes on the disk. */
const TAIL_BYTES = 8 * LOG_LINE_LIMIT_CHARS

/** The streams of one file. */
const STREAMS: SummaryKind<Map<string, StreamSummary>> = {
  empty: () => new Map(),
  add: (streams, line) => {
    const record = decodeRecord(line)
    if (record === undefined) return
    const { stream: name, timestampMs } = record
    const known = streams.get(name)
    if (known === undefined)
      streams.set(name, { name, firstMs: timestampMs, lastMs: timestampMs, events: 1 })
    else mergeStream(known, { name, firstMs: timestampMs, lastMs: timestampMs, events: 1 })
  },
  toJson: (streams) => ({ streams: [...streams.values()] }),
  fromJson: ({ streams }) => {
    if (!Array.isArray(streams)) return undefined
    return new Map((streams as StreamSummary[]).map((stream) => [stream.name, stream]))
  },
}

function mergeStream(into: StreamSummary, more: StreamSummary): void {
  into.firstMs = Math.min(into.firstMs, more.firstMs)
  into.lastMs = Math.max(into.lastMs, more.lastMs)
  into.events += more.events
}

/** One log group: what all environments of its functions wrote, in the order in which it came. */
export class LogGroup {
  readonly name: string
  readonly createdMs: number
  readonly file: SegmentedFile
  readonly #summaries: Summaries<Map<string, StreamSummary>>
  /** Time of the first event of each file: times never go back within a group. */
  readonly #begins = new Map<number, number>()
  #lastMs = 0

  constructor(name: string, createdMs: number, file: SegmentedFile) {
    this.name = name
    this.createdMs = createdMs
    this.file = file
    this.#summaries = new Summaries(file, STREAMS)
  }

  /** From what an earlier run left, times go on: a clock that was set back does not order events anew. */
  async settle(): Promise<void> {
    const { end } = this.file
    const segment = end.offset > 0 ? end.segment : this.file.segments.at(-1)
    if (segment === undefined) return
    // The last line lies within its end; what is cut off before it is no line.
    const offset = Math.max(0, this.file.sizeOf(segment) - TAIL_BYTES)
    for await (const lines of this.file.lines({ segment, offset }))
      for (const { text } of lines) this.#lastMs = decodeRecord(text)?.timestampMs ?? this.#lastMs
  }

  append(record: LogRecord): void {
    this.#lastMs = Math.max(this.#lastMs, record.timestampMs)
    this.file.append(encodeRecord({ ...record, timestampMs: this.#lastMs }))
  }

  /** Oldest first. An empty page may have more behind it: so much is looked at for one, and no more. */
  async read(query: LogQuery, asked: PageAsked): Promise<LogPage> {
    await this.file.flush()
    const page = new PageMaker(asked.limit)
    const { fromMs = 0, untilMs = Infinity } = query
    const { end } = this.file
    // A place behind the end is one of files that are gone.
    const isThere = asked.from !== undefined && !isBefore(end, asked.from)
    const start = isThere ? asked.from : { segment: await this.#segmentAt(fromMs), offset: 0 }
    let next = start
    for await (const lines of this.file.lines(start)) {
      for (const { text, at, end: behind } of lines) {
        const record = decodeRecord(text)
        // Times never go back: nothing behind it is before that time either.
        if (record !== undefined && record.timestampMs >= untilMs)
          return { events: page.events, next: laterOf(next, end), done: true }
        if (
          record !== undefined &&
          fits(record, query) &&
          !page.add({ ...record, at, end: behind })
        )
          return { events: page.events, next, done: false }
        next = behind
        page.looked(text.length)
      }
      if (page.tired) return { events: page.events, next, done: isAt(next, end) }
    }
    return { events: page.events, next: laterOf(next, end), done: true }
  }

  /** The last ones before a place, in the order in which they came; `from` is that place, the end where none was asked for. */
  async readBackward(
    query: LogQuery,
    asked: PageAsked,
  ): Promise<LogPage & { readonly from: Position }> {
    await this.file.flush()
    const before = asked.from ?? this.file.end
    const limit = Math.min(asked.limit ?? PAGE_EVENTS_LIMIT, PAGE_EVENTS_LIMIT)
    const first = await this.#segmentAt(query.fromMs ?? 0)
    let events: LogEvent[] = []
    let looked = 0
    for (const segment of this.file.segments.toReversed()) {
      if (segment > before.segment) continue
      if (segment < first || looked >= PAGE_SCAN_LIMIT_BYTES)
        return {
          events,
          from: before,
          next: { segment: segment + 1, offset: 0 },
          done: segment < first,
        }
      const found = [...(await this.#eventsOf(segment, query, before)), ...events]
      looked += this.file.sizeOf(segment)
      events = lastOf(found, limit)
      const oldest = events[0]
      if (oldest !== undefined && (events.length < found.length || events.length === limit))
        return { events, from: before, next: oldest.at, done: false }
    }
    return {
      events,
      from: before,
      next: { segment: this.file.segments[0] ?? 1, offset: 0 },
      done: true,
    }
  }

  /** Every stream of it, in no order. */
  async streams(): Promise<StreamSummary[]> {
    await this.file.flush()
    const all = new Map<string, StreamSummary>()
    for (const segment of this.file.segments) {
      for (const stream of (await this.#summaries.of(segment)).values()) {
        const known = all.get(stream.name)
        if (known === undefined) all.set(stream.name, { ...stream })
        else mergeStream(known, stream)
      }
    }
    return [...all.values()]
  }

  /** Its oldest file goes, and what was gathered over it; how many bytes that were. */
  async dropOldest(): Promise<number> {
    const [oldest] = this.file.segments
    const gone = await this.file.dropOldest()
    if (oldest !== undefined) {
      this.#begins.delete(oldest)
      await this.#summaries.drop(oldest)
    }
    return gone
  }

  async #eventsOf(segment: number, query: LogQuery, before: Position): Promise<LogEvent[]> {
    const events: LogEvent[] = []
    const { untilMs = Infinity } = query
    for await (const lines of this.file.lines({ segment, offset: 0 })) {
      for (const { text, at, end } of lines) {
        if (at.segment !== segment || !isBefore(at, before)) return events
        const record = decodeRecord(text)
        if (record === undefined || !fits(record, query)) continue
        if (record.timestampMs < untilMs) events.push({ ...record, at, end })
      }
    }
    return events
  }

  /** The last file that can hold the first event of then. */
  async #segmentAt(fromMs: number): Promise<number> {
    const segments = this.file.segments
    for (const segment of segments.toReversed())
      if ((await this.#beginOf(segment)) < fromMs) return segment
    return segments[0] ?? this.file.last
  }

  async #beginOf(segment: number): Promise<number> {
    const known = this.#begins.get(segment)
    if (known !== undefined) return known
    for await (const lines of this.file.lines({ segment, offset: 0 })) {
      for (const { text, at } of lines) {
        const begin = at.segment === segment ? decodeRecord(text)?.timestampMs : undefined
        if (begin === undefined) continue
        this.#begins.set(segment, begin)
        return begin
      }
    }
    return Infinity
  }
}

/** The end of a list, as far as a page may be long. */
function lastOf(events: LogEvent[], limit: number): LogEvent[] {
  let chars = 0
  let from = events.length
  while (from > 0 && events.length - from < limit) {
    chars += events[from - 1]?.message.length ?? 0
    if (chars > PAGE_LIMIT_CHARS && from < events.length) break
    from -= 1
  }
  return events.slice(from)
}

/** Gathers a page until it is full. */
class PageMaker {
  readonly events: LogEvent[] = []
  readonly #limit: number
  #chars = 0
  #looked = 0

  constructor(limit = PAGE_EVENTS_LIMIT) {
    this.#limit = Math.min(limit, PAGE_EVENTS_LIMIT)
  }

  /** Whether it had room. One event always has. */
  add(event: LogEvent): boolean {
    const isFirst = this.events.length === 0
    if (this.events.length >= this.#limit) return false
    if (!isFirst && this.#chars + event.message.length > PAGE_LIMIT_CHARS) return false
    this.events.push(event)
    this.#chars += event.message.length
    return true
  }

  looked(chars: number): void {
    this.#looked += chars
  }

  get tired(): boolean {
    return this.#looked >= PAGE_SCAN_LIMIT_BYTES
  }
}

function fits(record: LogRecord, query: LogQuery): boolean {
  const { fromMs = 0, functionName, requestId, stream, message } = query
  return (
    record.timestampMs >= fromMs &&
    (functionName === undefined || record.functionName === functionName) &&
    (requestId === undefined || record.requestId === requestId) &&
    (stream === undefined || stream(record.stream)) &&
    (message === undefined || message(record.message))
  )
}

function isAt(a: Position, b: Position): boolean {
  return !isBefore(a, b)
}

function laterOf(a: Position, b: Position): Position {
  return isBefore(a, b) ? b : a
}

const META_FILE = 'group.json'

/** What a group's directory says of it; `undefined` where it is none. */
export function readGroupMeta(
  dir: string,
): { readonly name: string; readonly createdMs: number } | undefined {
  try {
    const json = parseObject(readFileSync(join(dir, META_FILE), 'utf8'))
    const { name, createdMs } = json ?? {}
    const isGroup = typeof name === 'string' && typeof createdMs === 'number'
    return isGroup ? { name, createdMs } : undefined
  } catch {
    return undefined
  }
}

export function writeGroupMeta(dir: string, name: string, createdMs: number): void {
  writeFileSync(join(dir, META_FILE), JSON.stringify({ name, createdMs }), { mode: 0o600 })
}
