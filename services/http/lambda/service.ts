import type { SignedRequest } from '../../auth/index.ts'
import { PlatformError, limits, type Json } from '../../model/index.ts'
import { toAwsAnswer } from '../error-answer.ts'
import type { Edge, Face, Plan, TakenRequest } from '../pipeline.ts'
import { readQuery, type WireAnswer } from '../wire.ts'

import type { InvokeHandler, LambdaAnswer, LambdaHandler, LambdaHandlers } from './handler.ts'
import { checkInvokePayload } from './invoke-payload.ts'
import { readJsonBody } from './json-body.ts'
import { notBuiltSentence } from './not-built.ts'
import type { Operation } from './operations-table.ts'
import { lambdaBodyResource, lambdaResource } from './resource.ts'
import { resolveRoute, type Route } from './router.ts'

export interface LambdaServiceParts {
  readonly edge: Pick<Edge, 'blobs'>
  readonly handlers: LambdaHandlers
  readonly invoke: InvokeHandler | undefined
  /** TLS here, or at a proxy that is trusted to say so. */
  readonly tls: 'here' | 'by proxy' | 'none'
}

/** What SDKs and CLIs send; a payload may be called anything binary. */
const MEDIA_TYPES =
  /^(?:application\/(?:json|x-amz-json-1\.[01]|octet-stream)|binary\/octet-stream)(?:; ?charset=utf-8)?$/i

/** Lambda's API: from method and path to the operation, authenticated as service `lambda`. */
export function lambdaFace(parts: LambdaServiceParts): Face {
  return {
    name: 'lambda',
    refuse: toAwsAnswer,
    plan: (request) => {
      const route = resolveRoute(request.method, request.path, request.query)
      if (route === undefined) {
        throw new PlatformError(
          'UNKNOWN_OPERATION',
          `Unable to determine service/operation name to be authorized`,
        )
      }
      return toPlan(parts, request, route)
    },
  }
}

function toPlan(parts: LambdaServiceParts, request: SignedRequest, route: Route): Plan {
  const { operation } = route
  const limitBytes = bodyLimit(operation)
  return {
    operation: operation.name,
    services: ['lambda'],
    action: actionOf(operation),
    resource: lambdaResource(questionOf(request, route)),
    changing: operation.changing,
    limitBytes,
    tooLarge: () => tooLarge(operation, limitBytes),
    inMemory: operation.invocation,
    mediaTypes: MEDIA_TYPES,
    run: async (taken) => {
      if (INVOKING.has(operation.name) && parts.invoke !== undefined)
        return await runInvoke(parts.invoke, { request, route, taken })
      const handler = parts.handlers[operation.name]
      if (handler === undefined) throw notBuilt(operation)
      return await runHandler(parts, handler, { request, route, taken })
    },
  }
}

const INVOKING = new Set(['Invoke', 'InvokeWithResponseStream'])
/** AWS authorizes both as lambda:InvokeFunction. */
function actionOf({ name }: Operation): string {
  return `lambda:${INVOKING.has(name) ? 'InvokeFunction' : name}`
}

function questionOf({ query }: SignedRequest, { operation, path }: Route) {
  return { action: actionOf(operation), operation: operation.name, path, query }
}

interface Call {
  readonly request: SignedRequest
  readonly route: Route
  readonly taken: TakenRequest
}

async function runHandler(
  parts: LambdaServiceParts,
  handler: LambdaHandler,
  { request, route, taken }: Call,
): Promise<WireAnswer> {
  const createTemp = (): ReturnType<Edge['blobs']['createTemp']> => parts.edge.blobs.createTemp()
  const { json, zip } = await readJsonBody(taken.body, route.operation.zipMember, createTemp)
  try {
    const named = lambdaBodyResource(questionOf(request, route), json)
    if (named !== undefined) await taken.authorize(named)
    const answer = await handler({
      caller: taken.caller,
      path: route.path,
      query: readQuery(request.query),
      headers: lowerCaseHeaders(request),
      secure: isSecure(parts, request),
      json,
      zip,
      signal: taken.signal,
    })
    return toWire(answer)
  } finally {
    await zip?.[Symbol.asyncDispose]()
  }
}

function isSecure({ tls }: LambdaServiceParts, request: SignedRequest): boolean {
  return (
    tls === 'here' ||
    (tls === 'by proxy' && lowerCaseHeaders(request)['x-forwarded-proto'] === 'https')
  )
}

/** No schema, no file, no database here: the warm path (DESIGN §8). */
async function runInvoke(
  invoke: InvokeHandler,
  { request, route, taken }: Call,
): Promise<WireAnswer> {
  const headers = lowerCaseHeaders(request)
  const payload = taken.body.bytes()
  if (headers['x-amz-invocation-type'] !== 'DryRun') checkInvokePayload(payload)
  const qualifier = readQuery(request.query)['Qualifier']
  if (typeof qualifier === 'object')
    throw new PlatformError('INVALID_PARAMETER', '`Qualifier` came more than once')
  const answer = await invoke({
    functionName: route.path['FunctionName'] ?? '',
    qualifier,
    headers,
    payload,
    caller: taken.caller,
    streamed: route.operation.name === 'InvokeWithResponseStream',
    signal: taken.signal,
    onRun: taken.onRun,
  })
  const { status, headers: answered, stream } = answer
  if (stream !== undefined) return { status, headers: answered, stream }
  return { status, headers: answered, body: answer.payload }
}

function toWire(answer: LambdaAnswer): WireAnswer {
  if (answer.body === undefined) return { status: answer.status, headers: answer.headers ?? {} }
  const body: Json = answer.body
  return {
    status: answer.status,
    headers: { 'content-type': 'application/json', ...answer.headers },
    body: JSON.stringify(body),
  }
}

function lowerCaseHeaders(request: SignedRequest): Record<string, string | undefined> {
  return Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), value]))
}

function bodyLimit(operation: Operation): number {
  if (operation.invocation) return limits.INVOKE_PAYLOAD_LIMIT_BYTES
  return operation.zipMember === undefined
    ? limits.JSON_BODY_LIMIT_BYTES
    : limits.REQUEST_LIMIT_BYTES
}

/** AWS calls the same thing by two types, and Invoke by its action's name. */
function tooLarge(operation: Operation, limitBytes: number): PlatformError {
  const name = INVOKING.has(operation.name) ? 'InvokeFunction' : operation.name
  return new PlatformError(
    'REQUEST_TOO_LARGE',
    `Request must be smaller than ${limitBytes} bytes for the ${name} operation`,
    operation.invocation ? { detail: { awsType: 'RequestTooLargeException' } } : {},
  )
}

function notBuilt(operation: Operation): PlatformError {
  return new PlatformError('NOT_BUILT', notBuiltSentence(operation.name))
}
