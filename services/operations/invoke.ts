import { LATEST, PlatformError, limits } from '../model/index.ts'
import { isSwitchedOff, reservedUsedUp, type AnswerSink } from '../runtime/index.ts'
import type { Caller, Deps } from './context.ts'
import { functionNotFound, locateFunction, type FunctionAsked } from './function-reference.ts'

export interface InvokeInput extends FunctionAsked {
  readonly invocationType: 'RequestResponse' | 'DryRun' | 'Event'
  /** UTF-8 JSON or nothing: the edge has looked. */
  readonly payload: Uint8Array
  /** JSON. */
  readonly clientContext?: string | undefined
  readonly traceId?: string | undefined
  /** The last 4 KB of the log are wanted. */
  readonly tail: boolean
  /** Takes an answer that the function streams as it comes; without one it is gathered. */
  readonly receiver?: AnswerReceiver | undefined
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal
  /** Told of the function's run, which goes on where the caller has gone. */
  readonly onRun?: ((run: Promise<unknown>) => void) | undefined
}

/** Where a streamed answer goes, piece by piece. */
export interface AnswerReceiver {
  /** Called once, before the first piece. */
  begin(start: AnswerStart): void
  /** Resolves when the next piece may come: until then the function's own writes wait. */
  write(piece: Uint8Array): Promise<void>
}

/** What is known when the first byte comes. */
export interface AnswerStart {
  readonly contentType: string | undefined
  readonly executedVersion: string
  readonly decisionId: string
}

export interface InvokeAnswer {
  readonly status: 200 | 202 | 204
  readonly payload: Uint8Array
  readonly functionError: boolean
  /** Of an answer that the function streamed. */
  readonly contentType?: string | undefined
  /** Where it was asked for. */
  readonly logTail?: Uint8Array | undefined
  readonly executedVersion?: string | undefined
  /** The decision that admitted what ran. */
  readonly decisionId?: string | undefined
}

const EMPTY = new Uint8Array()
/** AWS documents 6 MB; its hard limit is 6 MiB + 100, and 1 MiB for what is queued (SPEC A4). */
const PAYLOAD_LIMIT_BYTES = {
  RequestResponse: limits.INVOKE_PAYLOAD_LIMIT_BYTES,
  DryRun: limits.INVOKE_PAYLOAD_LIMIT_BYTES,
  Event: limits.EVENT_PAYLOAD_LIMIT_BYTES,
} as const

/**
 * Resolves the qualifier once, stamps what it found on the call and runs exactly that. Memory only up to the runtime:
 * no database, no signature, no policy (DESIGN §8).
 * @throws PlatformError FUNCTION_NOT_FOUND, FUNCTION_NOT_READY, REQUEST_TOO_LARGE, TOO_MANY_REQUESTS; for an
 * event OUT_OF_SPACE, UNAVAILABLE
 */
export async function invoke(
  deps: Deps,
  caller: Caller,
  input: InvokeInput,
): Promise<InvokeAnswer> {
  const { name, qualifier } = locateFunction(deps.place, input)
  const limit = PAYLOAD_LIMIT_BYTES[input.invocationType]
  if (input.payload.byteLength > limit) {
    throw new PlatformError(
      'REQUEST_TOO_LARGE',
      `${input.payload.byteLength} byte payload is too large for the ${input.invocationType} invocation type (limit ${limit} bytes)`,
      { detail: { awsType: 'RequestTooLargeException' } },
    )
  }
  const target = resolve(deps, name, qualifier)
  if (input.invocationType === 'Event')
    return await accept(deps, caller, { target, qualifier, input })
  if (input.invocationType === 'DryRun')
    return { status: 204, payload: EMPTY, functionError: false, decisionId: target.spec.decisionId }
  const { concurrency } = target
  if (concurrency !== undefined && isSwitchedOff(target.executedVersion, concurrency)) {
    deps.metrics.throttle(name)
    throw reservedUsedUp()
  }
  const payload = input.payload.byteLength === 0 ? EMPTY_EVENT : input.payload
  const run = async (found: InvokeTarget): Promise<InvokeAnswer> => {
    const outcome = await runTraced(deps, found, {
      requestId: caller.requestId,
      payload,
      invokedArn: found.invokedArn,
      ...(input.clientContext === undefined ? {} : { clientContext: input.clientContext }),
      ...(input.traceId === undefined ? {} : { traceId: input.traceId }),
      tail: input.tail,
      concurrency: found.concurrency,
      answer: sinkFor(input.receiver, found),
      signal: input.signal,
      onRun: input.onRun,
    })
    return {
      status: 200,
      payload: outcome.payload,
      functionError: outcome.functionError,
      contentType: outcome.contentType,
      logTail: input.tail ? outcome.logTail : undefined,
      executedVersion: found.executedVersion,
      decisionId: found.spec.decisionId,
    }
  }
  try {
    return await run(target)
  } catch (error) {
    // Its release was taken out of use while it waited for an environment: what the name means now runs, or is refused.
    const isOver = deps.live.generation(name) !== target.generation
    if (isOver && isNotBegun(error)) return await run(resolve(deps, name, qualifier))
    throw error
  }
}

/** The call with its lease and its function below it, where somebody watches. */
async function runTraced(
  deps: Deps,
  target: InvokeTarget,
  call: Parameters<typeof runTarget>[2],
): ReturnType<typeof runTarget> {
  const { tracer } = deps
  if (tracer === undefined) return await runTarget(deps, target, call)
  const { functionName, version, decisionId } = target.spec
  const attributes = {
    'faas.name': functionName,
    'faas.version': version,
    'faas.invocation_id': call.requestId,
    'lacre.decision_id': decisionId,
  }
  return await tracer.span('invoke', { attributes }, async (span) => {
    const outcome = await runTarget(deps, target, call)
    span.set({ 'lacre.function_error': outcome.functionError })
    return outcome
  })
}

/** It waited for an environment, and got none because its version was retired. */
export function isNotBegun(error: unknown): boolean {
  return error instanceof PlatformError && error.detail['notBegun'] === true
}

/** What ran is known before its first byte. */
function sinkFor(
  receiver: AnswerReceiver | undefined,
  { executedVersion, spec: { decisionId } }: InvokeTarget,
): AnswerSink | undefined {
  if (receiver === undefined) return undefined
  return {
    begin: (contentType) => receiver.begin({ contentType, executedVersion, decisionId }),
    write: (piece) => receiver.write(piece),
  }
}

/** AWS hands a function that was called without a payload an empty object. */
const EMPTY_EVENT = new TextEncoder().encode('{}')

/** What is on the disk is acknowledged, and nothing else (promise P3). It is resolved again when it is run. */
async function accept(
  deps: Deps,
  caller: Caller,
  asked: {
    readonly target: InvokeTarget
    readonly qualifier: string | undefined
    readonly input: InvokeInput
  },
): Promise<InvokeAnswer> {
  const { target, qualifier, input } = asked
  const payload = input.payload.byteLength === 0 ? EMPTY_EVENT : input.payload
  await deps.events.accept({
    id: caller.requestId,
    functionId: target.spec.functionId,
    functionName: target.spec.functionName,
    qualifier,
    payload: Buffer.from(payload).toString('utf8'),
    clientContext: input.clientContext,
    traceId: input.traceId,
    acceptedAtMs: deps.clock.nowMs(),
    hops: 0,
  })
  return { status: 202, payload: EMPTY, functionError: false }
}

/** What a call is to run. */
export type InvokeTarget = Extract<ReturnType<Deps['live']['resolve']>, { kind: 'found' }>

function resolve(deps: Deps, name: string, qualifier: string | undefined): InvokeTarget {
  const found = deps.live.resolve(name, qualifier, deps.random.fraction())
  switch (found.kind) {
    case 'found':
      return found
    case 'not-found':
      // Recorded: unqualified, AWS names `$LATEST`.
      throw functionNotFound(deps.place, name, qualifier ?? LATEST)
    case 'held':
      throw held(found.arn)
    case 'closed':
      throw notReachable(found.arn, found.target)
    case 'refused':
      throw refused(found.arn, found.version)
    case 'pending':
      throw notReady('Pending', found.arn)
    case 'failed':
      throw notReady('Failed', found.arn, found.reason)
  }
}

/** RULES §6: a function that is reached by its aliases alone. */
function notReachable(arn: string, target: string): PlatformError {
  const what = target === LATEST ? '$LATEST' : `version ${target}`
  return new PlatformError(
    'POLICY_DENIED',
    `${what} of this function is not invoked by name: its reach is \`aliases\`. Invoke an alias, or have \`${target}\` listed (\`lacre stage reach\`).`,
    { detail: { functionArn: arn } },
  )
}

/** By every name: what an alias refuses is not reached by another one (RULES §6). */
function refused(arn: string, version: string): PlatformError {
  return new PlatformError('POLICY_DENIED', refusedMessage(version), {
    detail: { functionArn: arn },
  })
}

export function refusedMessage(version: string): string {
  return `version ${version} of this function is refused: it violates the rules in force (\`lacre reaction show\` says which). Move to a compliant version, or have the refusal lifted (\`lacre reaction lift\`).`
}

/** RULES §6: after a new beginning of the ledger every alias is judged before the first invocation. */
function held(arn: string): PlatformError {
  return new PlatformError(
    'POLICY_DENIED',
    'nothing is invoked now: the ledger was begun anew, and what is live has not been judged since. An administrator releases it (`lacre ledger release`).',
    { detail: { functionArn: arn } },
  )
}

/** AWS's sentence for invoking what is not active; for a failed one with its reason (promise P6). */
function notReady(state: string, arn: string, reason?: string): PlatformError {
  const why = reason === undefined ? '' : `. ${reason}`
  return new PlatformError(
    'FUNCTION_NOT_READY',
    `The operation cannot be performed at this time. The function is currently in the following state: ${state}${why}`,
    { detail: { functionArn: arn } },
  )
}

/** Runs what was resolved; counts what was refused for want of a place. @throws PlatformError what the runtime throws */
export async function runTarget(
  deps: Deps,
  target: InvokeTarget,
  call: Parameters<Deps['runtime']['invoke']>[1],
): Promise<Awaited<ReturnType<Deps['runtime']['invoke']>>> {
  try {
    return await deps.runtime.invoke(target.spec, call)
  } catch (error) {
    const throttled = error instanceof PlatformError && error.code === 'TOO_MANY_REQUESTS'
    if (throttled) deps.metrics.throttle(target.spec.functionName)
    throw error
  }
}
