import type { TelemetryBudget } from './budget.ts'
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
/** What waits for a slow receiver, in batches' bytes and items; what comes above is dropped and counted. */
const BACKLOG_BATCHES = 4

/** Why events were lost, as `platform.logsDropped` says it. */
const REASONS = {
  slow: 'the receiver was slower than the events',
  unreachable: 'the receiver could not be reached',
  full: 'the service held as much telemetry as it may',
} as const
type Reason = keyof typeof REASONS

interface Waiting {
  readonly json: string
  readonly bytes: number
}

export interface SubscriberParts {
  readonly subscription: Subscription
  readonly delivery: Delivery
  /** What it may hold, among all. */
  readonly budget: TelemetryBudget
  /** The event that tells what was lost. */
  readonly dropped: (reason: string, records: number, bytes: number) => TelemetryEvent
}

/** What one extension subscribed to: gathered into batches, sent in order, dropped rather than held without end. */
export class Subscriber {
  readonly #parts: SubscriberParts
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** What it holds of the budget: what waits, and what is on its way. */
  #heldBytes = 0
  readonly #lost = new Map<Reason, { records: number; bytes: number }>()
  /** Whether what waits is to go although it fills no batch. */
  #due = false
  #timer: NodeJS.Timeout | undefined
  #attempt: { readonly abort: AbortController; timer: NodeJS.Timeout | undefined } | undefined
  #sending: Promise<void> | undefined
  #paused = false
  #closed = false

  constructor(parts: SubscriberParts) {
    this.#parts = parts
  }

  push(event: TelemetryEvent): void {
    if (this.#closed) return
    for (const each of inWordsOf(this.#parts.subscription, event)) this.#add(each)
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
    this.#sendSoon()
  }

  /** Resolves once all that was pushed has been sent, or given up. */
  async flush(): Promise<void> {
    while (!this.#closed && (this.#sending !== undefined || this.#waiting.length > 0)) {
      this.#due = true
      this.#pump()
      // Frozen: it goes once it is not.
      if (this.#sending === undefined) return
      await this.#sending
    }
  }

  close(): void {
    this.#closed = true
    this.pause()
    this.#attempt?.abort.abort()
    this.#parts.delivery.close()
    this.#giveBack(this.#waitingBytes)
    this.#waiting.length = 0
    this.#waitingBytes = 0
  }

  #add(event: TelemetryEvent): void {
    const json = JSON.stringify(event)
    const bytes = Buffer.byteLength(json)
    const { maxBytes, maxItems } = this.#parts.subscription.buffering
    // One always waits, whatever its size.
    const isSlow =
      this.#waiting.length >= BACKLOG_BATCHES * maxItems ||
      (this.#waiting.length > 0 && this.#waitingBytes + bytes > BACKLOG_BATCHES * maxBytes)
    if (isSlow) return this.#lose('slow', 1, bytes)
    if (!this.#parts.budget.take(this.#heldBytes, bytes)) return this.#lose('full', 1, bytes)
    this.#heldBytes += bytes
    this.#hold(json, bytes)
  }

  #hold(json: string, bytes: number): void {
    this.#waiting.push({ json, bytes })
    this.#waitingBytes += bytes
    this.#sendSoon()
  }

  /** At once where there is a batch of it, else when its time has come. */
  #sendSoon(): void {
    if (this.#paused || this.#waiting.length === 0) return
    const { maxBytes, maxItems, timeoutMs } = this.#parts.subscription.buffering
    if (this.#due || this.#waitingBytes >= maxBytes || this.#waiting.length >= maxItems)
      return this.#pump()
    this.#timer ??= setTimeout(() => {
      this.#due = true
      this.#pump()
    }, timeoutMs).unref()
  }

  #pump(): void {
    if (this.#paused || this.#closed || this.#sending !== undefined) return
    if (this.#waiting.length === 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due = false
    const batch = this.#cut()
    this.#sending = this.#send(batch).finally(() => {
      this.#sending = undefined
      this.#sendSoon()
    })
  }

  /** As much as one delivery may hold; a single event goes whatever its size. */
  #cut(): Waiting[] {
    const { maxBytes, maxItems } = this.#parts.subscription.buffering
    let bytes = 0
    let count = 0
    for (const next of this.#waiting) {
      if (count === maxItems || (count > 0 && bytes + next.bytes > maxBytes)) break
      bytes += next.bytes
      count += 1
    }
    this.#waitingBytes -= bytes
    return this.#waiting.splice(0, count)
  }

  /** Tried a few times; one that does not arrive is lost, and the next one that does says so. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const bytes = batch.reduce((sum, each) => sum + each.bytes, 0)
    const events = batch.map(({ json }) => json)
    try {
      if (await this.#arrives(events)) this.#tellLost()
      else this.#lose('unreachable', batch.length, bytes)
    } finally {
      this.#giveBack(bytes)
    }
  }

  async #arrives(events: readonly string[]): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS && !this.#closed; attempt += 1) {
      const current = { abort: new AbortController(), timer: undefined }
      this.#attempt = current
      if (!this.#paused) this.#watch(current)
      try {
        await this.#parts.delivery.send(events, current.abort.signal)
        return true
      } catch {
        if (attempt < ATTEMPTS) await pause(BACKOFF_MS * 2 ** (attempt - 1))
      } finally {
        clearTimeout(current.timer)
        this.#attempt = undefined
      }
    }
    return false
  }

  #watch(attempt: { abort: AbortController; timer: NodeJS.Timeout | undefined }): void {
    attempt.timer = setTimeout(() => attempt.abort.abort(), ATTEMPT_MS).unref()
  }

  #giveBack(bytes: number): void {
    this.#parts.budget.give(bytes)
    this.#heldBytes -= bytes
  }

  #lose(reason: Reason, records: number, bytes: number): void {
    const before = this.#lost.get(reason) ?? { records: 0, bytes: 0 }
    this.#lost.set(reason, { records: before.records + records, bytes: before.bytes + bytes })
  }

  /** Past every limit, or it would be lost itself: three of some 200 bytes at most, for each batch that arrived. */
  #tellLost(): void {
    if (this.#closed) return
    for (const [reason, { records, bytes }] of this.#lost) {
      const { subscription, dropped } = this.#parts
      for (const event of inWordsOf(subscription, dropped(REASONS[reason], records, bytes))) {
        const json = JSON.stringify(event)
        const size = Buffer.byteLength(json)
        this.#parts.budget.force(size)
        this.#heldBytes += size
        this.#hold(json, size)
      }
    }
    this.#lost.clear()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
