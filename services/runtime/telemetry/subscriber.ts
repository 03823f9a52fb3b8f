import type { TelemetryEvent } from './events.ts'
import { inWordsOf } from './events.ts'
import type { Subscription } from './subscription.ts'

/** Takes one batch to where it is wanted; each string is an event's JSON. */
export interface Delivery {
  /** @throws Error where it did not arrive */
  send(events: readonly string[], signal: AbortSignal): Promise<void>
  close(): void
}

const ATTEMPTS = 3
const BACKOFF_MS = 100
/** An attempt, counted while the environment runs. */
const ATTEMPT_MS = 5_000
/** Batches that wait for a slow receiver; what comes above is dropped and counted. */
const BACKLOG_BATCHES = 4

/** What one extension subscribed to: gathered into batches, sent in order, dropped rather than held without end. */
export class Subscriber {
  readonly #subscription: Subscription
  readonly #delivery: Delivery
  readonly #dropped: (reason: string, records: number, bytes: number) => TelemetryEvent
  readonly #backlog: string[][] = []
  #batch: string[] = []
  #batchBytes = 0
  #lost = { records: 0, bytes: 0 }
  #timer: NodeJS.Timeout | undefined
  #attempt: { readonly abort: AbortController; timer: NodeJS.Timeout | undefined } | undefined
  #sending: Promise<void> | undefined
  #paused = false
  #closed = false

  constructor(
    subscription: Subscription,
    delivery: Delivery,
    dropped: (reason: string, records: number, bytes: number) => TelemetryEvent,
  ) {
    this.#subscription = subscription
    this.#delivery = delivery
    this.#dropped = dropped
  }

  push(event: TelemetryEvent): void {
    if (this.#closed) return
    for (const each of inWordsOf(this.#subscription, event)) this.#add(JSON.stringify(each))
  }

  /** Nothing new is begun: the environment is about to be frozen. */
  pause(): void {
    this.#paused = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    clearTimeout(this.#attempt?.timer)
  }

  resume(): void {
    this.#paused = false
    if (this.#attempt !== undefined) this.#watch(this.#attempt)
    if (this.#batch.length > 0) this.#cutSoon()
    this.#pump()
  }

  /** Resolves once all that was pushed has been sent, or given up. */
  async flush(): Promise<void> {
    this.#cut()
    while (this.#sending !== undefined) await this.#sending
  }

  close(): void {
    this.#closed = true
    this.pause()
    this.#attempt?.abort.abort()
    this.#delivery.close()
  }

  #add(json: string): void {
    const { maxBytes, maxItems } = this.#subscription.buffering
    const bytes = Buffer.byteLength(json)
    if (this.#batchBytes + bytes > maxBytes && this.#batch.length > 0) this.#cut()
    if (this.#backlog.length >= BACKLOG_BATCHES) return this.#lose(1, bytes)
    this.#batch.push(json)
    this.#batchBytes += bytes
    if (this.#batchBytes >= maxBytes || this.#batch.length >= maxItems) this.#cut()
    else this.#cutSoon()
  }

  #cutSoon(): void {
    if (this.#paused) return
    this.#timer ??= setTimeout(() => this.#cut(), this.#subscription.buffering.timeoutMs)
    this.#timer.unref()
  }

  #cut(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#batch.length > 0) this.#backlog.push(this.#batch)
    this.#batch = []
    this.#batchBytes = 0
    this.#pump()
  }

  #pump(): void {
    if (this.#paused || this.#closed || this.#sending !== undefined) return
    const batch = this.#backlog.shift()
    if (batch === undefined) return
    this.#sending = this.#send(batch).finally(() => {
      this.#sending = undefined
      this.#pump()
    })
  }

  /** Tried a few times; one that does not arrive is lost, and the next one that does says so. */
  async #send(batch: readonly string[]): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS && !this.#closed; attempt += 1) {
      const current = { abort: new AbortController(), timer: undefined }
      this.#attempt = current
      if (!this.#paused) this.#watch(current)
      try {
        await this.#delivery.send(batch, current.abort.signal)
        return this.#tellLost()
      } catch {
        if (attempt < ATTEMPTS) await pause(BACKOFF_MS * 2 ** (attempt - 1))
      } finally {
        clearTimeout(current.timer)
        this.#attempt = undefined
      }
    }
    const bytes = batch.reduce((sum, json) => sum + Buffer.byteLength(json), 0)
    this.#lose(batch.length, bytes)
  }

  #watch(attempt: { abort: AbortController; timer: NodeJS.Timeout | undefined }): void {
    attempt.timer = setTimeout(() => attempt.abort.abort(), ATTEMPT_MS).unref()
  }

  #lose(records: number, bytes: number): void {
    this.#lost = { records: this.#lost.records + records, bytes: this.#lost.bytes + bytes }
  }

  #tellLost(): void {
    const { records, bytes } = this.#lost
    if (records === 0 || this.#closed || this.#backlog.length >= BACKLOG_BATCHES) return
    this.#lost = { records: 0, bytes: 0 }
    const reason = 'the receiver was slower than the events, or could not be reached'
    this.push(this.#dropped(reason, records, bytes))
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
