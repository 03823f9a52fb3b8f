import type { Clock } from '../model/index.ts'
import type { QueueMessageTable, Store } from '../store/index.ts'
import type { Delays } from './delays.ts'
import type { EventMetrics } from './ports.ts'
import { nextPostingMs, settlePosting, takePostings } from './messages.ts'

/** Messages that are on their way to one webhook at once. */
const AT_ONCE = 8
/** Until when a message that is being posted is nobody else's; above what a post may take. */
const HELD_MS = 60_000
/** Then it stays in its queue, to be read by API; with AWS's back-off that is some 10 minutes. */
const TRIES = 10
const LOOK_MS = 30_000
const ERROR_LIMIT_CHARS = 512

/** Sends one message; rejects where the answer is none of 2xx. */
export type Post = (url: string, message: QueueMessageTable) => Promise<void>

export interface PosterOptions {
  readonly store: Store
  readonly clock: Clock
  readonly delays: Delays
  readonly metrics: EventMetrics
  readonly log: {
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** By queue. */
  readonly urls: ReadonlyMap<string, string>
}

/** Posts messages of queues that have a webhook, at least once each; what was taken leaves its queue. */
export class WebhookPoster {
  readonly #options: PosterOptions
  #stopping = false
  #post: Post | undefined
  #wake = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: PosterOptions) {
    this.#options = options
  }

  start(post: Post): void {
    this.#post = post
    if (this.#options.urls.size > 0) this.#running = this.#loop()
  }

  wake(): void {
    this.#wake.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    this.#wake.abort()
    await this.#running
  }

  async #loop(): Promise<void> {
    const { clock, log, store, urls } = this.#options
    while (!this.#stopping) {
      this.#wake = new AbortController()
      let waitMs = LOOK_MS
      try {
        for (const [queue, url] of urls) await this.#postAll(queue, url)
        const next = await nextPostingMs(store.reader, [...urls.keys()])
        if (next !== undefined) waitMs = Math.min(Math.max(next - clock.nowMs(), 0), LOOK_MS)
      } catch (error) {
        log.error({ err: error }, 'messages could not be posted')
      }
      if (!this.#stopping) await clock.sleep(waitMs, this.#wake.signal).catch(() => undefined)
    }
  }

  async #postAll(queue: string, url: string): Promise<void> {
    const { store, clock } = this.#options
    for (;;) {
      if (this.#stopping) return
      const nowMs = clock.nowMs()
      const of = { queue, nowMs, untilMs: nowMs + HELD_MS, limit: AT_ONCE }
      const messages = await store.transaction((tx) => takePostings(tx, of))
      if (messages.length === 0) return
      await Promise.all(messages.map((message) => this.#postOne(url, message)))
    }
  }

  async #postOne(url: string, message: QueueMessageTable): Promise<void> {
    const { store, clock, delays, metrics, log } = this.#options
    let failure: string | undefined
    try {
      await this.#post?.(url, message)
    } catch (error) {
      failure = (error instanceof Error ? error.message : 'unknown').slice(0, ERROR_LIMIT_CHARS)
    }
    if (failure === undefined) {
      await store.transaction((tx) => settlePosting(tx, message, 'sent'))
      return
    }
    const last = message.tries >= TRIES
    const waitMs = Math.min(delays.deferFirstMs * 2 ** (message.tries - 1), delays.deferLongestMs)
    const outcome = { runAtMs: last ? null : clock.nowMs() + waitMs, message: failure }
    await store.transaction((tx) => settlePosting(tx, message, outcome))
    const facts = { queue: message.queue, message: message.id, tries: message.tries, failure }
    log.warn(facts, last ? 'a message stays in its queue' : 'a message was not taken')
    if (!last) return
    if (message.kind === 'dead-letter') metrics.deadLetterError(message.function_name)
    else metrics.destinationFailure(message.function_name)
  }
}
