import { Type } from 'typebox'

import { limits, parseSha256, parseStrictJson, toIsoTime, type Json } from '../../model/index.ts'
import type { AttestationReport, AttestedFacts } from '../../model/index.ts'
import {
  attachAttestation,
  listAttestations,
  readAttestationBundle,
  type Deps,
} from '../../operations/index.ts'
import { route, type Method, type Route } from './route.ts'
import { Nothing, Sha256Text } from './schemas.ts'

const strict = { additionalProperties: false } as const
const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'

const Artifact = Type.Object({ sha256: Sha256Text }, strict)
const Listed = Type.Object({
  sha256: Sha256Text,
  attestations: Type.Array(Type.Unknown()),
  attested: Type.Unknown(),
})

/** `PUT` before the deployment (the bytes are uploaded), `POST` after it (they are deployed). The body is the bundle. */
export function attestationRoutes(deps: Deps): Route[] {
  return [
    attachRoute(deps, 'PUT', 'An attestation beside uploaded or deployed bytes: a Sigstore bundle'),
    attachRoute(deps, 'POST', 'An attestation beside deployed bytes, judged with what is live'),
    listRoute(deps),
    bundleRoute(deps),
  ]
}

function attachRoute(deps: Deps, method: Method, summary: string): Route {
  return route({
    method,
    path: '/artifacts/:sha256/attestations',
    summary,
    params: Artifact,
    query: Nothing,
    body: Type.Unknown(),
    status: 200,
    answer: Type.Object({ sha256: Sha256Text, attestation: Type.Unknown() }),
    rawBody: BUNDLE_TYPE,
    bodyLimitBytes: limits.ATTESTATION_LIMIT_BYTES,
    handle: async ({ caller, params, body }) => {
      const { result, decision } = await attachAttestation(deps, caller, {
        sha256: parseSha256(params.sha256),
        bundle: body instanceof Uint8Array ? body : new Uint8Array(),
        deployedOnly: method === 'POST',
      })
      const attestation = reportBody(result.report)
      return { body: { sha256: result.sha256, attestation }, decision }
    },
  })
}

function listRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/artifacts/:sha256/attestations',
    summary: 'Attestations of an artifact as they count now, and the facts they come to',
    params: Artifact,
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Listed,
    handle: async ({ params }) => {
      const { sha256, attestations, facts } = await listAttestations(
        deps,
        parseSha256(params.sha256),
      )
      const listed = attestations.map(({ report, ...kept }) => ({ ...reportBody(report), ...kept }))
      return { body: { sha256, attestations: listed, attested: factsBody(facts) } }
    },
  })
}

function bundleRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/artifacts/:sha256/attestations/:digest',
    summary: 'One attestation: the bundle as it came',
    params: Type.Object({ sha256: Sha256Text, digest: Sha256Text }, strict),
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Unknown(),
    handle: async ({ params }) => {
      const named = { sha256: parseSha256(params.sha256), digest: parseSha256(params.digest) }
      return { body: parseStrictJson(Buffer.from(await readAttestationBundle(deps, named))) }
    },
  })
}

function reportBody({ trustedTimesMs, ...report }: AttestationReport): Record<string, Json> {
  const body = { ...report, trustedTimes: trustedTimesMs.map(toIsoTime) }
  return body as unknown as Record<string, Json>
}

/** Times as texts. */
function factsBody(facts: AttestedFacts): Json {
  const members = Object.entries(facts).map(([name, fact]) => {
    if (!('atMs' in fact)) return [name, fact] as const
    const { atMs, ...more } = fact
    return [name, { ...more, ...(typeof atMs === 'number' && { at: toIsoTime(atMs) }) }] as const
  })
  return Object.fromEntries(members) as unknown as Json
}
