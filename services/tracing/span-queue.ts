import type { EndedSpan } from './otlp.ts'

/** Spans that wait to be handed over; what comes beyond is dropped, and counted. */
export const QUEUE_LIMIT_SPANS = 4_096
/** In one request. */
export const BATCH_LIMIT_SPANS = 512
/** From a span's end to its request, at most. */
const BATCH_EVERY_MS = 1_000
/** What is handed over at the end is waited for so long, all in all. */
export const FLUSH_LIMIT_MS = 3_000

export interface SpanMetrics {
  spansExported(count: number): void
  /** `queue`: it was full; `export`: the collector did not take them; `end`: the service ended before they were taken. */
  spansDropped(count: number, why: 'queue' | 'export' | 'end'): void
}

/** Hands batches over, one at a time; a collector that fails or sleeps costs spans and nothing else. */
export class SpanQueue implements AsyncDisposable {
  readonly #send: (spans: readonly EndedSpan[], signal: AbortSignal) => Promise<void>
  readonly #metrics: SpanMetrics
  readonly #givenUp = new AbortController()
  #waiting: EndedSpan[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #closed = false

  constructor(
    send: (spans: readonly EndedSpan[], signal: AbortSignal) => Promise<void>,
    metrics: SpanMetrics,
  ) {
    this.#send = send
    this.#metrics = metrics
  }

  add(span: EndedSpan): void {
    if (this.#closed) return this.#metrics.spansDropped(1, 'end')
    if (this.#waiting.length >= QUEUE_LIMIT_SPANS) return this.#metrics.spansDropped(1, 'queue')
    this.#waiting.push(span)
    if (this.#waiting.length >= BATCH_LIMIT_SPANS) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), BATCH_EVERY_MS).unref()
  }

  /** Hands over what is there, within its bound; whatever is left then is dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const timer = setTimeout(() => this.#givenUp.abort(), FLUSH_LIMIT_MS)
    this.#start()
    await this.#sending
    clearTimeout(timer)
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending ??= this.#drain().finally(() => (this.#sending = undefined))
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_LIMIT_SPANS)
      const { signal } = this.#givenUp
      try {
        signal.throwIfAborted()
        await this.#send(batch, signal)
        this.#metrics.spansExported(batch.length)
      } catch {
        this.#metrics.spansDropped(batch.length, signal.aborted ? 'end' : 'export')
      }
    }
  }
}
