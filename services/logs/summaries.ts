import { readFile, rename, rm, writeFile } from 'node:fs/promises'

import { parseObject } from './records.ts'
import type { SegmentedFile } from './segments.ts'

/** What is gathered over the lines of one file. */
export interface SummaryKind<S> {
  empty(): S
  add(summary: S, line: string): void
  toJson(summary: S): unknown
  /** `undefined` where it is no summary of this kind: it is made again. */
  fromJson(json: Record<string, unknown>): S | undefined
}

interface Known<S> {
  readonly summary: S
  scannedTo: number
  /** Nothing is added to it any more. */
  closed: boolean
}

/**
 * A summary per file, made when it is asked for from the lines that were added since, and kept beside a file that is closed:
 * adding a line costs nothing, and a summary that is lost is made again.
 */
export class Summaries<S> {
  readonly #file: SegmentedFile
  readonly #kind: SummaryKind<S>
  readonly #ending: string
  readonly #known = new Map<number, Known<S>>()
  #work: Promise<unknown> = Promise.resolve()

  /** @param ending of the names of its files: one for each kind that is gathered over the same lines */
  constructor(file: SegmentedFile, kind: SummaryKind<S>, ending = 'json') {
    this.#file = file
    this.#kind = kind
    this.#ending = ending
  }

  /** Of one file, as far as it is written. */
  of(segment: number): Promise<S> {
    const next = this.#work.then(() => this.#read(segment))
    this.#work = next.catch(() => undefined)
    return next
  }

  /** The file went, and its summary goes. */
  async drop(segment: number): Promise<void> {
    this.#known.delete(segment)
    await rm(this.pathOf(segment), { force: true }).catch(() => undefined)
  }

  pathOf(segment: number): string {
    return this.#file.pathOf(segment).replace(/log$/, this.#ending)
  }

  async #read(segment: number): Promise<S> {
    const closed = segment < this.#file.last
    const known = this.#known.get(segment) ?? (await this.#begin(segment, closed))
    if (known.closed) return known.summary
    await this.#scan(segment, known)
    if (closed) known.closed = await this.#keep(segment, known.summary)
    return known.summary
  }

  async #begin(segment: number, closed: boolean): Promise<Known<S>> {
    const kept = closed ? await this.#readKept(segment) : undefined
    const known = { summary: kept ?? this.#kind.empty(), scannedTo: 0, closed: kept !== undefined }
    this.#known.set(segment, known)
    return known
  }

  async #scan(segment: number, known: Known<S>): Promise<void> {
    for await (const lines of this.#file.lines({ segment, offset: known.scannedTo })) {
      for (const { text, at, end } of lines) {
        if (at.segment !== segment) return
        this.#kind.add(known.summary, text)
        known.scannedTo = end.offset
      }
    }
  }

  async #readKept(segment: number): Promise<S | undefined> {
    const text = await readFile(this.pathOf(segment), 'utf8').catch(() => undefined)
    const json = text === undefined ? undefined : parseObject(text)
    return json === undefined ? undefined : this.#kind.fromJson(json)
  }

  /** Whether it is kept; where the disk is full it is tried again when it is asked for. */
  async #keep(segment: number, summary: S): Promise<boolean> {
    const path = this.pathOf(segment)
    try {
      await writeFile(`${path}.new`, JSON.stringify(this.#kind.toJson(summary)), { mode: 0o600 })
      await rename(`${path}.new`, path)
      return true
    } catch {
      return false
    }
  }
}
