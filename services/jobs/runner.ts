import { PlatformError, backoffMs, type Clock, type Json, type Random } from '../model/index.ts'
import type { Store, Writer } from '../store/index.ts'
import { enqueue, type Enqueued, type NewJob } from './enqueue.ts'
import { claim, finish, forgetDone, nextDueMs, releaseAll, renew, type Claimed } from './rows.ts'

/** How long a job is its worker's before another may take it over; renewed at a third of it. */
const LEASE_MS = 30_000
/** Looks at the table this often even when nobody woke it: the backstop, not the path. */
const LOOK_MS = 30_000
const ERROR_LIMIT_CHARS = 512
const BACKOFF = { firstMs: 500, longestMs: 300_000 }
const DONE_KEPT_MS = 7 * 24 * 3_600_000

interface Log {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface JobRunnerOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Jobs at a time. */
  readonly concurrency?: number
  /**
   * This process alone has the data directory (its lock says so): what is leased at start was leased by a dead one
   * and is taken over at once. Several nodes on one database set it to false and wait for the lease to end.
   */
  readonly soleOwner?: boolean
}

/** What a handler may want to know of the job it does. */
export interface RunningJob {
  readonly id: string
  readonly kind: string
  readonly key: string
  /** 1 for the first try. */
  readonly attempt: number
  /** Rises with each take-over: what a handler stamps on what it writes elsewhere. */
  readonly fence: number
}

/** May run twice for one job, where a process dies between doing it and saying so: handlers are idempotent. */
export type JobHandler = (payload: Json, job: RunningJob, signal: AbortSignal) => Promise<void>

export interface HandlerOptions {
  /** Tries before the job is dead. */
  readonly maxAttempts?: number
  /** Called once when it is, with the last error. */
  readonly onDead?: (payload: Json, job: RunningJob, error: unknown) => Promise<void>
}

interface Registered extends HandlerOptions {
  readonly run: JobHandler
}

export class JobRunner {
  readonly #options: JobRunnerOptions
  readonly #handlers = new Map<string, Registered>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  #timer = new AbortController()
  #pump: Promise<void> | undefined
  #wanted = false
  #started = false

  constructor(options: JobRunnerOptions) {
    this.#options = options
  }

  /** Names what does jobs of this kind; before `start`. */
  handle(kind: string, run: JobHandler, options: HandlerOptions = {}): void {
    this.#handlers.set(kind, { run, ...options })
  }

  /** The same as the function `enqueue`; `wake` after the commit. */
  enqueue(tx: Writer, job: NewJob): Promise<Enqueued> {
    return enqueue(tx, job)
  }

  /** Takes over what the last process left and begins. */
  async start(): Promise<void> {
    const { store, clock, soleOwner = true } = this.#options
    await store.transaction(async (tx) => {
      if (soleOwner) await releaseAll(tx, clock.nowMs())
      await forgetDone(tx, clock.nowMs() - DONE_KEPT_MS)
    })
    this.#started = true
    this.wake()
  }

  /** There may be something to do: called directly after the commit that wrote it. */
  wake(): void {
    if (!this.#started || this.#stop.signal.aborted) return
    this.#wanted = true
    this.#pump ??= this.#pumpAll().finally(() => {
      this.#pump = undefined
      if (this.#wanted) this.wake()
    })
  }

  /** Resolves when nothing is ready and nothing runs; what waits for its time still waits. */
  async drain(): Promise<void> {
    this.wake()
    while (this.#pump !== undefined || this.#running.size > 0) {
      await this.#pump
      await Promise.all(this.#running.values())
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new PlatformError('UNAVAILABLE', 'the service is stopping'))
    this.#timer.abort()
    await this.#pump
    await Promise.all(this.#running.values())
  }

  async #pumpAll(): Promise<void> {
    const { store, clock, concurrency = 2 } = this.#options
    try {
      while (this.#wanted && !this.#stop.signal.aborted) {
        this.#wanted = false
        const free = concurrency - this.#running.size
        const due = await nextDueMs(store.reader, this.#kinds())
        if (free <= 0 || due === undefined || due > clock.nowMs()) continue
        const jobs = await store.transaction((tx) =>
          claim(tx, {
            kinds: this.#kinds(),
            nowMs: clock.nowMs(),
            leaseMs: LEASE_MS,
            limit: free,
          }),
        )
        for (const job of jobs) this.#begin(job)
        if (jobs.length > 0) this.#wanted = true
      }
    } catch (error) {
      this.#options.log.error({ err: error }, 'jobs could not be looked at')
    }
    await this.#setTimer()
  }

  #kinds(): readonly string[] {
    return [...this.#handlers.keys()]
  }

  #begin(job: Claimed): void {
    const done = this.#run(job).finally(() => {
      this.#running.delete(job.id)
      this.wake()
    })
    this.#running.set(job.id, done)
  }

  async #run(job: Claimed): Promise<void> {
    const handler = this.#handlers.get(job.kind)
    if (handler === undefined) return
    const lease = new AbortController()
    const signal = AbortSignal.any([this.#stop.signal, lease.signal])
    const renewing = this.#renewLease(job, lease)
    let error: unknown
    try {
      // The row is not trusted more than any other data at rest.
      if (!job.sound) throw new PlatformError('INTERNAL', 'the job was changed in the database')
      await handler.run(job.payload, job, signal)
    } catch (thrown) {
      error = thrown ?? new Error('failed without a reason')
    }
    lease.abort()
    await renewing
    await this.#settle(job, handler, error).catch((failure: unknown) =>
      this.#options.log.error(
        { err: failure, kind: job.kind, key: job.key },
        'a job was not settled',
      ),
    )
  }

  async #settle(job: Claimed, handler: Registered, error: unknown): Promise<void> {
    const { store, clock, random, log } = this.#options
    const nowMs = clock.nowMs()
    if (error === undefined) {
      await store.transaction((tx) => finish(tx, job, { state: 'done', runAtMs: nowMs }))
      return
    }
    const stopping = this.#stop.signal.aborted
    const dead = !stopping && (!job.sound || job.attempt >= (handler.maxAttempts ?? 8))
    const runAtMs = stopping || dead ? nowMs : nowMs + backoffMs(job.attempt, BACKOFF, random)
    const message = error instanceof Error ? error.message : 'unknown'
    const facts = { err: error, kind: job.kind, key: job.key, attempt: job.attempt }
    log.warn(facts, dead ? 'a job is given up' : 'a job failed and will be tried again')
    const mine = await store.transaction((tx) =>
      finish(tx, job, {
        state: dead ? 'dead' : 'ready',
        runAtMs,
        attempts: stopping ? job.attempt - 1 : job.attempt,
        lastError: message.slice(0, ERROR_LIMIT_CHARS),
      }),
    )
    if (dead && mine) await handler.onDead?.(job.payload, job, error)
  }

  async #renewLease(job: Claimed, lease: AbortController): Promise<void> {
    const { store, clock } = this.#options
    while (!lease.signal.aborted) {
      try {
        await clock.sleep(LEASE_MS / 3, lease.signal)
        const mine = await store.transaction((tx) => renew(tx, job, clock.nowMs() + LEASE_MS))
        if (!mine) lease.abort(new PlatformError('UNAVAILABLE', 'the job was taken over'))
      } catch {
        // The sleep was ended, or the database is not to be written: the next round tries again.
      }
    }
  }

  /** Behind `wake`: for what is due later, and for what nobody said. */
  async #setTimer(): Promise<void> {
    const { store, clock, log } = this.#options
    this.#timer.abort()
    this.#timer = new AbortController()
    const { signal } = this.#timer
    let waitMs = LOOK_MS
    try {
      const due = await nextDueMs(store.reader, this.#kinds())
      if (due !== undefined) waitMs = Math.min(Math.max(due - clock.nowMs(), 0), LOOK_MS)
    } catch (error) {
      log.error({ err: error }, 'jobs could not be looked at')
    }
    // With every worker busy, the one that ends first wakes us.
    if (waitMs === 0 && this.#running.size > 0) waitMs = LOOK_MS
    if (this.#stop.signal.aborted) return
    clock.sleep(waitMs, signal).then(
      () => this.wake(),
      () => undefined,
    )
  }
}
