import { PlatformError, limits, type Json } from '../../model/index.ts'
import { readJson } from '../governance-face.ts'
import type { JsonObject } from '../lambda/handler.ts'
import type { Face, TakenRequest } from '../pipeline.ts'
import { readQuery, type WireAnswer } from '../wire.ts'
import { toSignerAnswer } from './error-answer.ts'
import type { SignerHandlers } from './handler.ts'
import { signerBodyResource, signerResource } from './resource.ts'
import { resolveSignerRoute, type SignerRoute } from './operations-table.ts'

const MEDIA_TYPES =
  /^(?:application\/(?:json|x-amz-json-1\.[01]|octet-stream))(?:; ?charset=utf-8)?$/i

/** AWS Signer's API for one request: signed for the service `signer` and no other. */
export function signerFace(handlers: SignerHandlers): Face {
  let operation = ''
  return {
    name: 'signer',
    refuse: (error) => toSignerAnswer(error, operation),
    plan: (request) => {
      const route = resolveSignerRoute(request.method, request.path)
      if (route === undefined)
        throw new PlatformError('UNKNOWN_OPERATION', 'there is no such method and path in this API')
      operation = route.operation
      return {
        operation,
        services: ['signer'],
        action: `signer:${operation}`,
        resource: signerResource(operation, route.path),
        changing: route.changing,
        limitBytes: limits.JSON_BODY_LIMIT_BYTES,
        tooLarge: () => new PlatformError('REQUEST_TOO_LARGE', 'the request body is too large'),
        inMemory: false,
        mediaTypes: MEDIA_TYPES,
        run: (taken) => run(handlers, route, { taken, query: request.query }),
      }
    },
  }
}

async function run(
  handlers: SignerHandlers,
  route: SignerRoute,
  { taken, query }: { readonly taken: TakenRequest; readonly query: string },
): Promise<WireAnswer> {
  const handler = handlers[route.operation]
  if (handler === undefined)
    throw new PlatformError('NOT_BUILT', `${route.operation} is not built in this version`)
  const json = toObject(readJson(taken))
  const named = signerBodyResource(route.operation, json)
  if (named !== undefined) await taken.authorize(named)
  const { body = {}, decision } = await handler({
    caller: taken.caller,
    path: route.path,
    query: readQuery(query),
    json,
  })
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      ...(decision === undefined ? {} : { 'x-lacre-decision-id': decision.id }),
    },
    body: JSON.stringify(body),
  }
}

function toObject(json: Json | undefined): JsonObject {
  if (json === undefined) return {}
  if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json as JsonObject
  throw new PlatformError('INVALID_REQUEST_CONTENT', 'the body must be a JSON object')
}
