import { Type } from 'typebox'

import { PlatformError, parseStrictJson, toIsoTime, type Json } from '../../model/index.ts'
import { COMPLIANCE_STATES, type ComplianceState, type LiveRow } from '../../live/index.ts'
import {
  listDecisionsFor,
  readDecisionFor,
  readDoctor,
  readLive,
  readLivePage,
  readUnreviewed,
  readLiveHistory,
  summarizeDecision,
  type Deps,
  type LiveAsked,
  type LiveRowStanding,
} from '../../operations/index.ts'
import { redBy } from './break-glass.ts'
import { parseCount, parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, LiveRowAnswer, Nothing, Outcome } from './schemas.ts'

const strict = { additionalProperties: false } as const
const DECISIONS_PAGE = { min: 1, max: 500, otherwise: 50 }
const LIVE_PAGE = { min: 1, max: 500, otherwise: 100 }

/** Any of these: a page of it. */
const LivePaged = {
  search: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  functionName: Type.Optional(Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })),
  state: Type.Optional(Type.Unsafe<ComplianceState>(Type.Enum([...COMPLIANCE_STATES]))),
  names: Type.Optional(Type.Union([Type.Literal('aliases'), Type.Literal('all')])),
  limit: Type.Optional(CountText),
  marker: Type.Optional(Type.String({ maxLength: 1024 })),
}

/** What was decided, what is live, and what is in force. */
export function evidenceRoutes(deps: Deps): Route[] {
  return [...decisionRoutes(deps), summaryRoute(deps), ...liveRoutes(deps), doctorRoute(deps)]
}

function decisionRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/decisions',
      summary: 'Decisions, newest first',
      params: Nothing,
      query: Type.Object(
        {
          limit: Type.Optional(CountText),
          resource: Type.Optional(Type.String({ maxLength: 512 })),
          outcome: Type.Optional(Outcome),
        },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({ decisions: Type.Array(Type.Unknown()) }),
      handle: async ({ caller, query }) => {
        const limit = parseCount('limit', query.limit, DECISIONS_PAGE)
        const { resource, outcome } = query
        const decisions = await listDecisionsFor(deps, caller, { limit, resource, outcome })
        return { body: { decisions: decisions.map((one) => ({ ...one })) } }
      },
    }),
    route({
      method: 'GET',
      path: '/decisions/:id',
      summary: 'One decision with every check, and the facts it is a function of',
      params: Type.Object({ id: Type.String({ pattern: '^dec-[0-9A-Z]{26}$' }) }, strict),
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ decision: Type.Unknown(), facts: Type.Unknown() }),
      handle: async ({ caller, params }) => {
        const { decision, facts } = await readDecisionFor(deps, caller, params.id)
        // Both were stored as canonical JSON and only parsed since.
        return { body: { decision, facts } as unknown as Json }
      },
    }),
  ]
}

function summaryRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/decisions/:id/vsa',
    summary: 'An `allow` as a signed verification summary (SLSA VSA) about the artifact it judged',
    params: Type.Object({ id: Type.String({ pattern: '^dec-[0-9A-Z]{26}$' }) }, strict),
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Object({
      sha256: Type.String(),
      publicKeyPem: Type.String(),
      bundle: Type.Unknown(),
    }),
    handle: async ({ caller, params }) => {
      // Whoever may not see the decision may not see it signed either.
      await readDecisionFor(deps, caller, params.id)
      const { sha256, publicKeyPem, bundle } = await summarizeDecision(deps, params.id)
      return { body: { sha256, publicKeyPem, bundle: parseStrictJson(bundle) } }
    },
  })
}

function liveRoutes(deps: Deps): Route[] {
  const FunctionParams = Type.Object(
    {
      functionName: Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' }),
      alias: Type.String({ pattern: '^(\\$LATEST|[a-zA-Z0-9-_]{1,128})$' }),
    },
    strict,
  )
  return [
    route({
      method: 'GET',
      path: '/live',
      summary: 'What can be invoked: now, or `at` an instant; page by page where it is searched',
      params: Nothing,
      query: Type.Object({ at: Type.Optional(InstantText), ...LivePaged }, strict),
      body: Nothing,
      status: 200,
      answer: Type.Object({
        at: InstantText,
        live: Type.Array(LiveRowAnswer),
        /** Of pages alone: rows that fit, and those that fit but for the state by how they stand. */
        total: Type.Optional(Type.Integer()),
        states: Type.Optional(Type.Record(Type.String(), Type.Integer())),
        nextMarker: Type.Optional(Type.String()),
      }),
      handle: async ({ query }) => {
        const nowMs = deps.clock.nowMs()
        const atMs = query.at === undefined ? undefined : parseInstant('at', query.at)
        if (atMs !== undefined && atMs > nowMs) {
          throw new PlatformError('INVALID_PARAMETER', '`at` lies in the future')
        }
        const open = await readUnreviewed(deps, atMs ?? nowMs)
        const { items, ...about } = await readLiveAsked(deps, query, atMs)
        const live = items.map((row) => ({
          ...rowBody(row),
          compliance: complianceBody(row),
          breakGlass: redBy(row, open),
        }))
        return { body: { at: toIsoTime(atMs ?? nowMs), live, ...about } }
      },
    }),
    route({
      method: 'GET',
      path: '/live/:functionName/:alias',
      summary: 'Everything that was ever live in one alias or version, oldest first',
      params: FunctionParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ history: Type.Array(LiveRowAnswer) }),
      handle: async ({ params }) => {
        const history = (await readLiveHistory(deps, params)).map(rowBody)
        return { body: { history } }
      },
    }),
  ]
}

/** All of it, or the page that is asked for. */
async function readLiveAsked(
  deps: Deps,
  {
    at: _at,
    limit,
    ...asked
  }: { readonly at?: string; readonly limit?: string } & Omit<LiveAsked, 'limit' | 'atMs'>,
  atMs: number | undefined,
) {
  if (limit === undefined && Object.keys(asked).length === 0)
    return { items: await readLive(deps, atMs) }
  const { items, total, states, nextMarker } = await readLivePage(deps, {
    ...asked,
    atMs,
    limit: parseCount('limit', limit, LIVE_PAGE),
  })
  return { items, total, states, ...(nextMarker !== undefined && { nextMarker }) }
}

function doctorRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/doctor',
    summary: 'What works on this machine and what is in force',
    params: Nothing,
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Unknown(),
    handle: async () => ({ body: (await readDoctor(deps)) as unknown as Json }),
  })
}

function complianceBody({ compliance }: LiveRowStanding): { readonly [name: string]: Json } {
  const { sinceMs, untilMs, reasons, causes, ...rest } = compliance
  return {
    ...rest,
    reasons: reasons.map((reason) => ({ ...reason })),
    causes: [...causes],
    since: sinceMs === null ? null : toIsoTime(sinceMs),
    until: untilMs === null ? null : toIsoTime(untilMs),
  }
}

function rowBody(row: LiveRow): { readonly [name: string]: Json } {
  const { functionName, alias, slot, version, weight, layers, fromMs, toMs } = row
  const { codeSha256, release, decisionId, outcome, verdict, publishers } = row
  return {
    functionName,
    alias,
    slot,
    version,
    weight,
    codeSha256,
    release,
    decisionId,
    outcome,
    verdict,
    publishers,
    layers: layers.map((layer) => ({ ...layer })),
    from: toIsoTime(fromMs),
    to: toMs === null ? null : toIsoTime(toMs),
  }
}
