import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { open, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'

import {
  BACKLOG_LIMIT_CHARS,
  READ_CHUNK_BYTES,
  RETRY_MS,
  SEGMENT_LIMIT_BYTES,
} from './constants.ts'

/** Where in a segmented file: that of the first byte of a line, or of its end. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

export function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset)
}

export interface Line {
  readonly text: string
  readonly at: Position
  readonly end: Position
}

export interface SegmentedFileOptions {
  readonly dir: string
  readonly segmentLimitBytes?: number | undefined
  /** How long lines are gathered before they are written. */
  readonly flushMs: number
  /** Whether a write waits for the disk. */
  readonly sync: boolean
  /** What could not be written is tried again, up to the backlog; otherwise it is dropped at once. */
  readonly keep: boolean
  /** Lines that are gone: the disk refused them, or more waited than may. */
  readonly onLost: (lines: number, cause: unknown) => void
  /** After every write that was done, and after a file went. */
  readonly onWritten: () => void
}

const NEWLINE = 0x0a
const NAME = /^(\d{10})\.log$/

/**
 * Lines, only ever added, in numbered files of a bounded size. Adding is memory alone; writing is gathered and runs beside
 * whatever else there is. A file that the next one follows is never touched again, so that nothing is lost between them.
 */
export class SegmentedFile implements AsyncDisposable {
  readonly #options: SegmentedFileOptions
  readonly #limitBytes: number
  /** By number; sizes are those of whole lines. */
  readonly #segments = new Map<number, number>()
  #sizeBytes = 0
  #last = 1
  #pending: string[] = []
  #pendingChars = 0
  #overflow = 0
  #timer: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()
  /** Whether the last file may end in the middle of a line. */
  #torn = false
  #failed = false

  constructor(options: SegmentedFileOptions) {
    this.#options = options
    this.#limitBytes = options.segmentLimitBytes ?? SEGMENT_LIMIT_BYTES
    mkdirSync(options.dir, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(options.dir)) {
      const number = Number(NAME.exec(name)?.[1] ?? 0)
      if (number === 0) continue
      const { size } = statSync(join(options.dir, name))
      this.#segments.set(number, size)
      this.#sizeBytes += size
      this.#last = Math.max(this.#last, number)
    }
    this.#torn = this.#segments.has(this.#last)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Numbers of the files that there are, oldest first. */
  get segments(): number[] {
    return [...this.#segments.keys()].toSorted((a, b) => a - b)
  }

  /** The file that is added to. */
  get last(): number {
    return this.#last
  }

  /** Behind everything that is written. */
  get end(): Position {
    return { segment: this.#last, offset: this.#segments.get(this.#last) ?? 0 }
  }

  sizeOf(segment: number): number {
    return this.#segments.get(segment) ?? 0
  }

  /** Memory alone. The line has no line break in it. */
  append(line: string): void {
    if (this.#pendingChars > BACKLOG_LIMIT_CHARS) {
      this.#overflow += 1
      return
    }
    this.#pending.push(line)
    this.#pendingChars += line.length
    this.#timer ??= setTimeout(() => void this.flush(), this.#waitMs()).unref()
  }

  /** Resolves once everything added so far is written, or given up. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    return this.#queue(() => this.#write())
  }

  /** Takes the oldest file away, the one that is written to where there is no other; how many bytes that were. */
  async dropOldest(): Promise<number> {
    let gone = 0
    await this.#queue(async () => {
      const [oldest] = this.segments
      if (oldest === undefined) return
      gone = this.sizeOf(oldest)
      await rm(this.pathOf(oldest), { force: true })
      if (oldest === this.#last) this.#last += 1
      this.#segments.delete(oldest)
      this.#sizeBytes -= gone
      this.#torn &&= this.#segments.has(this.#last)
    })
    return gone
  }

  /** Lines from there on, in pieces of what is read at once; ends at what is written now. */
  async *lines(from: Position): AsyncGenerator<readonly Line[], void, undefined> {
    const stop = this.end
    for (const segment of this.segments) {
      if (segment < from.segment || segment > stop.segment) continue
      const offset = segment === from.segment ? from.offset : 0
      const size = segment === stop.segment ? stop.offset : this.sizeOf(segment)
      yield* this.#linesOf(segment, { offset, size })
    }
  }

  /** Writes what waits; nothing is to be added any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
  }

  pathOf(segment: number): string {
    return join(this.#options.dir, `${String(segment).padStart(10, '0')}.log`)
  }

  async *#linesOf(
    segment: number,
    { offset, size }: { readonly offset: number; readonly size: number },
  ): AsyncGenerator<readonly Line[], void, undefined> {
    if (offset >= size) return
    // Taken away meanwhile: what it held is gone.
    const file = await open(this.pathOf(segment), 'r').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    })
    if (file === undefined) return
    try {
      let rest: Buffer = Buffer.alloc(0)
      for (let at = offset; at < size;) {
        const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, size - at))
        const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at)
        if (bytesRead === 0) return
        const start = at - rest.byteLength
        at += bytesRead
        const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        const lines = cut(bytes, { segment, offset: start })
        const used = (lines.at(-1)?.end.offset ?? start) - start
        rest = bytes.subarray(used)
        yield lines
      }
    } finally {
      await file.close()
    }
  }

  #waitMs(): number {
    return this.#failed ? RETRY_MS : this.#options.flushMs
  }

  /** One thing at a time is done to the files. */
  #queue(work: () => Promise<void>): Promise<void> {
    const next = this.#work.then(work)
    this.#work = next.catch(() => undefined)
    return next
  }

  async #write(): Promise<void> {
    const lines = this.#pending
    this.#pending = []
    this.#pendingChars = 0
    let at = 0
    try {
      while (at < lines.length) at += await this.#writeSome(lines, at)
      this.#failed = false
    } catch (cause) {
      this.#failed = true
      this.#giveBack(lines.slice(at), cause)
    }
    const overflow = this.#overflow
    this.#overflow = 0
    if (overflow > 0) this.#options.onLost(overflow, 'more waited for the disk than may')
    if (at > 0) this.#options.onWritten()
  }

  #giveBack(lines: readonly string[], cause: unknown): void {
    if (!this.#options.keep) return this.#options.onLost(lines.length, cause)
    this.#pending = [...lines, ...this.#pending]
    for (const line of lines) this.#pendingChars += line.length
    this.#timer ??= setTimeout(() => void this.flush(), RETRY_MS).unref()
  }

  /** As many lines as the file that is written to has room for, one at least; how many. */
  async #writeSome(lines: readonly string[], from: number): Promise<number> {
    if (this.sizeOf(this.#last) >= this.#limitBytes) {
      this.#last += 1
      this.#torn = false
    }
    const before = this.sizeOf(this.#last)
    let text = this.#torn ? '\n' : ''
    let count = 0
    while (
      from + count < lines.length &&
      (count === 0 || before + text.length < this.#limitBytes)
    ) {
      text += `${lines[from + count] ?? ''}\n`
      count += 1
    }
    const bytes = Buffer.from(text)
    const path = this.pathOf(this.#last)
    try {
      await appendTo(path, bytes, this.#options.sync)
    } catch (cause) {
      // Part of it may be there: it is cut off, or ended by the next write.
      this.#torn = true
      await truncate(path, before).catch(() => undefined)
      throw cause
    }
    this.#torn = false
    this.#segments.set(this.#last, before + bytes.byteLength)
    this.#sizeBytes += bytes.byteLength
    return count
  }
}

async function appendTo(path: string, bytes: Uint8Array, sync: boolean): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.appendFile(bytes)
    if (sync) await file.datasync()
  } finally {
    await file.close()
  }
}

function cut(bytes: Buffer, { segment, offset }: Position): Line[] {
  const lines: Line[] = []
  for (let at = 0, to = bytes.indexOf(NEWLINE); to !== -1; to = bytes.indexOf(NEWLINE, at)) {
    const [start, end] = [offset + at, offset + to + 1]
    const text = bytes.toString('utf8', at, to)
    lines.push({ text, at: { segment, offset: start }, end: { segment, offset: end } })
    at = to + 1
  }
  return lines
}
