import { Type } from 'typebox'

import type { Publisher } from '../../catalog/index.ts'
import { PlatformError, toIsoTime, type Json, type Revocation } from '../../model/index.ts'
import {
  addPublisherVersion,
  cancelPublisherVersion,
  createPublisher,
  describePublisher,
  listPublishers,
  listRevocations,
  revoke,
  type Deps,
  type PublisherInput,
} from '../../operations/index.ts'
import { parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import {
  NameParams,
  NewPublisher,
  NewPublisherVersion,
  NewRevocation,
  Nothing,
  PublisherAnswer,
  RevocationAnswer,
  VersionParams,
} from './schemas.ts'

/** Whom to trust: create, add a version, cancel one; revoke, for good. */
export function publisherRoutes(deps: Deps): Route[] {
  return [...reads(deps), ...changes(deps), ...revocationRoutes(deps)]
}

function reads(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/publishers',
      summary: 'All publishers with their versions',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ publishers: Type.Array(PublisherAnswer) }),
      handle: async () => {
        const revoked = await revokedFrom(deps)
        const publishers = (await listPublishers(deps)).map((one) => toBody(one, revoked))
        return { body: { publishers } }
      },
    }),
    route({
      method: 'GET',
      path: '/publishers/:name',
      summary: 'One publisher with its versions',
      params: NameParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: PublisherAnswer,
      handle: async ({ params }) => {
        const publisher = await describePublisher(deps, params.name)
        return { body: toBody(publisher, await revokedFrom(deps)) }
      },
    }),
  ]
}

function changes(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/publishers',
      summary: 'A new publisher with its first version; its name is taken for ever',
      params: Nothing,
      query: Nothing,
      body: NewPublisher,
      status: 201,
      answer: PublisherAnswer,
      handle: async ({ caller, body }) => {
        const { name, ...given } = body
        const input = { name, publisher: toPublisherInput(given) }
        const { result, decision } = await createPublisher(deps, caller, input)
        return { body: toBody(result, await revokedFrom(deps)), decision }
      },
    }),
    route({
      method: 'POST',
      path: '/publishers/:name/versions',
      summary: 'A further, immutable version of a publisher',
      params: NameParams,
      query: Nothing,
      body: NewPublisherVersion,
      status: 201,
      answer: PublisherAnswer,
      handle: async ({ caller, params, body }) => {
        const input = { name: params.name, publisher: toPublisherInput(body) }
        const { result, decision } = await addPublisherVersion(deps, caller, input)
        return { body: toBody(result, await revokedFrom(deps)), decision }
      },
    }),
    route({
      method: 'POST',
      path: '/publishers/:name/versions/:version/cancel',
      summary: 'Ends a version without judging what it signed',
      params: VersionParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: PublisherAnswer,
      handle: async ({ caller, params }) => {
        const { result, decision } = await cancelPublisherVersion(deps, caller, params)
        return { body: toBody(result, await revokedFrom(deps)), decision }
      },
    }),
  ]
}

function revocationRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/revocations',
      summary:
        'Every revocation, oldest first; of two for one target the earlier effective time counts',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ revocations: Type.Array(RevocationAnswer) }),
      handle: async () => ({
        body: { revocations: (await listRevocations(deps)).map(revocationBody) },
      }),
    }),
    route({
      method: 'POST',
      path: '/revocations',
      summary: 'Revokes a publisher, a version, a certificate, a key or one seal; final',
      params: Nothing,
      query: Nothing,
      body: NewRevocation,
      status: 201,
      answer: Type.Object({ revocations: Type.Array(RevocationAnswer) }),
      handle: async ({ caller, body }) => {
        const { result, decision } = await revoke(deps, caller, {
          subject: body.target,
          effectiveAtMs:
            body.effectiveAt === undefined
              ? undefined
              : parseInstant('effectiveAt', body.effectiveAt),
          reason: body.reason,
        })
        return { body: { revocations: result.map(revocationBody) }, decision }
      },
    }),
  ]
}

interface GivenPublisher {
  readonly document?: unknown
  readonly pem?: string
  readonly [setting: string]: unknown
}

/** @throws PlatformError INVALID_PARAMETER */
export function toPublisherInput({ document, pem, ...settings }: GivenPublisher): PublisherInput {
  // The body was parsed as JSON: what is in it is Json.
  if (document !== undefined && pem === undefined && Object.keys(settings).length === 0) {
    return { document: document as Json }
  }
  if (document === undefined && pem !== undefined) {
    return { pem, settings: settings as Record<string, Json> }
  }
  throw new PlatformError(
    'INVALID_PARAMETER',
    'a publisher is given as `document` alone, or as `pem` with settings beside it',
  )
}

/** Publisher id, or ARN of a version → since when it is revoked. */
async function revokedFrom(deps: Deps): Promise<Revoked> {
  const from = new Map<string, number>()
  for (const one of await listRevocations(deps)) {
    if (one.targetKind !== 'publisher' && one.targetKind !== 'publisher-version') continue
    from.set(one.target, Math.min(one.effectiveAtMs, from.get(one.target) ?? Infinity))
  }
  return { from, nowMs: deps.clock.nowMs() }
}

interface Revoked {
  readonly from: ReadonlyMap<string, number>
  readonly nowMs: number
}

function toBody(publisher: Publisher, { from, nowMs }: Revoked): Json {
  const whole = from.get(publisher.id)
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : toIsoTime(ms))
  return {
    id: publisher.id,
    name: publisher.name,
    kind: publisher.kind,
    createdAt: toIsoTime(publisher.createdAtMs),
    revokedFrom: time(whole),
    versions: publisher.versions.map((version) => {
      const revokedMs = Math.min(from.get(version.arn) ?? Infinity, whole ?? Infinity)
      return {
        version: version.version,
        arn: version.arn,
        digest: version.digest,
        status: revokedMs <= nowMs ? 'Revoked' : version.status,
        revokedFrom: time(Number.isFinite(revokedMs) ? revokedMs : undefined),
        createdAt: toIsoTime(version.createdAtMs),
        document: version.document as unknown as Json,
      }
    }),
  }
}

function revocationBody(revocation: Revocation & { readonly id: string }): Json {
  return {
    id: revocation.id,
    targetKind: revocation.targetKind,
    target: revocation.target,
    effectiveAt: toIsoTime(revocation.effectiveAtMs),
    recordedAt: toIsoTime(revocation.recordedAtMs),
    reason: revocation.reason,
  }
}
