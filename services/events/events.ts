import { PlatformError, type Clock, type Place, type Random } from '../model/index.ts'
import { openStore, type Store, type Writer } from '../store/index.ts'
import { delaysOf } from './delays.ts'
import { EventDispatcher } from './dispatcher.ts'
import type { NewEvent } from './event.ts'
import * as inspect from './inspect.ts'
import type { EventMetrics, EventRunner } from './ports.ts'
import { insertEvent } from './rows.ts'
import { WebhookPoster, type Post } from './webhooks.ts'

export interface EventsOptions {
  /** The database file. */
  readonly path: string
  readonly clock: Clock
  readonly random: Random
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  readonly place: Place
  readonly metrics: EventMetrics
  /** Events that run at once. */
  readonly concurrency: number
  /** 1 for AWS's delays. */
  readonly delayScale?: number
  /** URLs that messages of a queue are posted to, by its ARN. */
  readonly webhooks?: ReadonlyMap<string, string>
}

/** Who does the work: found by whoever composes the service. */
export interface EventWork {
  readonly runner: EventRunner
  readonly post: Post
}

/** Asynchronous events: accepted, run, retried, and told of; and what may be seen of them. */
export class Events implements AsyncDisposable {
  readonly #options: EventsOptions
  readonly #store: Store
  readonly #dispatcher: EventDispatcher
  readonly #poster: WebhookPoster

  constructor(options: EventsOptions, store: Store) {
    const { clock, random, log, place, metrics, concurrency } = options
    const urls = options.webhooks ?? new Map<string, string>()
    const delays = delaysOf(options.delayScale ?? 1)
    this.#options = options
    this.#store = store
    const shared = { store, clock, log, metrics, delays }
    this.#poster = new WebhookPoster({ ...shared, urls })
    this.#dispatcher = new EventDispatcher({
      ...shared,
      random,
      place,
      concurrency,
      soleOwner: true,
      isPosted: (queue) => urls.has(queue),
      onMessage: () => this.#poster.wake(),
    })
  }

  /** Takes over what the last process left, and begins. */
  async start({ runner, post }: EventWork): Promise<void> {
    await this.#dispatcher.start(runner)
    this.#poster.start(post)
  }

  /** Resolves once the event is on the disk. @throws PlatformError OUT_OF_SPACE, UNAVAILABLE */
  async accept(event: NewEvent): Promise<void> {
    await this.#store.transaction((tx) => insertEvent(tx, event))
    this.#options.metrics.eventReceived(event.functionName)
    this.#dispatcher.wake()
  }

  /** How many commits there were: fewer than what was written, where writes came together. */
  get commits(): number {
    return this.#store.commits
  }

  list(asked: inspect.EventsAsked): Promise<inspect.EventSummary[]> {
    return inspect.listEvents(this.#store.reader, asked)
  }

  /** @throws PlatformError RESOURCE_NOT_FOUND */
  show(id: string): Promise<inspect.EventDetail> {
    return inspect.getEvent(this.#store.reader, id)
  }

  /** Dead ones run again, as if they had come now. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not dead) */
  async replay(asked: inspect.DeadAsked): Promise<number> {
    const nowMs = this.#options.clock.nowMs()
    await this.checkDead(asked)
    const dead = { ...asked, deadBeforeMs: nowMs }
    const count = await this.#inChunks((tx) => inspect.replayDead(tx, dead, nowMs))
    this.#dispatcher.wake()
    return count
  }

  /** Dead ones are forgotten. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not dead) */
  async purge(asked: inspect.DeadAsked): Promise<number> {
    await this.checkDead(asked)
    const dead = { ...asked, deadBeforeMs: this.#options.clock.nowMs() }
    return await this.#inChunks((tx) => inspect.purgeDead(tx, dead))
  }

  queues(): Promise<inspect.QueueSummary[]> {
    return inspect.listQueues(this.#store.reader)
  }

  messages(asked: Parameters<typeof inspect.listMessages>[1]): Promise<inspect.QueueMessage[]> {
    return inspect.listMessages(this.#store.reader, asked)
  }

  deleteMessages(of: Parameters<typeof inspect.deleteMessages>[1]): Promise<number> {
    return this.#store.transaction((tx) => inspect.deleteMessages(tx, of))
  }

  async #inChunks(work: (tx: Writer) => Promise<number>): Promise<number> {
    let count = 0
    for (;;) {
      const done = await this.#store.transaction(work)
      count += done
      if (done < inspect.CHUNK_ROWS) return count
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher[Symbol.asyncDispose]()
    await this.#poster[Symbol.asyncDispose]()
    await this.#store.close()
  }

  /** Whether there is something to replay or purge. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not dead) */
  async checkDead({ id }: inspect.DeadAsked): Promise<void> {
    if (id === undefined) return
    const { state } = await this.show(id)
    if (state !== 'dead')
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        `the event \`${id}\` is not dead but \`${state}\``,
      )
  }
}

/**
 * Opens or makes the database of events.
 * @throws PlatformError CONFIGURATION (written by a newer version), LEDGER_BROKEN (damaged), OUT_OF_SPACE
 */
export async function openEvents(options: EventsOptions): Promise<Events> {
  return new Events(options, await openStore({ path: options.path, kind: 'events' }))
}
