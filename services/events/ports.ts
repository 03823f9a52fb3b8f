import type { Clock, Place, Random } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { Delays } from './delays.ts'
import type { Attempt, LeasedEvent, Terms } from './event.ts'

/** SPEC A12: two retries, six hours. */
export const DEFAULT_RETRIES = 2
export const DEFAULT_AGE_MS = 21_600_000

/** What is to be run for an event, found anew at each try. */
export interface Prepared {
  readonly terms: Terms
  /** Rejects only where `signal` was aborted. */
  run(signal: AbortSignal): Promise<Attempt>
}

/** Who knows functions: resolves an event and runs it. */
export interface EventRunner {
  prepare(event: LeasedEvent): Promise<Prepared>
  /** How many events of a function may run at once, at least one. */
  room(functionName: string): number
}

/** AWS's metrics of asynchronous invocation (SPEC A12). */
export interface EventMetrics {
  eventReceived(functionName: string): void
  eventAge(functionName: string, ageMs: number): void
  eventDropped(functionName: string, condition: string): void
  destinationFailure(functionName: string): void
  deadLetterError(functionName: string): void
  recursionDropped(functionName: string): void
}

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface DispatcherOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly place: Place
  readonly metrics: EventMetrics
  readonly delays: Delays
  /** Events that run at once; half of it at most are one function's. */
  readonly concurrency: number
  /** This process alone has the directory: what is leased at start was leased by a dead one. */
  readonly soleOwner: boolean
  /** Whether messages of a queue are posted to a webhook, whose poster is told of new ones. */
  readonly isPosted: (queue: string) => boolean
  readonly onMessage: () => void
}
