import { Type } from 'typebox'

import type { BreakGlass } from '../../catalog/index.ts'
import {
  BREAK_GLASS_LIMIT_MS,
  EXCEPTION_SCOPES,
  toIsoTime,
  type ExceptionScope,
  type Json,
} from '../../model/index.ts'
import {
  endBreakGlass,
  grantBreakGlass,
  readAllBreakGlass,
  readBreakGlass,
  requestBreakGlass,
  reviewBreakGlass,
  type Deps,
} from '../../operations/index.ts'
import { AliasName, FunctionName, ReasonText, VersionNumberText } from './approvals.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing, Sha256Text } from './schemas.ts'

const strict = { additionalProperties: false } as const
const PAGE = { min: 1, max: 500, otherwise: 100 }

const BreakGlassId = Type.Object({ id: Type.String({ pattern: '^bg-[0-9a-f]{32}$' }) }, strict)
const Scope = Type.Array(Type.Unsafe<ExceptionScope>(Type.Enum([...EXCEPTION_SCOPES])), {
  minItems: 1,
  maxItems: EXCEPTION_SCOPES.length,
})
const NewBreakGlass = Type.Object(
  {
    functionName: FunctionName,
    alias: AliasName,
    version: VersionNumberText,
    reason: ReasonText,
    ticket: Type.String({ minLength: 1, maxLength: 200 }),
    scope: Type.Optional(Scope),
    ttlMs: Type.Integer({ minimum: 1, maximum: BREAK_GLASS_LIMIT_MS }),
  },
  strict,
)
const Text = Type.Union([Type.String(), Type.Null()])
const Instant = Type.Union([InstantText, Type.Null()])
const BreakGlassAnswer = Type.Object({
  id: Type.String(),
  functionName: FunctionName,
  alias: AliasName,
  version: VersionNumberText,
  release: Sha256Text,
  reason: ReasonText,
  ticket: Type.String(),
  scope: Scope,
  ttlMs: Type.Integer(),
  requester: Type.String(),
  requestedAt: InstantText,
  quorum: Type.Union([Type.Integer(), Type.Null()]),
  second: Text,
  grantedAt: Instant,
  until: Instant,
  ended: Text,
  endedAt: Instant,
  endedBy: Text,
  reviewedBy: Text,
  reviewedAt: Instant,
  reviewNote: Text,
})

/** Exceptions from the policies: two persons, one release, one alias, an end. */
export function breakGlassRoutes(deps: Deps): Route[] {
  return [...reads(deps), ...beginnings(deps), ...ends(deps)]
}

function reads(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/break-glass',
      summary: 'Break-glass, newest first',
      params: Nothing,
      query: Type.Object(
        { functionName: Type.Optional(FunctionName), limit: Type.Optional(CountText) },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({ breakGlass: Type.Array(BreakGlassAnswer) }),
      handle: async ({ query }) => {
        const limit = parseCount('limit', query.limit, PAGE)
        const found = await readAllBreakGlass(deps, { functionName: query.functionName, limit })
        return { body: { breakGlass: found.map(toBody) } }
      },
    }),
    route({
      method: 'GET',
      path: '/break-glass/:id',
      summary: 'One break-glass, from the request to the review',
      params: BreakGlassId,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: BreakGlassAnswer,
      handle: async ({ params }) => ({ body: toBody(await readBreakGlass(deps, params.id)) }),
    }),
  ]
}

function beginnings(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/break-glass',
      summary: 'Asks for an exception; its time begins when a second person grants it',
      params: Nothing,
      query: Nothing,
      body: NewBreakGlass,
      status: 201,
      answer: BreakGlassAnswer,
      handle: async ({ caller, body }) => {
        const { scope = ['policy'], ...asked } = body
        const { result, decision } = await requestBreakGlass(deps, caller, { ...asked, scope })
        return { body: toBody(result), decision }
      },
    }),
    route({
      method: 'POST',
      path: '/break-glass/:id/grant',
      summary: 'Grants an exception as the second person',
      params: BreakGlassId,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: BreakGlassAnswer,
      handle: async ({ caller, params }) => {
        const { result, decision } = await grantBreakGlass(deps, caller, params)
        return { body: toBody(result), decision }
      },
    }),
  ]
}

function ends(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/break-glass/:id/end',
      summary: 'Ends an exception before its time: the alias goes back; or takes a request back',
      params: BreakGlassId,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: BreakGlassAnswer,
      handle: async ({ caller, params }) => {
        const { result, decision } = await endBreakGlass(deps, caller, params)
        return { body: toBody(result), ...(decision === undefined ? {} : { decision }) }
      },
    }),
    route({
      method: 'POST',
      path: '/break-glass/:id/review',
      summary: 'Closes an exception that has ended: the alias is red no more',
      params: BreakGlassId,
      query: Nothing,
      body: Type.Object({ note: ReasonText }, strict),
      status: 200,
      answer: BreakGlassAnswer,
      handle: async ({ caller, params, body }) => {
        const { result, decision } = await reviewBreakGlass(deps, caller, { ...params, ...body })
        return { body: toBody(result), decision }
      },
    }),
  ]
}

/** The exceptions for which a row of the live table is red. */
export function redBy(
  row: { readonly functionName: string; readonly alias: string },
  unreviewed: readonly BreakGlass[],
): Json[] {
  return unreviewed
    .filter((one) => one.functionName === row.functionName && one.alias === row.alias)
    .map(({ id, release, grantedAtMs, untilMs, endedAtMs }) => ({
      id,
      release,
      grantedAt: toInstant(grantedAtMs),
      until: toInstant(untilMs),
      endedAt: toInstant(endedAtMs),
    }))
}

function toInstant(ms: number | null): string | null {
  return ms === null ? null : toIsoTime(ms)
}

function toBody(one: BreakGlass): Json {
  const { requestedAtMs, grantedAtMs, untilMs, endedAtMs, reviewedAtMs, ...rest } = one
  return {
    ...rest,
    scope: [...rest.scope],
    requestedAt: toIsoTime(requestedAtMs),
    grantedAt: toInstant(grantedAtMs),
    until: toInstant(untilMs),
    endedAt: toInstant(endedAtMs),
    reviewedAt: toInstant(reviewedAtMs),
  }
}
