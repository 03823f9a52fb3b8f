import type { SignedRequest } from '../auth/index.ts'
import { PlatformError, limits, parseSha256, parseStrictJson, type Json } from '../model/index.ts'

import { toGovernanceAnswer } from './error-answer.ts'
import {
  routeAction,
  routeBodyResource,
  type GovernanceAnswer,
  type Route,
} from './governance/index.ts'
import type { Edge, Face, Plan, TakenRequest } from './pipeline.ts'
import { readQuery, type WireAnswer } from './wire.ts'

type FileAnswer = GovernanceAnswer['file']

/** Signatures for our own API; `lambda` too, so that one tool can sign for both. */
const SERVICES = ['lacre', 'lambda']
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i
const BINARY_TYPE = /^application\/(?:octet-stream|zip)$/i

/** One route of `/api/v1` as a face: the path was matched by the server, all else is the same way in. */
export function governanceFace(route: Route, params: unknown): Face {
  return ownFace((request) => ({
    ...ownPlan(operationOf(route), request.method, params),
    limitBytes: route.bodyLimitBytes ?? limits.JSON_BODY_LIMIT_BYTES,
    mediaTypes: route.rawBody === undefined ? JSON_TYPE : rawType(route.rawBody),
    run: async (taken) => {
      const json = route.rawBody === undefined ? readJson(taken) : undefined
      const body = route.rawBody === undefined ? json : readBytes(taken)
      const named =
        route.rawBody === undefined ? routeBodyResource(operationOf(route), json) : undefined
      if (named !== undefined) await taken.authorize(named)
      const answer = await route.handle({
        caller: taken.caller,
        params,
        query: readQuery(request.query),
        body,
      })
      if (answer.file !== undefined) return toFile(route, answer.file)
      const decision = answer.decision?.id
      return {
        status: answer.status,
        headers: {
          'content-type': 'application/json',
          ...(decision === undefined ? {} : { 'x-lacre-decision-id': decision }),
        },
        body: JSON.stringify(answer.body),
      }
    },
  }))
}

function toFile(route: Route, { sizeBytes, name, stream }: NonNullable<FileAnswer>): WireAnswer {
  return {
    status: route.status,
    headers: {
      'content-type': route.answerType ?? 'application/octet-stream',
      'content-length': String(sizeBytes),
      'content-disposition': `attachment; filename="${name}"`,
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
    },
    stream,
  }
}

/**
 * `PUT /api/v1/artifacts/{sha256}`: a zip above what Lambda's own request can carry (CONTRACTS "Artifact"), raw and
 * idempotent. It is stored as sent and believed by nobody: a deployment that names it opens and judges it.
 */
export function artifactFace(edge: Pick<Edge, 'blobs'>, sha256: string): Face {
  return ownFace((request) => ({
    ...ownPlan('PUT /artifacts/:sha256', request.method, { sha256 }),
    limitBytes: limits.ARTIFACT_LIMIT_BYTES,
    mediaTypes: BINARY_TYPE,
    run: (taken) => stageArtifact(edge, taken, sha256),
  }))
}

/** What is asked for and not there. */
export const unknownRouteFace: Face = {
  name: 'governance',
  refuse: toGovernanceAnswer,
  plan: () => {
    throw new PlatformError('UNKNOWN_OPERATION', 'there is no such method and path in this API')
  },
}

/** A face of our own APIs, by how it plans. */
export function ownFace(plan: (request: SignedRequest) => Plan): Face {
  return {
    name: 'governance',
    refuse: toGovernanceAnswer,
    plan: (request) => {
      // SigV4 signs the normalized path, the server matched the one that came: they must be the same.
      if (/\/(?:\.{0,2})(?:\/|$)/.test(request.path))
        throw new PlatformError('INVALID_PARAMETER', 'the path has empty or dot segments')
      return plan(request)
    },
  }
}

function operationOf(route: Route): string {
  return `${route.method} ${route.path}`
}

/** What requests of our own APIs have in common. */
export function ownPlan(
  operation: string,
  method: string,
  params: unknown,
): Omit<Plan, 'limitBytes' | 'mediaTypes' | 'run'> {
  return {
    operation,
    services: SERVICES,
    ...routeAction(operation, params),
    changing: method !== 'GET',
    tooLarge: () => new PlatformError('REQUEST_TOO_LARGE', 'the request body is too large'),
    inMemory: false,
  }
}

/** Its own media type, JSON, or bytes that say nothing of what they are. */
function rawType(type: string): RegExp {
  const own = type.replaceAll(/[.+]/g, String.raw`\$&`)
  return new RegExp(`^(?:${own}|application/json|application/octet-stream)(?:;.*)?$`, 'i')
}

function readBytes(taken: Pick<TakenRequest, 'body'>): Uint8Array {
  return taken.body.sizeBytes === 0 ? new Uint8Array() : readAll(taken.body)
}

/** @throws PlatformError INVALID_REQUEST_CONTENT */
export function readJson(taken: Pick<TakenRequest, 'body'>): Json | undefined {
  const { body } = taken
  if (body.sizeBytes === 0) return undefined
  return parseStrictJson(readAll(body))
}

function readAll(body: TakenRequest['body']): Uint8Array {
  if (body.file === undefined) return body.bytes()
  using source = body.file.source()
  // A megabyte, or the route's own limit.
  return source.read(0, source.sizeBytes)
}

async function stageArtifact(
  edge: Pick<Edge, 'blobs'>,
  taken: TakenRequest,
  text: string,
): Promise<WireAnswer> {
  const expected = parseSha256(text)
  const { body } = taken
  if (body.sha256 !== expected) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `the body hashes to \`${body.sha256}\`, not to the digest in the path`,
    )
  }
  if (body.sizeBytes === 0) throw new PlatformError('INVALID_PARAMETER', 'the body is empty')
  const known = edge.blobs.openStaged(expected)
  known?.[Symbol.dispose]()
  if (known === undefined) await stage(edge, body, expected)
  return {
    status: known === undefined ? 201 : 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sha256: expected, sizeBytes: body.sizeBytes }),
  }
}

async function stage(
  edge: Pick<Edge, 'blobs'>,
  body: TakenRequest['body'],
  digest: ReturnType<typeof parseSha256>,
): Promise<void> {
  if (body.file !== undefined) return await edge.blobs.stage(body.file, digest)
  await using temp = await edge.blobs.createTemp()
  await temp.write(body.bytes())
  await edge.blobs.stage(temp, digest)
}
