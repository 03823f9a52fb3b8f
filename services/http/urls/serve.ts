import type { Admission, Authenticator, SignedRequest } from '../../auth/index.ts'
import type { LiveUrl } from '../../live/index.ts'
import {
  LATEST,
  PlatformError,
  anonymousPrincipal,
  functionRef,
  limits,
} from '../../model/index.ts'
import {
  invoke,
  judgeUrlAccess,
  type Caller,
  type Deps,
  type InvokeInput,
} from '../../operations/index.ts'
import { patiently, type Admission as Door } from '../admission.ts'
import { takeBody } from '../body-intake.ts'
import { ClientGone } from '../client-gone.ts'
import { toPlatformError } from '../error-answer.ts'
import type { IntakeBudget } from '../intake-budget.ts'
import type { EdgeMetrics } from '../metrics.ts'
import { declaresBody, readRequest, sendAnswer, type Exchange } from '../wire.ts'

import { readAddress, type UrlAddress } from './address.ts'
import { clientOf, hostOf, type Trust } from './client.ts'
import { answerHeaders, preflightHeaders, readPreflight } from './cors.ts'
import { toEvent, type UrlSigner } from './event.ts'
import { isFramedOnce } from './fields.ts'
import { UrlRefusal, toUrlAnswer } from './refusals.ts'
import { sendResult, type Reply } from './send.ts'
import { MalformedAnswer } from './answer.ts'

/** What the listener of function URLs works with. */
export interface UrlEdge {
  readonly deps: Deps
  readonly authenticator: Authenticator
  readonly metrics: EdgeMetrics
  readonly budget: IntakeBudget
  readonly door: Door
  readonly bodyIdleMs: number
  readonly served: { readonly region: string; readonly hostname: string }
  readonly trust: Trust
  /** Audiences of bearer tokens for our own APIs. */
  readonly audiences: readonly string[]
}

/** One request of a function URL, from its first byte to the last of its answer. */
export async function serveUrl(edge: UrlEdge, exchange: Exchange): Promise<void> {
  const { clock, log } = edge.deps
  const startedMs = clock.monotonicMs()
  const gone = new AbortController()
  exchange.res.on('close', () => {
    if (!exchange.res.writableFinished) gone.abort(new ClientGone('the client went away'))
  })
  const reply: Reply = { exchange, idleMs: edge.bodyIdleMs, headers: {}, cors: false, prefix: '' }
  const place = edge.door.placeOf(exchange.req)
  place?.keep()
  try {
    await answer(edge, reply, gone.signal)
  } catch (error) {
    if (error instanceof ClientGone) exchange.req.destroy()
    else refuse(edge, reply, error)
  } finally {
    place?.leave()
    const durationMs = clock.monotonicMs() - startedMs
    const { requestId, res } = exchange
    const status = res.headersSent ? res.statusCode : 0
    edge.metrics.request('url', { operation: 'InvokeFunctionUrl', status, durationMs })
    log.debug({ requestId, status, durationMs }, 'function URL answered')
  }
}

async function answer(edge: UrlEdge, reply: Reply, signal: AbortSignal): Promise<void> {
  const { deps } = edge
  const { req, requestId } = reply.exchange
  const request = readRequest(req)
  if (!isFramedOnce(request.headers))
    throw new PlatformError('INVALID_PARAMETER', 'the request can be read in more than one way')
  const address = readAddress({ host: hostOf(req, edge.trust), target: req.url ?? '' }, edge.served)
  if (address === undefined)
    throw new PlatformError('UNKNOWN_OPERATION', 'no function URL has this address')
  const url = deps.live.findUrl(address.id)
  if (url === undefined) throw new UrlRefusal('unknown')
  reply.prefix = address.prefix
  reply.cors = url.cors !== undefined
  reply.headers = answerHeaders(url.cors, req.headers.origin)
  const preflight = url.cors && readPreflight(request.method, request.headers)
  if (url.cors !== undefined && preflight !== undefined) {
    const headers = preflightHeaders(url.cors, preflight)
    return sendAnswer(reply.exchange, { status: 200, headers })
  }
  const admission = await admit(edge, url, request)
  const place = edge.door.placeOf(req)
  if (admission !== undefined) place?.prove(admission.principal.id)
  const traceId = newTraceId(deps)
  const taking = takeEvent(edge, reply, { address, request, admission, traceId })
  const payload = await patiently(place, taking)
  await place?.again()
  const caller: Caller = { principal: admission?.principal ?? anonymousPrincipal, requestId }
  const input: InvokeInput = {
    functionName: url.functionName,
    ...(url.qualifier === LATEST ? {} : { qualifier: url.qualifier }),
    invocationType: 'RequestResponse',
    payload,
    traceId,
    tail: false,
    signal,
    onRun: (run) => place?.during(run),
  }
  reply.headers = { ...reply.headers, 'x-amzn-trace-id': traceId }
  await sendResult(reply, url.invokeMode, (receiver) =>
    invoke(deps, caller, receiver === undefined ? input : { ...input, receiver }).finally(() =>
      place?.leave(),
    ),
  )
}

/**
 * NONE: whom the resource policy lets in. AWS_IAM: whoever signed as one who may invoke URLs, unless the policy denies.
 * @throws UrlRefusal, PlatformError what the authenticator throws
 */
async function admit(
  edge: UrlEdge,
  url: LiveUrl,
  request: SignedRequest,
): Promise<Admission | undefined> {
  const { place } = edge.deps
  const { authType, statements } = url
  if (authType === 'NONE') {
    const caller = { kind: 'anyone' } as const
    if (judgeUrlAccess({ place, authType, caller, statements }) !== 'allow')
      throw new UrlRefusal('forbidden')
    return undefined
  }
  const action = 'lambda:InvokeFunctionUrl'
  const resource = functionRef(url.functionName, url.qualifier)
  const expectation = { services: ['lambda'], action, resource, changing: false }
  const admission = await edge.authenticator.begin(request, expectation)
  const caller = { kind: 'user', name: admission.principal.name } as const
  if (judgeUrlAccess({ place, authType, caller, statements }) === 'deny')
    throw new UrlRefusal('forbidden')
  return admission
}

async function finish(
  admission: Admission | undefined,
  bodySha256: string,
): Promise<UrlSigner | undefined> {
  if (admission === undefined) return undefined
  const { id, name } = await admission.finish(bodySha256)
  // Who came with a token has no access key.
  return { accessKeyId: admission.accessKeyId ?? id, principalId: id, name }
}

interface EventParts {
  readonly address: UrlAddress
  readonly request: SignedRequest
  readonly admission: Admission | undefined
  readonly traceId: string
}

/** The request with its body as an event. @throws PlatformError REQUEST_TOO_LARGE: what base64 and names add counts */
async function takeEvent(
  edge: UrlEdge,
  { exchange: { req, requestId } }: Reply,
  { address, request, admission, traceId }: EventParts,
): Promise<Uint8Array> {
  await using body = await takeBody(req, {
    budget: edge.budget,
    limitBytes: limits.INVOKE_PAYLOAD_LIMIT_BYTES,
    tooLarge,
    createTemp: undefined,
    idleMs: edge.bodyIdleMs,
    declaredBytes: declaresBody(req) ? Number(req.headers['content-length'] ?? 0) : 0,
  })
  const event = toEvent({
    address,
    method: request.method,
    fields: request.headers,
    body: body.bytes(),
    signer: await finish(admission, body.sha256),
    traceId,
    httpVersion: req.httpVersion,
    requestId,
    atMs: edge.deps.clock.nowMs(),
    client: clientOf(req, edge.trust),
    audiences: edge.audiences,
    account: edge.deps.place.account,
  })
  const payload = Buffer.from(JSON.stringify(event))
  if (payload.byteLength > limits.INVOKE_PAYLOAD_LIMIT_BYTES) throw tooLarge()
  return payload
}

function tooLarge(): PlatformError {
  return new PlatformError(
    'REQUEST_TOO_LARGE',
    `Request must be smaller than ${limits.INVOKE_PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation`,
  )
}

/** AWS's form: seconds and 96 random bits. */
function newTraceId({ clock, random }: Pick<Deps, 'clock' | 'random'>): string {
  const seconds = Math.floor(clock.nowMs() / 1_000)
    .toString(16)
    .padStart(8, '0')
  return `Root=1-${seconds}-${Buffer.from(random.bytes(12)).toString('hex')}`
}

function refuse(edge: UrlEdge, reply: Reply, thrown: unknown): void {
  const { log } = edge.deps
  const { requestId } = reply.exchange
  const error =
    thrown instanceof MalformedAnswer
      ? new UrlRefusal('failed', thrown)
      : thrown instanceof UrlRefusal
        ? thrown
        : toPlatformError(thrown)
  const answered = toUrlAnswer(error)
  const facts = { requestId, status: answered.status, reason: error.message, cause: error.cause }
  if (
    error instanceof PlatformError &&
    answered.status >= 500 &&
    error.code !== 'FUNCTION_NOT_READY'
  )
    log.error({ ...facts, err: error }, 'function URL failed')
  else log.info(facts, 'function URL refused')
  if (error instanceof PlatformError && answered.status === 403)
    edge.metrics.authenticationFailure(error.code)
  sendAnswer(reply.exchange, { ...answered, headers: { ...reply.headers, ...answered.headers } })
}
