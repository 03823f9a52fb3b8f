import type { Writer } from '../store/index.ts'
import { decideNext, isTooOld, type Next } from './decide-next.ts'
import { countDelivery, defaultTerms, endOf, writeDelivery } from './ending.ts'
import type { Attempt, LeasedEvent, Terms } from './event.ts'
import { forgetMessages } from './messages.ts'
import type { DispatcherOptions, EventRunner, Prepared } from './ports.ts'
import { deliveriesOf } from './records.ts'
import {
  forgetDead,
  giveBack,
  leaseEvents,
  nextDueMs,
  releaseLeased,
  renewLeases,
  settleEvent,
} from './rows.ts'

/** How long an event is its holder's before another may take it over; renewed at a third of it. */
const LEASE_MS = 60_000
/** Looks at the table this often even when nobody woke it. */
const LOOK_MS = 30_000
/** After the database could not be written. */
const FAILED_WAIT_MS = 1_000
/** A stop waits this long for what runs; what has not ended then runs again after the next start. */
const STOP_GRACE_MS = 5_000
/** AWS SQS: a message is kept 14 days at most. */
const KEPT_MS = 14 * 24 * 3_600_000
const SWEEP_INTERVAL_MS = 3_600_000
/** Rows that one commit forgets. */
const SWEPT_AT_ONCE = 500
interface Running {
  readonly event: LeasedEvent
  readonly lost: AbortController
  readonly done: Promise<void>
}

/** Leases what is due, runs it, and settles what became of it, with what goes to destinations, in one transaction. */
export class EventDispatcher {
  readonly #options: DispatcherOptions
  readonly #running = new Map<string, Running>()
  readonly #stop = new AbortController()
  #abandoned = false
  #runner: EventRunner | undefined
  #stopping = false
  #timer = new AbortController()
  #pump: Promise<void> | undefined
  #wanted = false
  #lastFunction = ''
  #sweptAtMs = 0

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  async start(runner: EventRunner): Promise<void> {
    const { store, clock, soleOwner } = this.#options
    const which = soleOwner ? 'all' : { expiredExcept: [] }
    await store.transaction((tx) => releaseLeased(tx, clock.nowMs(), which))
    this.#runner = runner
    void this.#renewAll()
    this.wake()
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#runner === undefined || this.#stopping) return
    this.#wanted = true
    this.#pump ??= this.#pumpAll().finally(() => {
      this.#pump = undefined
      if (this.#wanted) this.wake()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    this.#timer.abort()
    await this.#pump
    const ended = Promise.all([...this.#running.values()].map(({ done }) => done))
    const grace = new AbortController()
    await Promise.race([
      ended,
      this.#options.clock.sleep(STOP_GRACE_MS, grace.signal).catch(() => undefined),
    ])
    grace.abort()
    this.#abandoned = true
    this.#stop.abort()
    for (const { lost } of this.#running.values()) lost.abort(new Error('the service is stopping'))
    await ended
  }

  async #pumpAll(): Promise<void> {
    const { store, clock, concurrency, log } = this.#options
    let leastMs = 0
    try {
      while (this.#wanted && !this.#stopping) {
        this.#wanted = false
        const nowMs = clock.nowMs()
        const limit = concurrency - this.#running.size
        const due = await nextDueMs(store.reader)
        if (limit <= 0 || due === undefined || due > nowMs) continue
        const events = await store.transaction((tx) => this.#lease(tx, nowMs, limit))
        for (const event of events) this.#begin(event)
        if (events.length > 0) this.#wanted = true
      }
      await this.#sweep()
    } catch (error) {
      log.error({ err: error }, 'events could not be looked at')
      leastMs = FAILED_WAIT_MS
    }
    await this.#setTimer(leastMs)
  }

  async #lease(tx: Writer, nowMs: number, limit: number): Promise<LeasedEvent[]> {
    await releaseLeased(tx, nowMs, { expiredExcept: [...this.#running.keys()] })
    const room = (functionId: string, functionName: string): number => {
      const most = Math.max(1, Math.floor(this.#options.concurrency / 2))
      const running = [...this.#running.values()].filter(
        ({ event }) => event.functionId === functionId,
      )
      return Math.min(most, this.#runner?.room(functionName) ?? 0) - running.length
    }
    const wish = { afterFunction: this.#lastFunction, limit, nowMs, leaseMs: LEASE_MS, room }
    const leased = await leaseEvents(tx, wish)
    this.#lastFunction = leased.at(-1)?.functionId ?? this.#lastFunction
    return leased
  }

  #begin(event: LeasedEvent): void {
    const lost = new AbortController()
    const done = this.#work(event, lost.signal)
      .catch((error: unknown) => {
        // It stays leased until its lease ends, and then runs again.
        this.#options.log.error({ err: error, requestId: event.id }, 'an event was not settled')
      })
      .finally(() => {
        this.#running.delete(event.id)
        this.wake()
      })
    this.#running.set(event.id, { event, lost, done })
  }

  async #work(event: LeasedEvent, signal: AbortSignal): Promise<void> {
    const { clock, random, delays, metrics } = this.#options
    try {
      const { terms, attempt } = await this.#attempt(event, signal)
      const nowMs = clock.nowMs()
      const fraction = random.fraction()
      const next = decideNext({ event, attempt, terms, nowMs, delays, fraction })
      const ended = endOf({ event, attempt, terms, next, atMs: nowMs })
      const around = { ...this.#options, nowMs }
      const deliveries = ended === undefined ? [] : deliveriesOf(ended, this.#options)
      const mine = await this.#write(async (tx) => {
        if (!(await settleEvent(tx, event, next, nowMs))) return false
        for (const delivery of deliveries) await writeDelivery(tx, event, delivery, around)
        return true
      })
      this.#tell(event, { attempt, next, mine })
      if (mine) for (const delivery of deliveries) countDelivery(this.#options, event, delivery)
      if (mine && next.kind === 'dead') metrics.eventDropped(event.functionName, next.condition)
    } catch (error) {
      if (!this.#abandoned) throw error
      await this.#options.store.transaction((tx) => giveBack(tx, event, clock.nowMs()))
    }
  }

  /** Tried until it is written: what has run must not run again because the disk was full for a while. */
  async #write<T>(work: (tx: Writer) => Promise<T>): Promise<T> {
    const { store, clock, log } = this.#options
    for (;;) {
      try {
        return await store.transaction(work)
      } catch (error) {
        if (this.#abandoned) throw error
        log.error({ err: error }, 'the end of an event could not be written and is tried again')
        await clock.sleep(FAILED_WAIT_MS, this.#stop.signal)
      }
    }
  }

  async #attempt(
    event: LeasedEvent,
    signal: AbortSignal,
  ): Promise<{ terms: Terms; attempt: Attempt }> {
    const { clock, metrics } = this.#options
    const runner = this.#runner
    if (runner === undefined) throw new Error('nothing was leased before the start')
    let prepared: Prepared
    try {
      prepared = await runner.prepare(event)
    } catch (error) {
      // Its configuration cannot be read at the moment: AWS's defaults decide how long that is borne.
      const message = error instanceof Error ? error.message : 'unknown'
      const attempt = { kind: 'deferred', began: false, status: 500, message } as const
      return { terms: defaultTerms(event), attempt }
    }
    const { terms } = prepared
    const nowMs = clock.nowMs()
    if (!event.sound) {
      const message = 'the payload was changed in the database'
      const attempt = {
        kind: 'given-up',
        condition: 'PayloadDamaged',
        status: 500,
        message,
      } as const
      return { terms, attempt }
    }
    if (isTooOld(event, terms, nowMs)) {
      const message = 'the event became too old before it could be run'
      const attempt = {
        kind: 'given-up', condition: 'EventAgeExceeded', status: 500, message,
      } as const // prettier-ignore
      return { terms, attempt }
    }
    metrics.eventAge(event.functionName, nowMs - event.acceptedAtMs)
    return { terms, attempt: await prepared.run(signal) }
  }

  /** One line for each try. */
  #tell(
    event: LeasedEvent,
    { attempt, next, mine }: { attempt: Attempt; next: Next; mine: boolean },
  ): void {
    const { log } = this.#options
    const facts = {
      requestId: event.id,
      functionName: event.functionName,
      qualifier: event.qualifier,
      approximateInvokeCount: next.attempts,
      outcome:
        attempt.kind === 'ran' && attempt.ran.functionError ? 'function error' : attempt.kind,
    }
    if (!mine) log.warn(facts, 'an event was run and settled by somebody else')
    else if (next.kind === 'done') log.info(facts, 'an event has run')
    else if (next.kind === 'again')
      log.info({ ...facts, runAtMs: next.runAtMs, error: next.message }, 'an event is tried again')
    else log.warn({ ...facts, condition: next.condition, error: next.message }, 'an event is dead')
  }

  async #renewAll(): Promise<void> {
    const { store, clock, log } = this.#options
    while (!this.#stop.signal.aborted) {
      try {
        await clock.sleep(LEASE_MS / 3, this.#stop.signal)
        const held = [...this.#running.values()]
        if (held.length === 0) continue
        const events = held.map(({ event }) => event)
        const untilMs = clock.nowMs() + LEASE_MS
        const renewed = await store.transaction((tx) => renewLeases(tx, events, untilMs))
        for (const { event, lost } of held)
          if (!renewed.has(event.id)) lost.abort(new Error('the event was taken over'))
      } catch (error) {
        if (!this.#stop.signal.aborted) log.error({ err: error }, 'leases could not be renewed')
      }
    }
  }

  /** What has lain dead, or in a queue, for two weeks goes. */
  async #sweep(): Promise<void> {
    const { store, clock } = this.#options
    const nowMs = clock.nowMs()
    if (nowMs - this.#sweptAtMs < SWEEP_INTERVAL_MS) return
    this.#sweptAtMs = nowMs
    const beforeMs = nowMs - KEPT_MS
    for (const forget of [forgetDead, forgetMessages]) {
      let gone = SWEPT_AT_ONCE
      while (gone === SWEPT_AT_ONCE && !this.#stopping)
        gone = await store.transaction((tx) => forget(tx, beforeMs, SWEPT_AT_ONCE))
    }
  }

  async #setTimer(leastMs: number): Promise<void> {
    const { store, clock, log } = this.#options
    this.#timer.abort()
    this.#timer = new AbortController()
    const { signal } = this.#timer
    let waitMs = LOOK_MS
    try {
      const due = await nextDueMs(store.reader)
      if (due !== undefined) waitMs = Math.min(Math.max(due - clock.nowMs(), 0), LOOK_MS)
    } catch (error) {
      log.error({ err: error }, 'events could not be looked at')
    }
    // What is due and was not taken waits for one of those that run.
    if (waitMs === 0 && this.#running.size > 0) waitMs = LOOK_MS
    if (this.#stopping) return
    clock.sleep(Math.max(waitMs, leastMs), signal).then(
      () => this.wake(),
      () => undefined,
    )
  }
}
