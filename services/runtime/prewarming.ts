import type { Random } from '../model/index.ts'

import { CodelessEnvironment } from './codeless-environment.ts'
import type { CodelessStart } from './codeless-start.ts'
import { PREWARMED_KINDS, REFILL_DELAY_MS } from './constants.ts'
import type { EnvironmentHandle, Isolation, StartListener, StartRequest } from './handle.ts'
import type { Capability, Log, PrewarmedStats } from './options.ts'

interface PrewarmingOptions {
  readonly perKind: number
  readonly random: Random
  readonly log: Log
}

/**
 * Starts environments beforehand, without code, for the kinds of start that were asked for of late: same interpreter, limits and
 * memory. Whoever starts the first process of an environment gets one of these where there is one, and a start from nothing
 * otherwise; every later start, after a reset, is from nothing.
 */
export class Prewarming implements Isolation {
  readonly #inner: Isolation
  readonly #options: PrewarmingOptions
  /** The one asked for last stands last. */
  readonly #kinds = new Map<string, Kind>()
  /** Slots in use by the names their users know them by: one that was given away has a name of its own. */
  readonly #slots = new Map<string, string>()
  #assigned = 0
  #closed = false

  constructor(inner: Isolation, options: PrewarmingOptions) {
    this.#inner = inner
    this.#options = options
  }

  get capability(): Capability {
    return this.#inner.capability
  }

  get prewarmed(): PrewarmedStats {
    const kinds = [...this.#kinds.values()]
    const ready = kinds.reduce((sum, kind) => sum + kind.ready, 0)
    const missing = kinds.reduce((sum, kind) => sum + kind.missing, 0)
    return { ready, missing, assigned: this.#assigned }
  }

  async start(request: StartRequest, listener: StartListener): Promise<EnvironmentHandle> {
    const used = this.#slots.get(request.slot)
    if (used !== undefined) return await this.#inner.start({ ...request, slot: used }, listener)
    const waiting = this.#kindOf(request)?.take()
    if (waiting !== undefined) {
      this.#slots.set(request.slot, waiting.slot)
      try {
        const handle = await waiting.assign(request, listener)
        this.#assigned += 1
        return handle
      } catch (error) {
        this.#options.log.error({ error }, 'pre-warmed environment not used')
        await waiting.stop()
      }
    }
    this.#slots.set(request.slot, request.slot)
    return await this.#inner.start(request, listener)
  }

  async release(slot: string): Promise<void> {
    const used = this.#slots.get(slot) ?? slot
    this.#slots.delete(slot)
    await this.#inner.release(used)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#kinds.values()].map((kind) => kind.close()))
    this.#kinds.clear()
    await this.#inner[Symbol.asyncDispose]()
  }

  /** Asked for now: it is kept ready from here on, in place of the one that was not for the longest time. */
  #kindOf({ assignment }: StartRequest): Kind | undefined {
    if (assignment === undefined || this.#closed) return undefined
    const key = JSON.stringify(assignment.codeless)
    const kind = this.#kinds.get(key) ?? new Kind(this.#inner, assignment.codeless, this.#options)
    this.#kinds.delete(key)
    this.#kinds.set(key, kind)
    for (const [oldest, given] of this.#kinds) {
      if (this.#kinds.size <= PREWARMED_KINDS) break
      this.#kinds.delete(oldest)
      void given.close()
    }
    return kind
  }
}

/** Environments that differ in nothing yet. */
class Kind {
  readonly #isolation: Isolation
  readonly #start: CodelessStart
  readonly #options: PrewarmingOptions
  readonly #waiting: CodelessEnvironment[] = []
  #filling: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(isolation: Isolation, start: CodelessStart, options: PrewarmingOptions) {
    this.#isolation = isolation
    this.#start = start
    this.#options = options
  }

  get ready(): number {
    return this.#waiting.length
  }

  get missing(): number {
    return this.#options.perKind - this.#waiting.length
  }

  /** One of them, if there is one. Others are started once this request had its time. */
  take(): CodelessEnvironment | undefined {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#filling ??= this.#fill().finally(() => {
        this.#filling = undefined
      })
    }, REFILL_DELAY_MS).unref()
    return this.#waiting.pop()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#filling
    await Promise.all(this.#waiting.splice(0).map((each) => each.stop()))
  }

  /** One after the other: what they cost is nobody's who waits. One that fails is tried again with the next request. */
  async #fill(): Promise<void> {
    while (this.missing > 0 && !this.#closed) {
      try {
        const word = Buffer.from(this.#options.random.bytes(16)).toString('hex')
        const started = await CodelessEnvironment.start(this.#isolation, word, this.#start)
        this.#waiting.push(started)
        void started.ended.then(() => this.#lost(started))
      } catch (error) {
        if (!this.#closed) this.#options.log.warn({ error }, 'pre-warmed environment not started')
        return
      }
    }
  }

  /** One that ends while it waits goes; one that was taken is no more here. */
  #lost(ended: CodelessEnvironment): void {
    const at = this.#waiting.indexOf(ended)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    void ended.stop()
  }
}
