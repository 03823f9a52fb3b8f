/**
 * Asynchronous events: a durable queue in a database of its own, retries, destinations and dead letters as AWS has
 * them. It knows rows and time; what a function is and how it is run, others tell it.
 */
/** Opens the queue; `start` begins to run what is in it. */
export { openEvents, type Events, type EventsOptions, type EventWork } from './events.ts'
/** AWS's defaults: two retries, six hours. */
export { DEFAULT_AGE_MS, DEFAULT_RETRIES } from './ports.ts'
/** What the queue asks of whoever runs functions. */
export type { EventMetrics, EventRunner, Prepared } from './ports.ts'
export type { Attempt, LeasedEvent, NewEvent, Target, Terms } from './event.ts'
/** What may be seen of the queue. */
export type { EventDetail, EventSummary, QueueMessage, QueueSummary } from './inspect.ts'
export type { Post } from './webhooks.ts'
