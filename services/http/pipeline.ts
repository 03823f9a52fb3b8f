import type { Admission, Authenticator, SignedRequest } from '../auth/index.ts'
import {
  PlatformError,
  type Clock,
  type Random,
  type ResourceRef,
  type Tracer,
} from '../model/index.ts'
import type { Caller, Deps, Log } from '../operations/index.ts'

import { patiently, type Admission as Door, type Place } from './admission.ts'
import { TakenBody, takeBody } from './body-intake.ts'
import { ClientGone } from './client-gone.ts'
import { awsErrorOf, toPlatformError } from './error-answer.ts'
import type { IntakeBudget } from './intake-budget.ts'
import type { EdgeMetrics } from './metrics.ts'
import { readPlanHeader } from './plan-header.ts'
import {
  declaresBody,
  readRequest,
  sendAnswer,
  sendStream,
  type Exchange,
  type WireAnswer,
} from './wire.ts'

/** What the edge itself works with. */
export interface Edge {
  readonly authenticator: Authenticator
  readonly blobs: Pick<Deps['blobs'], 'createTemp' | 'stage' | 'openStaged'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: EdgeMetrics
  readonly budget: IntakeBudget
  readonly door: Door
  readonly bodyIdleMs: number
  /** Absent where nobody watches. */
  readonly tracer?: Tracer | undefined
}

/** A request whose caller and body are known. */
export interface TakenRequest {
  readonly caller: Caller
  readonly body: TakenBody
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
  /** Told of work that goes on where the client has gone: the request's place is kept for it. */
  readonly onRun: (run: Promise<unknown>) => void
  /** The action on what the body names, where the plan could not say. @throws PlatformError ACCESS_DENIED */
  authorize(resource: ResourceRef): Promise<void>
}

/** How one kind of request is taken in: found from its method and path, before anything else is believed. */
export interface Plan {
  /** For metrics and log: an operation's name, never a caller's text. */
  readonly operation: string
  readonly services: readonly string[]
  readonly action: string
  /** What it is done to; `undefined` where only the body says: `run` then authorizes once more. */
  readonly resource: ResourceRef | undefined
  readonly changing: boolean
  readonly limitBytes: number
  readonly tooLarge: () => PlatformError
  /** The body stays in memory whatever its size (Invoke). */
  readonly inMemory: boolean
  readonly mediaTypes: RegExp
  run(request: TakenRequest): Promise<WireAnswer>
}

/** One API: where its plans come from and how it words an error. */
export interface Face {
  readonly name: string
  /** @throws PlatformError UNKNOWN_OPERATION, INVALID_PARAMETER */
  plan(request: SignedRequest): Plan
  refuse(error: PlatformError): WireAnswer
}

/** Authenticate, authorize, size, body hash, then the operation (RULES §5): every signed request takes this way. */
export async function serve(edge: Edge, exchange: Exchange, face: Face): Promise<void> {
  const { tracer } = edge
  if (tracer === undefined) return void (await serveOnce(edge, exchange, face))
  const { method = '', headers } = exchange.req
  const attributes = { 'http.request.method': method, 'aws.request_id': exchange.requestId }
  const { traceparent } = headers
  const parent = typeof traceparent === 'string' ? traceparent : undefined
  await tracer.span(method, { kind: 'server', attributes, parent }, async (span) => {
    const { operation, status } = await serveOnce(edge, exchange, face)
    span.rename(`${face.name} ${operation}`)
    span.set({
      'rpc.service': face.name,
      'rpc.method': operation,
      ...(status > 0 && { 'http.response.status_code': status }),
    })
  })
}

/** @returns for which operation, and with which status; 0 where the client was gone */
async function serveOnce(
  edge: Edge,
  exchange: Exchange,
  face: Face,
): Promise<{ readonly operation: string; readonly status: number }> {
  const startedMs = edge.clock.monotonicMs()
  const seen = { operation: 'unknown', principal: undefined as string | undefined }
  const gone = new AbortController()
  exchange.res.on('close', () => {
    if (!exchange.res.writableFinished) gone.abort(new ClientGone('the client went away'))
  })
  let status = 0
  const place = edge.door.placeOf(exchange.req)
  place?.keep()
  try {
    const answer = await answerTo(edge, exchange, { face, seen, place, signal: gone.signal })
    status = answer.status
    // All that is left is to send it, or to pass on what a function still streams.
    place?.leave()
    await send(edge, exchange, answer)
  } catch (error) {
    if (error instanceof ClientGone) {
      exchange.req.destroy()
      return { operation: seen.operation, status }
    }
    status = refuse(edge, exchange, { face, seen, error })
  } finally {
    place?.leave()
    const durationMs = edge.clock.monotonicMs() - startedMs
    edge.metrics.request(face.name, { operation: seen.operation, status, durationMs })
    const { requestId } = exchange
    edge.log.debug({ requestId, ...seen, status, durationMs }, 'request answered')
  }
  return { operation: seen.operation, status }
}

async function send(edge: Edge, exchange: Exchange, answer: WireAnswer): Promise<void> {
  if (answer.stream === undefined) return sendAnswer(exchange, answer)
  const { res, requestId } = exchange
  res.writeHead(answer.status, { 'x-amzn-RequestId': requestId, ...answer.headers })
  await sendStream(res, answer.stream, edge.bodyIdleMs)
}

interface Seen {
  operation: string
  principal: string | undefined
}

async function answerTo(
  edge: Edge,
  exchange: Exchange,
  with_: { face: Face; seen: Seen; place: Place | undefined; signal: AbortSignal },
): Promise<WireAnswer> {
  const request = readRequest(exchange.req)
  const plan = with_.face.plan(request)
  with_.seen.operation = plan.operation
  const admission = await edge.authenticator.begin(request, plan)
  with_.seen.principal = admission.principal.id
  with_.place?.prove(admission.principal.id)
  checkEncoding(exchange, plan)
  await using body = await patiently(with_.place, intake(edge, exchange, plan))
  await with_.place?.again()
  const principal = await finish(admission, body)
  const { accessKeyId } = admission
  const { requestId } = exchange
  const caller = { principal, requestId, accessKeyId, ...readPlanHeader(request.headers) }
  const authorize = (resource: ResourceRef): Promise<void> => admission.authorize(resource)
  const onRun = (run: Promise<unknown>): void => with_.place?.during(run)
  return await plan.run({ caller, body, signal: with_.signal, onRun, authorize })
}

async function finish(admission: Admission, body: TakenBody): ReturnType<Admission['finish']> {
  return await admission.finish(body.sha256)
}

async function intake(edge: Edge, exchange: Exchange, plan: Plan): Promise<TakenBody> {
  const { req } = exchange
  if (!declaresBody(req)) return new TakenBody(edge.budget)
  const declared = req.headers['content-length']
  return await takeBody(req, {
    budget: edge.budget,
    limitBytes: plan.limitBytes,
    tooLarge: plan.tooLarge,
    createTemp: plan.inMemory ? undefined : () => edge.blobs.createTemp(),
    idleMs: edge.bodyIdleMs,
    declaredBytes: declared === undefined ? undefined : Number(declared),
  })
}

/**
 * Exactly the types expected, and nothing chosen by them: which schema holds is never the content type's affair
 * (fastify CVE-2025-32442 and its followers).
 */
function checkEncoding(exchange: Exchange, plan: Plan): void {
  const { headers } = exchange.req
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw new PlatformError('UNSUPPORTED_MEDIA_TYPE', 'a content encoding is not supported')
  const type = headers['content-type']
  if (type !== undefined && !plan.mediaTypes.test(type)) {
    throw new PlatformError(
      'UNSUPPORTED_MEDIA_TYPE',
      `the content type \`${type.slice(0, 80)}\` is not expected here`,
    )
  }
}

function refuse(
  edge: Edge,
  exchange: Exchange,
  with_: { face: Face; seen: Seen; error: unknown },
): number {
  const error = toPlatformError(with_.error)
  const { status } = awsErrorOf(error)
  const { requestId } = exchange
  const facts = { requestId, ...with_.seen, code: error.code, detail: error.detail, status }
  // Failed authentication leaves no ledger entry, a metric instead (RULES §6).
  if (with_.seen.principal === undefined) edge.metrics.authenticationFailure(error.code)
  if (status >= 500) edge.log.error({ ...facts, err: error, cause: error.cause }, 'request failed')
  else {
    const message = error.quotesSecret ? '[not logged]' : error.message
    edge.log.info({ ...facts, message }, 'request refused')
  }
  sendAnswer(exchange, with_.face.refuse(error))
  return status
}
