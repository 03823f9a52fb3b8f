import type { IncomingMessage, RequestListener } from 'node:http'

import { PlatformError } from '../model/index.ts'
import { LOG_FOLLOWERS_LIMIT } from '../operations/index.ts'

import { Callers } from './admission-caller.ts'
import { ADMISSION_CLASSES, type AdmissionClass } from './admission-class.ts'
import { ClientGone } from './client-gone.ts'
import { Gate, type GateLimits } from './gate.ts'
import { MEMORY_BODY_LIMIT_BYTES } from './body-intake.ts'
import { sendAnswer, type WireAnswer } from './wire.ts'

/** A request that waits longer for a place is refused. */
const QUEUE_WAIT_MS = 2_000
/**
 * Who waits behind so many takes so much longer than who does not: half, below twice. In a queue that is much shorter the
 * next request of a caller who asks little finds no room beside his last.
 */
const QUEUE_SHARE = 0.5
/** All else is short, and comes in bursts: every job of a CI at once. */
const BURST = 256
const READS_AT_ONCE = 64
const WRITES_AT_ONCE = 64
const EVENTS_AT_ONCE = 64
const LEAVING_AT_ONCE = 64
/** What AWS's clients are told; most come again sooner or later by a rule of their own. */
const RETRY_AFTER_SECONDS = 1

export type AdmissionLimits = Readonly<Record<AdmissionClass, GateLimits>>

/** As many invocations at once as there are environments. */
export function admissionLimits(maxEnvironments: number): AdmissionLimits {
  const waitMs = QUEUE_WAIT_MS
  const queued = Math.max(1, Math.floor(maxEnvironments * QUEUE_SHARE))
  return {
    invoke: { atOnce: maxEnvironments, queued, waitMs },
    event: { atOnce: EVENTS_AT_ONCE, queued: BURST, waitMs },
    read: { atOnce: READS_AT_ONCE, queued: BURST, waitMs },
    follow: { atOnce: LOG_FOLLOWERS_LIMIT, queued: BURST, waitMs },
    write: { atOnce: WRITES_AT_ONCE, queued: BURST, waitMs },
    leaving: { atOnce: LEAVING_AT_ONCE, queued: BURST, waitMs },
  }
}

/** What a listener says of its requests. */
export interface DoorParts {
  /** `undefined`: let in always. */
  readonly classOf: (req: IncomingMessage) => AdmissionClass | undefined
  readonly addressOf: (req: IncomingMessage) => string
  /** In the words of the API that was asked. */
  readonly refuse: (req: IncomingMessage, error: PlatformError) => WireAnswer
  readonly newRequestId: () => string
  /** One more was refused. */
  readonly onRefused: (kind: AdmissionClass) => void
}

/** Throttled as AWS says it: by the account's concurrency, or by the rate of requests. */
const REFUSALS = Object.fromEntries(
  ADMISSION_CLASSES.map((kind) => [kind, overloaded(kind)]),
) as Readonly<Record<AdmissionClass, PlatformError>>

function overloaded(kind: AdmissionClass): PlatformError {
  const invoking = kind === 'invoke'
  const reason = invoking ? 'ConcurrentInvocationLimitExceeded' : 'CallerRateLimitExceeded'
  return new PlatformError('TOO_MANY_REQUESTS', invoking ? 'Rate Exceeded.' : 'Rate exceeded', {
    detail: { reason, retryAfterSeconds: RETRY_AFTER_SECONDS },
  })
}

/**
 * Decides whether a request is let in before anything of it is read, routed or verified (DESIGN §11): a bounded number in
 * work and a bounded queue for each kind of work, fair between callers. What is beyond is answered 429 at once. One for
 * all listeners: they share the process and the environments.
 */
export class Admission {
  readonly #gates: ReadonlyMap<AdmissionClass, Gate>
  readonly #callers = new Callers()
  readonly #places = new WeakMap<IncomingMessage, Place>()

  constructor(limits: AdmissionLimits) {
    this.#gates = new Map(ADMISSION_CLASSES.map((kind) => [kind, new Gate(limits[kind])]))
  }

  /** A handler behind this door. */
  guard(parts: DoorParts, handler: RequestListener): RequestListener {
    return (req, res) => {
      const kind = parts.classOf(req)
      const gate = kind && this.#gates.get(kind)
      if (kind === undefined || gate === undefined) return handler(req, res)
      const address = parts.addressOf(req)
      const caller = this.#callers.callerOf(address, req.headers)
      const place = new Place(gate, {
        caller,
        kind,
        prove: (id) => this.#callers.prove(address, req.headers, id),
      })
      this.#places.set(req, place)
      res.once('close', () => place.gone())
      place.ask(
        () => handler(req, res),
        () => {
          parts.onRefused(kind)
          refuse({ req, res, requestId: parts.newRequestId() }, parts.refuse(req, REFUSALS[kind]))
        },
      )
    }
  }

  /** The place of a request that came through a door; `undefined` where it needs none. */
  placeOf(req: IncomingMessage): Place | undefined {
    return this.#places.get(req)
  }

  /** How many are in work, and how many wait. */
  readings(): readonly { kind: AdmissionClass; inWork: number; queued: number }[] {
    return [...this.#gates].map(([kind, { inWork, queued }]) => ({ kind, inWork, queued }))
  }
}

interface Holder {
  readonly caller: string
  readonly kind: AdmissionClass
  readonly prove: (principalId: string) => void
}

/** What one request has of its gate. */
export class Place {
  readonly #gate: Gate
  readonly #holder: Holder
  #state: 'outside' | 'asking' | 'in' = 'outside'
  #kept = false
  #work: Promise<unknown> | undefined
  #withdraw: (() => void) | undefined

  constructor(gate: Gate, holder: Holder) {
    this.#gate = gate
    this.#holder = holder
  }

  ask(enter: () => void, refuse: () => void): void {
    this.#state = 'asking'
    const asking = {
      caller: this.#holder.caller,
      enter: () => {
        this.#state = 'in'
        enter()
      },
      refuse: () => {
        this.#state = 'outside'
        refuse()
      },
    }
    this.#withdraw = () => this.#gate.withdraw(asking)
    this.#gate.ask(asking)
  }

  /** Until `leave`, whether its client stays or not: the work goes on without him. */
  keep(): void {
    this.#kept = true
  }

  /** `leave` is heard when this has ended: it may outlast the request. */
  during(work: Promise<unknown>): void {
    this.#work = work
  }

  /** Who it is was proved: the next request of the same counts for this principal. */
  prove(principalId: string): void {
    this.#holder.prove(principalId)
  }

  /** Others may have it: the work is done, or waits for the client. */
  leave(): void {
    if (this.#state !== 'in') return
    this.#state = 'outside'
    const give = (): void => this.#gate.leave(this.#holder.caller)
    if (this.#work === undefined) give()
    else void this.#work.then(give, give)
  }

  /** After `leave`: queues once more. @throws PlatformError TOO_MANY_REQUESTS; ClientGone */
  async again(): Promise<void> {
    if (this.#state === 'in') return
    await new Promise<void>((resolve, reject) => {
      this.ask(resolve, () => reject(REFUSALS[this.#holder.kind]))
      const withdraw = this.#withdraw
      this.#withdraw = () => {
        withdraw?.()
        reject(new ClientGone('the client went away'))
      }
    })
  }

  /** Its connection is closed. */
  gone(): void {
    if (this.#state === 'asking') {
      this.#state = 'outside'
      this.#withdraw?.()
    } else if (!this.#kept) this.leave()
  }
}

/** A body that takes longer to come gives up its request's place meanwhile; `again` has to follow. */
const BODY_PATIENCE_MS = 1_000

export async function patiently<T>(place: Place | undefined, taking: Promise<T>): Promise<T> {
  const timer = setTimeout(() => place?.leave(), BODY_PATIENCE_MS)
  try {
    return await taking
  } finally {
    clearTimeout(timer)
  }
}

type Refused = Parameters<typeof sendAnswer>[0]

/** A small body is read away with the answer, and the connection stays; nobody waits for a large one. */
function refuse(exchange: Refused, answer: WireAnswer): void {
  const { req, res, requestId } = exchange
  const length = Number(req.headers['content-length'] ?? 0)
  const small = req.headers['transfer-encoding'] === undefined && length <= MEMORY_BODY_LIMIT_BYTES
  if (!small) return sendAnswer(exchange, answer)
  if (res.destroyed) return
  const body = answer.body ?? ''
  res.writeHead(answer.status, {
    'x-amzn-RequestId': requestId,
    ...answer.headers,
    'content-length': Buffer.byteLength(body),
  })
  res.end(body)
}
