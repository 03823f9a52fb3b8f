import { setMaxListeners } from 'node:events'

import {
  leafHash,
  parseEntry,
  toNotification,
  entryEventId,
  type LedgerEntry,
} from '../ledger/index.ts'
import { PlatformError, backoffMs, canonicalJson, toIsoTime, type Json } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { attempt, type AttemptResult, type Message } from './attempt.ts'
import { Lane } from './lane.ts'
import { outcomeOf } from './outbox.ts'
import type { DeliveryParts, OutboxGauges, WebhookSecrets, WebhookWork } from './ports.ts'
import {
  countRows,
  findHead,
  insertDelivery,
  prune,
  readGauges,
  settle,
  type EntryPlace,
  type QueueHead,
} from './queue.ts'
import { findWebhook, listWebhooks, webhookResource, type Webhook } from './rows.ts'
import { decideNext, isBacklog, isFailing, type Next } from './schedule.ts'
import type { Reachable } from './url.ts'

/** Looks at every webhook this often even when nobody woke it: the backstop, not the path. */
const LOOK_MS = 30_000
const PRUNE_MS = 600_000
/** After an error of our own, such as a full disk: nobody is asked again and again for what cannot be settled. */
const OWN_BACKOFF = { firstMs: 1_000, longestMs: 60_000 }

export interface WebhooksOptions extends DeliveryParts {
  /** Which addresses the configuration lets it reach. */
  readonly reachable: Reachable
}

/**
 * Delivers what the outbox holds. Each webhook has a lane of its own, in which one post is under way at a time: its entries
 * come in the order of the ledger, nobody waits for a slow neighbour, and as many posts are under way at most as there are
 * webhooks. The directory has one process, so a row needs no lease: what was not settled when it died is tried again.
 */
export class Webhooks implements AsyncDisposable {
  readonly secrets: WebhookSecrets
  readonly reachable: Reachable
  readonly #parts: DeliveryParts
  readonly #lanes = new Map<string, { readonly lane: Lane; readonly running: Promise<void> }>()
  readonly #testing = new Set<string>()
  readonly #stop = new AbortController()
  #work: WebhookWork | undefined
  #watching: Promise<void> = Promise.resolve()
  #wanted = false
  #looking: Promise<void> | undefined
  /** Entries that waited for each when it was last looked, where it was on then. */
  #waiting: ReadonlyMap<string, number> = new Map()

  constructor(options: WebhooksOptions) {
    this.#parts = options
    this.secrets = options.secrets
    this.reachable = options.reachable
    // Every post under way listens.
    setMaxListeners(0, this.#stop.signal)
  }

  /** Goes on with what the last process left. */
  start(work: WebhookWork): void {
    this.#work = work
    this.#parts.outbox.listen(() => this.#look())
    this.#watching = this.#watch()
  }

  /** There may be something to deliver to this one. */
  wake(webhookId: string): void {
    const found = this.#lanes.get(webhookId)
    if (found !== undefined) return found.lane.nudge()
    if (this.#work === undefined || this.#stop.signal.aborted) return
    const lane = new Lane()
    let failures = 0
    const turn = async (): Promise<number | undefined> => {
      try {
        const waitMs = await this.#turn(webhookId)
        failures = 0
        return waitMs
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined
        failures += 1
        this.#parts.log.error({ err: error, webhookId }, 'a webhook could not be looked after')
        return backoffMs(failures, OWN_BACKOFF, this.#parts.random)
      }
    }
    const running = lane.run(turn, {
      clock: this.#parts.clock,
      signal: this.#stop.signal,
      onEnd: () => this.#lanes.delete(webhookId),
    })
    this.#lanes.set(webhookId, { lane, running })
  }

  /**
   * One event that tells of nothing, sent now; it is kept among the deliveries.
   * @throws PlatformError TOO_MANY_REQUESTS while another one is under way
   */
  async test(
    webhook: Webhook,
    origin: string,
  ): Promise<AttemptResult & { readonly delivered: boolean }> {
    if (this.#work === undefined) throw new PlatformError('UNAVAILABLE', 'the service is starting')
    if (this.#testing.has(webhook.id))
      throw new PlatformError('TOO_MANY_REQUESTS', `\`${webhook.name}\` is being tested already`)
    this.#testing.add(webhook.id)
    try {
      const { clock } = this.#parts
      const atMs = clock.nowMs()
      const message = {
        webhook,
        ...testEvent(webhook, { origin, atMs, chance: this.#parts.random.uuid() }),
      }
      const { signal } = this.#stop
      const result = await attempt(this.#parts, this.#work, { message, signal })
      const delivered = result.status !== undefined && result.status >= 200 && result.status <= 299
      const outcome = delivered ? 'delivered' : 'failed'
      const kept = {
        epoch: undefined,
        entryIndex: undefined,
        attempt: 1,
        atMs,
        outcome,
        ...result,
      } as const
      await this.#parts.store.transaction((tx) => insertDelivery(tx, webhook.id, kept))
      return { ...result, delivered }
    } finally {
      this.#testing.delete(webhook.id)
    }
  }

  gauges(): Promise<OutboxGauges> {
    return readGauges(this.#parts.store.reader, this.#parts.clock.nowMs())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new PlatformError('UNAVAILABLE', 'the service is stopping'))
    const lanes = [...this.#lanes.values()]
    for (const { lane } of lanes) lane.nudge()
    await Promise.all([this.#watching, this.#looking, ...lanes.map(({ running }) => running)])
  }

  /** Something was committed. */
  #look(): void {
    this.#wanted = true
    this.#looking ??= this.#lookUp().finally(() => (this.#looking = undefined))
  }

  async #lookUp(): Promise<void> {
    const { store, outbox, log } = this.#parts
    while (this.#wanted && !this.#stop.signal.aborted) {
      this.#wanted = false
      try {
        const head = await store.reader.selectFrom('ledger_head').select('size').executeTakeFirst()
        for (const id of outbox.take(head?.size ?? 0)) this.wake(id)
      } catch (error) {
        log.error({ err: error }, 'the outbox could not be looked at')
      }
    }
  }

  async #watch(): Promise<void> {
    const { store, clock, log } = this.#parts
    const { signal } = this.#stop
    for (let prunedAtMs = -Infinity; !signal.aborted;) {
      try {
        for (const { id } of await listWebhooks(store.reader)) this.wake(id)
        if (clock.monotonicMs() - prunedAtMs >= PRUNE_MS) {
          prunedAtMs = clock.monotonicMs()
          await store.transaction((tx) => prune(tx, clock.nowMs()))
          await this.#endBacklogs()
        }
      } catch (error) {
        log.error({ err: error }, 'webhooks could not be looked after')
      }
      await clock.sleep(LOOK_MS, signal).catch(() => undefined)
    }
  }

  async #endBacklogs(): Promise<void> {
    const { reader } = this.#parts.store
    const webhooks = await listWebhooks(reader)
    const enabled = new Set(webhooks.filter(({ state }) => state === 'enabled').map(({ id }) => id))
    const before = this.#waiting
    const counts = (await countRows(reader)).filter(
      ({ webhookId, state }) => state === 'pending' && enabled.has(webhookId),
    )
    this.#waiting = new Map(counts.map(({ webhookId, rows }) => [webhookId, rows]))
    for (const { webhookId, rows } of counts)
      if (isBacklog(rows, before.get(webhookId))) await this.#work?.disable(webhookId, 'backlog')
  }

  /** Delivers the head of the queue where it is due; how long to wait, undefined where there is nothing to do. */
  async #turn(webhookId: string): Promise<number | undefined> {
    const { store, clock } = this.#parts
    const webhook = await findWebhook(store.reader, { id: webhookId })
    if (webhook === undefined || webhook.state === 'disabled') return undefined
    const head = await findHead(store.reader, webhookId)
    if (head === undefined) return undefined
    const waitMs = head.runAtMs - clock.nowMs()
    if (waitMs > 0) return Math.min(waitMs, LOOK_MS)
    await this.#deliver(webhook, head)
    return 0
  }

  async #deliver(webhook: Webhook, head: QueueHead): Promise<void> {
    const { clock, random, metrics, log, store } = this.#parts
    const { epoch, entryIndex } = head
    const atMs = clock.nowMs()
    const event = await readEvent(store.reader, head)
    const result = event === undefined ? DAMAGED : await this.#send({ webhook, ...event })
    const nowMs = clock.nowMs()
    const tried = { attempts: head.attempts + 1, firstTriedAtMs: head.firstTriedAtMs ?? atMs }
    const next: Next =
      event === undefined
        ? { outcome: 'dead' }
        : decideNext({ ...tried, status: result.status, nowMs }, random)
    const settled = {
      webhookId: webhook.id,
      epoch,
      entryIndex,
      next,
      atMs,
      attempt: tried.attempts,
    }
    const failingSinceMs = await store.transaction((tx) =>
      settle(tx, { ...settled, ...result, firstTriedAtMs: tried.firstTriedAtMs }),
    )
    metrics.webhookDelivery(next.outcome)
    if (next.outcome === 'delivered') return
    const { status, answer } = result
    const facts = {
      webhook: webhook.name,
      epoch,
      entry: entryIndex,
      attempt: tried.attempts,
      status,
      answer,
    }
    log.warn(
      facts,
      next.outcome === 'dead' ? 'a webhook was not told' : 'a webhook did not take an entry',
    )
    if (next.outcome === 'gone') await this.#work?.disable(webhook.id, 'gone')
    else if (isFailing({ ...tried, nowMs }, next.outcome, failingSinceMs))
      await this.#work?.disable(webhook.id, 'failing')
  }

  async #send(message: Message): Promise<AttemptResult> {
    if (this.#work === undefined) throw new PlatformError('UNAVAILABLE', 'the service is starting')
    return await attempt(this.#parts, this.#work, { message, signal: this.#stop.signal })
  }
}

const DAMAGED: AttemptResult = {
  status: undefined,
  latencyMs: 0,
  answer: 'the entry was changed in the database',
}

/** The entry as it is told; undefined where it is not the one that was hashed. */
async function readEvent(
  reader: Reader,
  { epoch, entryIndex: index }: EntryPlace,
): Promise<Pick<Message, 'id' | 'body'> | undefined> {
  const row = await readBody(reader, epoch, index)
  const entry: LedgerEntry | undefined = row && parseEntry(row.body)
  if (row === undefined || entry === undefined || leafHash(row.body) !== row.leaf_hash)
    return undefined
  const outcome = await outcomeOf(reader, entry)
  const body = toNotification(entry, { leafHash: row.leaf_hash, outcome })
  return { id: entryEventId(entry.origin, index), body }
}

async function readBody(reader: Reader, epoch: number, index: number) {
  const ended = await reader
    .selectFrom('past_ledger')
    .select('epoch')
    .where('epoch', '=', epoch)
    .executeTakeFirst()
  if (ended === undefined)
    return await reader
      .selectFrom('ledger_entry')
      .select(['body', 'leaf_hash'])
      .where('index', '=', index)
      .executeTakeFirst()
  return await reader
    .selectFrom('past_ledger_entry')
    .select(['body', 'leaf_hash'])
    .where('epoch', '=', epoch)
    .where('index', '=', index)
    .executeTakeFirst()
}

function testEvent(
  { name }: Webhook,
  of: { readonly origin: string; readonly atMs: number; readonly chance: string },
): Pick<Message, 'id' | 'body'> {
  const id = `test-${of.chance}`
  const event: Json = {
    specversion: '1.0',
    id,
    source: of.origin,
    type: 'lacre.webhook.test',
    subject: webhookResource(name),
    time: toIsoTime(of.atMs),
    datacontenttype: 'application/json',
    data: { webhook: name },
  }
  return { id, body: canonicalJson(event) }
}
