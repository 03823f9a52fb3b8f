import { Type } from 'typebox'

import type { Json } from '../../model/index.ts'
import { route, type Route } from './route.ts'
import { Nothing } from './schemas.ts'

/** The document that describes the routes given, at `/api/v1/openapi.json`. */
export function openApiRoute(routes: readonly Route[]): Route {
  const document = openApiDocument(routes)
  return route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    params: Nothing,
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Unknown(),
    handle: () => Promise.resolve({ body: document }),
  })
}

/** OpenAPI 3.1 from the very schemas that requests are read with: JSON Schema needs no conversion there. */
function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const one of routes) {
    const path = `/api/v1${one.path.replaceAll(/:([a-zA-Z0-9]+)/g, '{$1}')}`
    paths[path] = { ...paths[path], [one.method.toLowerCase()]: operation(one) }
  }
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Lacre governance API',
      version: '1',
      description:
        'Requests are signed with AWS Signature Version 4 (service `lambda`). Answers of governed changes carry `x-lacre-decision-id`.',
    },
    paths: { ...paths, '/api/v1/artifacts/{sha256}': artifactPath() },
  }
  // Schemas carry non-enumerable marks of their library; a plain copy has none.
  return JSON.parse(JSON.stringify(document)) as Json
}

/** Its bodies are bytes: it is no route with schemas, and served beside them. */
function artifactPath(): Record<string, unknown> {
  const digest = { type: 'string', pattern: '^[0-9a-f]{64}$' }
  const inPath = { name: 'sha256', in: 'path', required: true, schema: digest }
  const inQuery = ['Expires', 'Signature'].map((name) => ({
    name,
    in: 'query',
    required: true,
    schema: { type: 'string' },
  }))
  const bytes = { content: { 'application/octet-stream': {} } }
  const stored = {
    description: 'There now, or already',
    content: {
      'application/json': {
        schema: Type.Object({ sha256: Type.String(), sizeBytes: Type.Integer() }),
      },
    },
  }
  const refused = { description: 'Refused or not possible; `x-amzn-errortype` names the reason' }
  return {
    put: {
      summary:
        'A zip above what a Lambda request can carry; believed by nobody until it is deployed',
      parameters: [inPath],
      requestBody: { required: true, ...bytes },
      responses: { '200': stored, '201': stored, default: refused },
    },
    get: {
      summary: 'The bytes as uploaded, by a link that this service gave; signed by its query alone',
      parameters: [inPath, ...inQuery],
      responses: { '200': { description: 'The bytes', ...bytes }, default: refused },
    },
  }
}

function operation(one: Route): Record<string, unknown> {
  const parameters = [
    ...members(one.params).map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
    ...members(one.query).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
  ]
  const hasBody = one.method !== 'GET' && members(one.body).length > 0
  return {
    summary: one.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(one.rawBody !== undefined && {
      requestBody: { required: true, content: { [one.rawBody]: {} } },
    }),
    ...(hasBody
      ? { requestBody: { required: true, content: { 'application/json': { schema: one.body } } } }
      : {}),
    responses: {
      [String(one.status)]: {
        description: one.summary,
        content:
          one.answerType === undefined
            ? { 'application/json': { schema: one.answer } }
            : { [one.answerType]: {} },
      },
      default: { description: 'Refused or not possible; `x-amzn-errortype` names the reason' },
    },
  }
}

function members(schema: unknown): [string, unknown][] {
  const { properties } = schema as { properties?: Record<string, unknown> }
  return Object.entries(properties ?? {})
}
