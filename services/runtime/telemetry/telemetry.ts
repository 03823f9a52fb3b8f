import { toIsoTime, type Clock } from '../../model/index.ts'

import type { TelemetryBudget } from './budget.ts'
import { openDelivery, type ConnectInside } from './delivery.ts'
import type { TelemetryEvent } from './events.ts'
import { Subscriber } from './subscriber.ts'
import type { Subscription } from './subscription.ts'

/** What is kept of INIT for those who subscribe in it. */
const EARLY_LIMIT_EVENTS = 1_000
const EARLY_LIMIT_BYTES = 262_144

/** A connection inside costs a process outside its limits: so many of them an environment gets, and no more. */
const CONNECT_INTERVAL_MS = 100

/**
 * Telemetry of one start of an environment: what happens in it, to the extensions in it that asked. Until INIT is over events
 * are kept for those who have yet to ask; after it, with nobody asking, telling costs a comparison.
 */
export class Telemetry {
  readonly #clock: Clock
  readonly #connect: ConnectInside
  readonly #budget: TelemetryBudget
  readonly #subscribers = new Map<string, Subscriber>()
  #early: TelemetryEvent[] = []
  #earlyBytes = 0
  #open = true

  constructor(clock: Clock, connect: ConnectInside, budget: TelemetryBudget) {
    this.#clock = clock
    this.#budget = budget
    this.#connect = paced(clock, connect)
  }

  /** Whether extensions may still subscribe: in INIT alone. */
  get open(): boolean {
    return this.#open
  }

  /** Whether anybody hears, or may yet. */
  get heard(): boolean {
    return this.#open || this.#subscribers.size > 0
  }

  /** When a monotonic instant was, by the wall clock. */
  timeOf(monotonicMs: number): string {
    return toIsoTime(this.#clock.nowMs() - (this.#clock.monotonicMs() - monotonicMs))
  }

  /** One subscription an extension; a second one takes the first one's place. */
  subscribe(name: string, subscription: Subscription): void {
    this.#subscribers.get(name)?.close()
    const delivery = openDelivery(subscription.destination, this.#connect)
    const dropped = (reason: string, droppedRecords: number, droppedBytes: number) =>
      this.#event('platform.logsDropped', { reason, droppedRecords, droppedBytes })
    const subscriber = new Subscriber({ subscription, delivery, dropped, budget: this.#budget })
    this.#subscribers.set(name, subscriber)
    for (const event of this.#early) subscriber.push(event)
    const kind = subscription.version === 'telemetry' ? 'telemetry' : 'logs'
    const { types } = subscription
    this.emit(`platform.${kind}Subscription`, { name, state: 'Subscribed', types })
  }

  /** `timeMs` says when, by whoever tells it: never later than now. */
  emit(type: string, record: unknown, timeMs?: number): void {
    if (!this.heard) return
    const event = this.#event(type, record, timeMs)
    if (this.#open) this.#keep(event)
    for (const subscriber of this.#subscribers.values()) subscriber.push(event)
  }

  /** INIT is over. */
  close(): void {
    this.#forgetEarly()
  }

  pause(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.pause()
  }

  resume(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.resume()
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.flush()))
  }

  stop(): void {
    this.#forgetEarly()
    for (const subscriber of this.#subscribers.values()) subscriber.close()
    this.#subscribers.clear()
  }

  #keep(event: TelemetryEvent): void {
    const bytes = typeof event.record === 'string' ? event.record.length : 0
    if (this.#early.length >= EARLY_LIMIT_EVENTS) return
    if (this.#earlyBytes + bytes > EARLY_LIMIT_BYTES) return
    if (!this.#budget.take(this.#earlyBytes, bytes)) return
    this.#early.push(event)
    this.#earlyBytes += bytes
  }

  /** Nobody subscribes any more. */
  #forgetEarly(): void {
    this.#open = false
    this.#early = []
    this.#budget.give(this.#earlyBytes)
    this.#earlyBytes = 0
  }

  #event(type: string, record: unknown, timeMs = Infinity): TelemetryEvent {
    return { time: toIsoTime(Math.min(timeMs, this.#clock.nowMs())), type, record }
  }
}

/** One connection after the other, none sooner than the interval after the one before. */
function paced(clock: Clock, connect: ConnectInside): ConnectInside {
  let turn: Promise<void> = Promise.resolve()
  return async (port) => {
    const mine = turn
    turn = mine.then(() => clock.sleep(CONNECT_INTERVAL_MS))
    await mine
    return await connect(port)
  }
}
