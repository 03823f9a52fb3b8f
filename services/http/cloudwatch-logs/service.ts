import type { IncomingMessage } from 'node:http'

import { EVERYTHING, PlatformError, limits, type Json } from '../../model/index.ts'
import { awsErrorOf, toGovernanceAnswer } from '../error-answer.ts'
import { readJson } from '../governance-face.ts'
import type { Face, Plan, TakenRequest } from '../pipeline.ts'
import type { WireAnswer } from '../wire.ts'
import type { JsonObject } from '../lambda/handler.ts'
import { groupAsked, groupRef, type LogsPlace } from './input.ts'

/** By AWS's operation name; the whole of what this service answers of that API. */
export type LogsHandlers = Readonly<Record<string, (json: JsonObject) => Promise<Json>>>

const TARGET = /^Logs_20140328\.([A-Za-z]{1,64})$/
const JSON_TYPE = /^application\/x-amz-json-1\.1(?:; ?charset=utf-8)?$/i

/** Whether a request is one of CloudWatch Logs: the path says nothing there. */
export function isLogsRequest({ headers, url }: IncomingMessage): boolean {
  const target = headers['x-amz-target']
  return url === '/' && typeof target === 'string' && target.startsWith('Logs_20140328.')
}

/** JSON 1.1: every operation is a POST to `/`, named by `X-Amz-Target`, signed for the service `logs`. */
export function logsFace(handlers: LogsHandlers, place: LogsPlace): Face {
  return {
    name: 'logs',
    refuse: toLogsAnswer,
    plan: ({ method, headers }) => {
      const targets = headers.filter(([name]) => name.toLowerCase() === 'x-amz-target')
      const operation = TARGET.exec(targets[0]?.[1] ?? '')?.[1] ?? ''
      const handler = Object.hasOwn(handlers, operation) ? handlers[operation] : undefined
      if (method !== 'POST' || targets.length !== 1 || handler === undefined)
        throw new PlatformError('UNKNOWN_OPERATION', 'this operation is not one of this service')
      return planOf(operation, place, handler)
    },
  }
}

function planOf(
  operation: string,
  place: LogsPlace,
  handler: (json: JsonObject) => Promise<Json>,
): Plan {
  const ofAll = operation === 'DescribeLogGroups'
  return {
    operation,
    services: ['logs'],
    action: `logs:${operation}`,
    // Which group stands in the body alone.
    resource: ofAll ? EVERYTHING : undefined,
    changing: false,
    limitBytes: limits.JSON_BODY_LIMIT_BYTES,
    tooLarge: () => new PlatformError('REQUEST_TOO_LARGE', 'the request body is too large'),
    inMemory: false,
    mediaTypes: JSON_TYPE,
    run: async (taken) => {
      const json = readObject(taken)
      if (!ofAll) await taken.authorize(groupRef(place, groupAsked(place, json)))
      return answerOf(await handler(json))
    },
  }
}

function readObject(taken: TakenRequest): JsonObject {
  const json = readJson(taken) ?? {}
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonObject
  throw new PlatformError('INVALID_REQUEST_CONTENT', 'the body is no JSON object')
}

function answerOf(body: Json): WireAnswer {
  const headers = { 'content-type': 'application/x-amz-json-1.1' }
  return { status: 200, headers, body: JSON.stringify(body) }
}

/** Those of our errors that the API has a name of its own for. */
const TYPES: Readonly<Record<string, { readonly status: number; readonly type: string }>> = {
  INVALID_PARAMETER: { status: 400, type: 'InvalidParameterException' },
  VALIDATION_FAILED: { status: 400, type: 'InvalidParameterException' },
  INVALID_REQUEST_CONTENT: { status: 400, type: 'SerializationException' },
  RESOURCE_NOT_FOUND: { status: 400, type: 'ResourceNotFoundException' },
  UNKNOWN_OPERATION: { status: 400, type: 'UnknownOperationException' },
  ACCESS_DENIED: { status: 400, type: 'AccessDeniedException' },
  UNAVAILABLE: { status: 503, type: 'ServiceUnavailableException' },
}

/** `{__type, message}`, as JSON 1.1 has errors. */
export function toLogsAnswer(error: PlatformError): WireAnswer {
  const general = awsErrorOf(error)
  const { status, type } = TYPES[error.code] ?? general
  // One place says what of a fault may be told, and when to come again.
  const { headers, body } = toGovernanceAnswer(error)
  const told = JSON.parse(String(body)) as { readonly error: { readonly message: string } }
  return {
    status,
    headers: { ...headers, 'content-type': 'application/x-amz-json-1.1', 'x-amzn-ErrorType': type },
    body: JSON.stringify({ __type: type, message: told.error.message }),
  }
}
