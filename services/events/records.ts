import { limits, toIsoTime, type Place, type Random } from '../model/index.ts'
import type { Condition, LeasedEvent, Ran, Target, Terms } from './event.ts'

/** What is written for a target when an event ends. */
export interface Delivery {
  readonly kind: 'destination' | 'dead-letter'
  readonly target: Target
  /** JSON text. */
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
}

export interface Ended {
  readonly event: LeasedEvent
  readonly terms: Terms
  readonly condition: 'Success' | Condition
  /** Invocations begun. */
  readonly attempts: number
  /** What the last try gave, where it ran. */
  readonly ran: Ran | undefined
  readonly message: string
  /** HTTP's: 200 where it ran, whatever it answered. */
  readonly status: number
  readonly atMs: number
}

/** What goes where when an event ends: to a destination, to the dead letter queue, to both or nowhere (SPEC A12). */
export function deliveriesOf(
  ended: Ended,
  around: { readonly place: Place; readonly random: Random },
): Delivery[] {
  const { terms, condition } = ended
  const success = condition === 'Success'
  const destination = success ? terms.onSuccess : terms.onFailure
  const deliveries: Delivery[] = []
  if (destination !== undefined)
    deliveries.push(withinLimit(toDestination(ended, destination, around)))
  if (!success && terms.deadLetter !== undefined)
    deliveries.push({ ...deadLetterOf(ended), target: terms.deadLetter })
  return deliveries
}

/** A record that no function can be given lies in the queue of its ARN instead of being lost. */
function withinLimit(delivery: Delivery): Delivery {
  const { target, body } = delivery
  if (target.kind === 'queue' || Buffer.byteLength(body) <= limits.EVENT_PAYLOAD_LIMIT_BYTES)
    return delivery
  return { ...delivery, target: { kind: 'queue', arn: target.arn, unreachable: true } }
}

function toDestination(
  ended: Ended,
  target: Target,
  around: { readonly place: Place; readonly random: Random },
): Delivery {
  const record = destinationRecord(ended)
  const service = target.arn.split(':')[2]
  const base = { kind: 'destination', target, body: record, attributes: {} } as const
  if (service === 'events') return { ...base, body: busEvent(ended, { ...around, record, target }) }
  if (service === 's3')
    return { ...base, attributes: { Key: objectKey(ended, around.random.uuid()) } }
  return base
}

/**
 * AWS's record of an asynchronous invocation, version 1.0 (recorded). The payloads stand in it as they came, byte for
 * byte: numbers and the order of members are not ours to change.
 */
export function destinationRecord(ended: Ended): string {
  const { event, terms, condition, attempts, ran, atMs } = ended
  const members = [
    member('version', JSON.stringify('1.0')),
    member('timestamp', JSON.stringify(toIsoTime(atMs))),
    member(
      'requestContext',
      JSON.stringify({
        requestId: event.id,
        functionArn: terms.functionArn,
        condition,
        approximateInvokeCount: attempts,
      }),
    ),
    member('requestPayload', event.payload),
  ]
  if (ran !== undefined) {
    const { executedVersion, functionError } = ran
    const context = {
      statusCode: ended.status,
      executedVersion,
      ...(functionError ? { functionError: 'Unhandled' } : {}),
    }
    members.push(member('responseContext', JSON.stringify(context)))
    members.push(member('responsePayload', asJson(ran.payload)))
  }
  return `{${members.join(',')}}`
}

function member(name: string, json: string): string {
  return `${JSON.stringify(name)}:${json}`
}

/** What a runtime of the function's own answered need not be JSON. */
function asJson(payload: Uint8Array): string {
  const text = Buffer.from(payload).toString('utf8')
  try {
    JSON.parse(text)
    return text
  } catch {
    return JSON.stringify(text)
  }
}

/** The event as it came, with what AWS says of it in message attributes (recorded: TestLambdaDLQ). */
function deadLetterOf({ event, status, message }: Ended): Omit<Delivery, 'target'> {
  return {
    kind: 'dead-letter',
    body: event.payload,
    attributes: { RequestID: event.id, ErrorCode: String(status), ErrorMessage: message },
  }
}

/** How EventBridge wraps a record (SPEC A12). */
function busEvent(
  { terms, condition, atMs }: Ended,
  about: {
    readonly place: Place
    readonly random: Random
    readonly record: string
    readonly target: Target
  },
): string {
  const result = condition === 'Success' ? 'Success' : 'Failure'
  const envelope = JSON.stringify({
    version: '0',
    id: about.random.uuid(),
    'detail-type': `Lambda Function Invocation Result - ${result}`,
    source: 'lambda',
    account: about.place.account,
    time: `${toIsoTime(atMs).slice(0, 19)}Z`,
    region: about.place.region,
    resources: [about.target.arn, terms.functionArn],
  })
  return `${envelope.slice(0, -1)},${member('detail', about.record)}}`
}

/** AWS: `aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`. */
function objectKey({ event, atMs }: Ended, uuid: string): string {
  const time = toIsoTime(atMs).slice(0, 19)
  const day = time.slice(0, 10).replaceAll('-', '/')
  return `aws/lambda/async/${event.functionName}/${day}/${time.replaceAll(':', '.')}-${uuid}`
}
