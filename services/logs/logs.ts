import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { LineCutter, LOG_LINE_LIMIT_CHARS, type Clock } from '../model/index.ts'

import { LOGS_LIMIT_BYTES, LOG_FLUSH_MS, RETRY_MS } from './constants.ts'
import {
  LogGroup,
  readGroupMeta,
  writeGroupMeta,
  type LogPage,
  type LogQuery,
  type PageAsked,
  type StreamSummary,
} from './log-group.ts'
import { isBefore, SegmentedFile, type Position } from './segments.ts'

export interface LogsOptions {
  readonly dir: string
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
  /** All groups together; the fullest loses its oldest file above it. */
  readonly limitBytes?: number | undefined
  readonly segmentLimitBytes?: number | undefined
  /** Lines that could not be written, and bytes that had to go for newer ones. */
  readonly metrics?: { logLinesDropped(count: number): void; logBytesEvicted(bytes: number): void }
}

/** Where an environment's output belongs. */
export interface LogTarget {
  readonly group: string
  /** `YYYY/MM/DD/[version]32hex`. */
  readonly stream: string
  readonly functionName: string
}

/** What is known of an event besides its text: when it was, if that is not now, and its level. */
export interface RecordFacts {
  readonly timeMs?: number | undefined
  readonly level?: string | undefined
}

export interface GroupSummary {
  readonly name: string
  readonly createdMs: number
  readonly storedBytes: number
}

const SLUG_CHARS = 80
const HASH_CHARS = 16

/**
 * What functions wrote, by group. Taking a line is memory alone. A disk that refuses costs lines, never an invocation: they
 * are counted, and that they are lost is said once, here and, when it is over, in the group itself.
 */
export class Logs implements AsyncDisposable {
  readonly #options: LogsOptions
  readonly #groups = new Map<string, LogGroup>()
  readonly #unmade = new Map<string, number>()
  readonly #lostOf = new Map<string, number>()
  readonly #waiters = new Map<string, Set<() => void>>()
  #refused = false
  #evicting = false
  #closing = false

  private constructor(options: LogsOptions) {
    this.#options = options
  }

  static async open(options: LogsOptions): Promise<Logs> {
    const logs = new Logs(options)
    const { dir } = options
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(dir)) {
      const meta = readGroupMeta(join(dir, name))
      if (meta === undefined || dirNameOf(meta.name) !== name) continue
      await logs.#open(meta.name, meta.createdMs).settle()
    }
    return logs
  }

  /** Where one environment writes: lines are cut per environment, so that two do not mix within one. */
  writerFor(
    target: LogTarget,
  ): (bytes: Uint8Array, requestId: string | undefined, record?: RecordFacts) => void {
    let current: string | undefined
    const cutter = new LineCutter((line) => this.append(target, line, current))
    return (bytes, requestId, record) => {
      if (record !== undefined) {
        const text = new TextDecoder().decode(bytes).slice(0, LOG_LINE_LIMIT_CHARS)
        return this.append(target, text, requestId, record)
      }
      current = requestId
      cutter.push(bytes)
    }
  }

  append(
    target: LogTarget,
    message: string,
    requestId: string | undefined,
    { timeMs = Infinity, level }: RecordFacts = {},
  ): void {
    const group = this.#group(target.group)
    if (group === undefined) return this.#lost(target.group, 1, undefined)
    const { stream, functionName } = target
    // One from the future would take every later event of its group with it.
    const timestampMs = Math.min(timeMs, this.#options.clock.nowMs())
    group.append({ timestampMs, stream, functionName, requestId, message, level })
  }

  /** By name. */
  groups(): GroupSummary[] {
    const all = [...this.#groups.values()].map(({ name, createdMs, file }) => ({
      name,
      createdMs,
      storedBytes: file.sizeBytes,
    }))
    return all.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  /** `undefined` where there is no such group. */
  async streams(group: string): Promise<StreamSummary[] | undefined> {
    return await this.#groups.get(group)?.streams()
  }

  async read(group: string, query: LogQuery, asked: PageAsked): Promise<LogPage | undefined> {
    return await this.#groups.get(group)?.read(query, asked)
  }

  async readBackward(
    group: string,
    query: LogQuery,
    asked: PageAsked,
  ): Promise<(LogPage & { readonly from: Position }) | undefined> {
    return await this.#groups.get(group)?.readBackward(query, asked)
  }

  /** How many wait for something to be written. */
  get waiting(): number {
    let sum = 0
    for (const waiters of this.#waiters.values()) sum += waiters.size
    return sum
  }

  /** Waits until something lies behind a place of a group, which need not be there; false where the signal came first. */
  async written(group: string, from: Position | undefined, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || this.#closing) return false
    const end = this.#groups.get(group)?.file.end
    if (end !== undefined && (from === undefined || isBefore(from, end))) return true
    const waiters = this.#waiters.get(group) ?? new Set()
    this.#waiters.set(group, waiters)
    await new Promise<void>((resolve) => {
      const done = (): void => {
        waiters.delete(done)
        if (waiters.size === 0) this.#waiters.delete(group)
        signal.removeEventListener('abort', done)
        resolve()
      }
      waiters.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
    return !signal.aborted && !this.#closing
  }

  /** Nobody waits any more, and nobody will. */
  letGo(): void {
    this.#closing = true
    for (const waiters of this.#waiters.values()) for (const done of waiters) done()
  }

  get sizeBytes(): number {
    let sum = 0
    for (const { file } of this.#groups.values()) sum += file.sizeBytes
    return sum
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#groups.values()].map(({ file }) => file[Symbol.asyncDispose]()))
    this.letGo()
  }

  /** Made where it is not there; `undefined` where the disk refuses, and for a moment after. */
  #group(name: string): LogGroup | undefined {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const { clock, dir } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs < (this.#unmade.get(name) ?? -Infinity) + RETRY_MS) return undefined
    try {
      const createdMs = clock.nowMs()
      const made = this.#open(name, createdMs)
      writeGroupMeta(join(dir, dirNameOf(name)), name, createdMs)
      this.#unmade.delete(name)
      return made
    } catch (cause) {
      this.#groups.delete(name)
      this.#unmade.set(name, nowMs)
      this.#refuse(name, cause)
      return undefined
    }
  }

  #open(name: string, createdMs: number): LogGroup {
    const { dir, segmentLimitBytes } = this.#options
    const file = new SegmentedFile({
      dir: join(dir, dirNameOf(name)),
      segmentLimitBytes,
      flushMs: LOG_FLUSH_MS,
      sync: false,
      keep: false,
      onLost: (lines, cause) => this.#lost(name, lines, cause),
      onWritten: () => this.#wrote(name),
    })
    const group = new LogGroup(name, createdMs, file)
    this.#groups.set(name, group)
    return group
  }

  #wrote(name: string): void {
    for (const done of this.#waiters.get(name) ?? []) done()
    const lost = this.#lostOf.get(name)
    if (this.#refused) {
      this.#refused = false
      this.#options.log.info({ group: name, lost: lost ?? 0 }, 'function logs are written again')
    }
    if (lost !== undefined) this.#tellLost(name, lost)
    void this.#evict()
  }

  #lost(name: string, lines: number, cause: unknown): void {
    this.#options.metrics?.logLinesDropped(lines)
    this.#lostOf.set(name, (this.#lostOf.get(name) ?? 0) + lines)
    if (cause !== undefined) this.#refuse(name, cause)
  }

  /** Once, until lines can be written again. */
  #refuse(group: string, cause: unknown): void {
    if (this.#refused) return
    this.#refused = true
    this.#options.log.warn(
      { group, cause: causeOf(cause) },
      'function logs cannot be written: lines are dropped until they can',
    )
  }

  #tellLost(name: string, lost: number): void {
    this.#lostOf.delete(name)
    const functionName = /^\/aws\/lambda\/([^/]+)$/.exec(name)?.[1] ?? ''
    this.append(
      { group: name, stream: 'lacre', functionName },
      `[lacre] ${lost} lines dropped: they could not be written`,
      undefined,
    )
  }

  /** The fullest group gives, so that one that writes without end pushes out no other group's logs. */
  async #evict(): Promise<void> {
    const limit = this.#options.limitBytes ?? LOGS_LIMIT_BYTES
    if (this.#evicting || this.sizeBytes <= limit) return
    this.#evicting = true
    try {
      while (this.sizeBytes > limit) {
        const [fullest] = [...this.#groups.values()].toSorted(
          (a, b) => b.file.sizeBytes - a.file.sizeBytes,
        )
        const gone = (await fullest?.dropOldest()) ?? 0
        if (gone === 0) return
        this.#options.metrics?.logBytesEvicted(gone)
      }
    } catch (cause) {
      this.#options.log.warn({ cause: causeOf(cause) }, 'old function logs cannot be taken away')
    } finally {
      this.#evicting = false
    }
  }
}

/** Readable, and safe as a name of a file whatever the group is called. */
function dirNameOf(group: string): string {
  const slug = group.replaceAll(/[^a-zA-Z0-9-]+/g, '_').slice(-SLUG_CHARS)
  const hash = createHash('sha256').update(group).digest('hex').slice(0, HASH_CHARS)
  return `${slug}.${hash}`
}

function causeOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
