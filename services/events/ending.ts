import { newId } from '../model/index.ts'
import type { Writer } from '../store/index.ts'
import type { Next } from './decide-next.ts'
import type { Attempt, LeasedEvent, Terms } from './event.ts'
import { insertMessage } from './messages.ts'
import { DEFAULT_AGE_MS, DEFAULT_RETRIES, type DispatcherOptions } from './ports.ts'
import type { Delivery, Ended } from './records.ts'
import { insertEvent } from './rows.ts'

/** Where the configuration of a function cannot be read. */
export function defaultTerms(event: LeasedEvent): Terms {
  return { functionArn: event.functionName, maxRetries: DEFAULT_RETRIES, maxAgeMs: DEFAULT_AGE_MS }
}

/** What records tell of, where the event has ended. */
export function endOf(after: {
  readonly event: LeasedEvent
  readonly attempt: Attempt
  readonly terms: Terms
  readonly next: Next
  readonly atMs: number
}): Ended | undefined {
  const { event, attempt, terms, next, atMs } = after
  if (next.kind === 'again') return undefined
  const ran = attempt.kind === 'ran' ? attempt.ran : undefined
  const status = attempt.kind === 'ran' ? FUNCTION_STATUS : attempt.status
  const { attempts } = next
  const done = next.kind === 'done'
  const condition = done ? 'Success' : next.condition
  return { event, terms, condition, attempts, ran, message: done ? '' : next.message, status, atMs }
}

/** AWS answers a function that ran with 200, whatever it answered itself. */
const FUNCTION_STATUS = 200

/** In the transaction that ends the event: an event of its own for a function, a message for anything else. */
export async function writeDelivery(
  tx: Writer,
  event: LeasedEvent,
  { target, kind, body, attributes }: Delivery,
  around: Pick<DispatcherOptions, 'clock' | 'random' | 'isPosted'> & { readonly nowMs: number },
): Promise<void> {
  const { clock, random, isPosted, nowMs } = around
  if (target.kind === 'function') {
    const { functionId, functionName, qualifier } = target
    await insertEvent(tx, {
      id: random.uuid(),
      functionId,
      functionName,
      qualifier,
      payload: body,
      traceId: event.traceId,
      acceptedAtMs: nowMs,
      hops: event.hops + 1,
    })
    return
  }
  await insertMessage(tx, {
    id: newId('msg', clock, random),
    queue: target.arn,
    kind,
    requestId: event.id,
    functionName: event.functionName,
    body,
    attributes,
    sentAtMs: nowMs,
    posted: isPosted(target.arn),
  })
}

/** After the commit. */
export function countDelivery(
  { metrics, onMessage }: Pick<DispatcherOptions, 'metrics' | 'onMessage'>,
  event: LeasedEvent,
  { target, kind }: Delivery,
): void {
  if (target.kind === 'function') return metrics.eventReceived(target.functionName)
  onMessage()
  if (target.unreachable !== true) return
  if (kind === 'dead-letter') metrics.deadLetterError(event.functionName)
  else metrics.destinationFailure(event.functionName)
}
