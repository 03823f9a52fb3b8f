import { findFunction, findSetting } from '../catalog/index.ts'
import {
  DEFAULT_AGE_MS,
  DEFAULT_RETRIES,
  type Attempt,
  type EventRunner,
  type EventWork,
  type LeasedEvent,
  type Post,
  type Prepared,
  type Target,
  type Terms,
} from '../events/index.ts'
import {
  LATEST,
  PlatformError,
  functionArn,
  parseFunctionReference,
  toIsoTime,
} from '../model/index.ts'
import { postDocument, type AddressRules } from '../sources/index.ts'
import type { Deps } from './context.ts'
import { isNotBegun, refusedMessage, runTarget, type InvokeTarget } from './invoke.ts'

/** AWS: a chain of functions that hand on to each other ends after some 16 hops (SPEC A13). */
const HOPS_LIMIT = 16
const POST_TIMEOUT_MS = 10_000

/** How events are run, and messages posted. */
export function eventWork(deps: Deps, rules: AddressRules): EventWork {
  return { runner: eventRunner(deps), post: poster(rules) }
}

function eventRunner(deps: Deps): EventRunner {
  return {
    prepare: (event) => prepare(deps, event),
    room: (functionName) => {
      const found = deps.live.resolve(functionName, undefined, 0)
      const reserved = found.kind === 'found' ? found.concurrency?.reserved : undefined
      // One that is switched off is told so by its first event and every further one.
      return Math.max(1, reserved ?? Infinity)
    },
  }
}

type Resolved = ReturnType<Deps['live']['resolve']>

/** Alias and version are looked up, and the release stamped, anew at every try (RULES §6). */
async function prepare(deps: Deps, event: LeasedEvent): Promise<Prepared> {
  const resolved = deps.live.resolve(event.functionName, event.qualifier, deps.random.fraction())
  const terms = await termsOf(deps, event, resolved)
  const looped = event.hops > HOPS_LIMIT && !(await mayLoop(deps, event.functionId))
  return {
    terms,
    run: async (signal) => {
      if (looped) {
        deps.metrics.recursionDropped(event.functionName)
        const message = `it came through more than ${HOPS_LIMIT} destinations of functions`
        return { kind: 'given-up', condition: 'RecursiveLoop', status: 500, message }
      }
      return await attempt(deps, event, { resolved: asItIsNow(deps, event, resolved), signal })
    },
  }
}

/** Taken out of use since it was looked up, while its terms were read: what the name means now runs, or nothing. */
function asItIsNow(deps: Deps, event: LeasedEvent, resolved: Resolved): Resolved {
  if (resolved.kind !== 'found') return resolved
  if (deps.live.generation(event.functionName) === resolved.generation) return resolved
  return deps.live.resolve(event.functionName, event.qualifier, deps.random.fraction())
}

async function attempt(
  deps: Deps,
  event: LeasedEvent,
  { resolved, signal }: { readonly resolved: Resolved; readonly signal: AbortSignal },
): Promise<Attempt> {
  if (resolved.kind === 'not-found') return gone(resolved.arn)
  if (resolved.kind === 'refused') {
    const message = refusedMessage(resolved.version)
    return { kind: 'given-up', condition: 'Refused', status: 403, message }
  }
  if (resolved.kind !== 'found') {
    const message = `the function is \`${resolved.kind}\``
    return { kind: 'deferred', began: false, status: 500, message }
  }
  // A function that was created anew under the name is another one.
  if (resolved.spec.functionId !== event.functionId) return gone(resolved.invokedArn)
  if (resolved.concurrency?.reserved === 0) {
    deps.metrics.throttle(event.functionName)
    const message = 'the reserved concurrency of the function is 0'
    return { kind: 'given-up', condition: 'ZeroReservedConcurrency', status: 429, message }
  }
  return await runEvent(deps, event, { target: resolved, signal })
}

function gone(arn: string): Attempt {
  const message = `\`${arn}\` is not there any more`
  return { kind: 'given-up', condition: 'FunctionNotFound', status: 500, message }
}

async function runEvent(
  deps: Deps,
  event: LeasedEvent,
  { target, signal }: { readonly target: InvokeTarget; readonly signal: AbortSignal },
): Promise<Attempt> {
  try {
    const outcome = await runTarget(deps, target, {
      requestId: event.id,
      payload: Buffer.from(event.payload),
      invokedArn: target.invokedArn,
      ...(event.clientContext === undefined ? {} : { clientContext: event.clientContext }),
      traceId: traceOf(event),
      tail: false,
      attempt: event.attempts,
      concurrency: target.concurrency,
      signal,
    })
    const { payload, functionError } = outcome
    const { executedVersion } = target
    return { kind: 'ran', ran: { payload, functionError, executedVersion } }
  } catch (error) {
    if (signal.aborted) throw error
    const throttled = error instanceof PlatformError && error.code === 'TOO_MANY_REQUESTS'
    const began = !throttled && !isNotBegun(error)
    const message = error instanceof Error ? error.message : 'unknown'
    return { kind: 'deferred', began, status: throttled ? 429 : 500, message }
  }
}

/**
 * The caller's trace, or one made of the event's own id, the same at every try; with the number of the try, which a
 * function finds nowhere else.
 */
function traceOf(event: LeasedEvent): string {
  const seconds = Math.floor(event.acceptedAtMs / 1_000)
    .toString(16)
    .padStart(8, '0')
  const own = `Root=1-${seconds}-${event.id.replaceAll('-', '').slice(0, 24)};Sampled=0`
  return `${event.traceId ?? own};ApproximateInvokeCount=${event.attempts}`
}

interface EventInvokeDocument {
  readonly MaximumRetryAttempts?: number
  readonly MaximumEventAgeInSeconds?: number
  readonly DestinationConfig?: {
    readonly OnSuccess?: { readonly Destination?: string }
    readonly OnFailure?: { readonly Destination?: string }
  }
}

/** The event invoke config of the qualifier that was invoked, and the dead letter config of the version it means. */
async function termsOf(deps: Deps, event: LeasedEvent, resolved: Resolved): Promise<Terms> {
  const qualifier = event.qualifier ?? LATEST
  const key = { functionId: event.functionId, kind: 'event-invoke', qualifier } as const
  const setting = await findSetting(deps.store.reader, key)
  const config = (setting?.document ?? {}) as EventInvokeDocument
  const destinations = config.DestinationConfig
  const deadLetter = deadLetterOf(resolved)
  return {
    functionArn: functionArn(deps.place, event.functionName, qualifier),
    maxRetries: config.MaximumRetryAttempts ?? DEFAULT_RETRIES,
    maxAgeMs:
      config.MaximumEventAgeInSeconds === undefined
        ? DEFAULT_AGE_MS
        : config.MaximumEventAgeInSeconds * 1_000,
    onSuccess: await toTarget(deps, destinations?.OnSuccess?.Destination),
    onFailure: await toTarget(deps, destinations?.OnFailure?.Destination),
    deadLetter: deadLetter === undefined ? undefined : { kind: 'queue', arn: deadLetter },
  }
}

/** Of what is refused or cannot run, too: an event that is given up is not lost with it. */
function deadLetterOf(resolved: Resolved): string | undefined {
  switch (resolved.kind) {
    case 'found':
      return resolved.spec.deadLetterArn
    case 'not-found':
    case 'held':
      return undefined
    case 'closed':
    case 'refused':
    case 'pending':
    case 'failed':
      return resolved.deadLetterArn
  }
}

/** A function of this place is invoked; whatever else an ARN names is a queue of messages here. */
async function toTarget(deps: Deps, arn: string | undefined): Promise<Target | undefined> {
  if (arn === undefined || arn === '') return undefined
  if (arn.split(':')[2] !== 'lambda') return { kind: 'queue', arn }
  const reference = parseFunctionReference(arn)
  const here = reference?.account === deps.place.account && reference.region === deps.place.region
  const owner = here ? await findFunction(deps.store.reader, reference.name) : undefined
  if (owner === undefined) return { kind: 'queue', arn, unreachable: true }
  const { id: functionId, name: functionName } = owner
  return { kind: 'function', arn, functionId, functionName, qualifier: reference?.qualifier }
}

async function mayLoop(deps: Deps, functionId: string): Promise<boolean> {
  const key = { functionId, kind: 'recursion', qualifier: LATEST } as const
  const setting = await findSetting(deps.store.reader, key)
  return setting?.document['RecursiveLoop'] === 'Allow'
}

/** A message as JSON; its body as text, byte for byte. */
function poster(rules: AddressRules): Post {
  return async (url, message) => {
    const body = JSON.stringify({
      id: message.id,
      queue: message.queue,
      kind: message.kind,
      requestId: message.request_id,
      functionName: message.function_name,
      sentAt: toIsoTime(message.sent_at),
      attributes: JSON.parse(message.attributes) as unknown,
      body: message.body,
    })
    const headers = { 'content-type': 'application/json', 'x-lacre-message-id': message.id }
    await postDocument({ url, body, headers, timeoutMs: POST_TIMEOUT_MS }, rules)
  }
}
