import { Type, type Static } from 'typebox'

import { toIsoTime, type FreezeWindow, type Json } from '../../model/index.ts'
import {
  endFloorException,
  freeze,
  grantFloorException,
  liftFreeze,
  readReach,
  readStages,
  removeFloor,
  removeFreezeWindow,
  removePromotionRule,
  setFloor,
  setFreezeWindow,
  setPromotionRule,
  setReach,
  type Deps,
} from '../../operations/index.ts'
import { parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const Name = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const Alias = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,128}$' })
const Scope = Type.String({ pattern: '^[a-zA-Z0-9-_*]{1,140}(:[a-zA-Z0-9-_*]{1,140})?$' })
const Reason = Type.String({ minLength: 1, maxLength: 500 })
const DurationMs = Type.Integer({ minimum: 0 })
const ScopeParams = Type.Object({ scope: Scope }, strict)
const NamedParams = Type.Object({ name: Name }, strict)
const FunctionParams = Type.Object({ functionName: Name }, strict)
const AliasParams = Type.Object({ functionName: Name, alias: Alias }, strict)

const Range = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('weekly'),
      days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7 }),
      from: Type.String({ maxLength: 5 }),
      to: Type.String({ maxLength: 5 }),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('dated'),
      from: Type.String({ maxLength: 16 }),
      to: Type.String({ maxLength: 16 }),
    },
    strict,
  ),
])
const Window = Type.Object(
  {
    timeZone: Type.String({ maxLength: 64 }),
    scope: Scope,
    ranges: Type.Array(Range, { maxItems: 50 }),
    holidays: Type.Array(Type.String({ maxLength: 10 }), { maxItems: 366 }),
  },
  strict,
)
const ReachBody = Type.Object(
  {
    mode: Type.Union([Type.Literal('all'), Type.Literal('aliases')]),
    direct: Type.Array(Type.String({ maxLength: 16 }), { maxItems: 100 }),
  },
  strict,
)

/** Freezes, windows, promotion, floors and reach: what governs a function or an alias by its name. */
export function stageRoutes(deps: Deps): Route[] {
  return [
    ...freezeRoutes(deps),
    ...promotionRoutes(deps),
    ...floorRoutes(deps),
    ...exceptionRoutes(deps),
    ...reachRoutes(deps),
  ]
}

function freezeRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/stages',
      summary: 'Freezes, freeze windows, promotion rules and floors, as they stand now',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Unknown(),
      handle: async () => ({ body: toJson(await readStages(deps)) }),
    }),
    route({
      method: 'PUT',
      path: '/freezes/:scope',
      summary: 'Freezes FUNCTION or FUNCTION:ALIAS: nothing of it changes but by leaving',
      params: ScopeParams,
      query: Nothing,
      body: Type.Object({ reason: Reason }, strict),
      status: 200,
      answer: Type.Unknown(),
      handle: async ({ caller, params, body }) =>
        answered(await freeze(deps, caller, { scope: params.scope, reason: body.reason })),
    }),
    route({
      method: 'POST',
      path: '/freezes/:scope/lift',
      summary: 'Lifts a freeze',
      params: ScopeParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) => answered(await liftFreeze(deps, caller, params.scope)),
    }),
    route({
      method: 'PUT',
      path: '/freeze-windows/:name',
      summary: 'Times at which nothing in a scope changes, by the wall clock of a time zone',
      params: NamedParams,
      query: Nothing,
      body: Window,
      status: 200,
      answer: Window,
      handle: async ({ caller, params, body }) => {
        // The union of the schema is that of the model.
        const window = { name: params.name, ...(body as Static<typeof Window>) } as FreezeWindow
        return answered(await setFreezeWindow(deps, caller, window))
      },
    }),
    route({
      method: 'POST',
      path: '/freeze-windows/:name/remove',
      summary: 'Removes a freeze window',
      params: NamedParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) =>
        answered(await removeFreezeWindow(deps, caller, params.name)),
    }),
  ]
}

function promotionRoutes(deps: Deps): Route[] {
  const Rule = Type.Object(
    {
      from: Alias,
      soakMs: DurationMs,
      endedWithinMs: Type.Optional(Type.Union([DurationMs, Type.Null()])),
    },
    strict,
  )
  return [
    route({
      method: 'PUT',
      path: '/promotion-rules/:scope',
      summary: 'An alias takes what was wholly live in another one for so long',
      params: ScopeParams,
      query: Nothing,
      body: Rule,
      status: 200,
      answer: Rule,
      handle: async ({ caller, params, body }) => {
        const { from, soakMs, endedWithinMs = null } = body
        const rule = { scope: params.scope, from, soakMs, endedWithinMs }
        return answered(await setPromotionRule(deps, caller, rule))
      },
    }),
    route({
      method: 'POST',
      path: '/promotion-rules/:scope/remove',
      summary: 'Removes a promotion rule',
      params: ScopeParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) =>
        answered(await removePromotionRule(deps, caller, params.scope)),
    }),
  ]
}

function floorRoutes(deps: Deps): Route[] {
  const Raise = Type.Object(
    { publisher: Name, counter: Type.String({ pattern: '^[0-9]{1,20}$' }) },
    strict,
  )
  return [
    route({
      method: 'PUT',
      path: '/floors/:functionName/:alias',
      summary: 'Gives an alias a floor of release counters, its soak time, or raises it',
      params: AliasParams,
      query: Nothing,
      body: Type.Object({ soakMs: DurationMs, raise: Type.Optional(Raise) }, strict),
      status: 200,
      answer: Type.Unknown(),
      handle: async ({ caller, params, body }) =>
        answered(await setFloor(deps, caller, { ...params, ...body })),
    }),
    route({
      method: 'POST',
      path: '/floors/:functionName/:alias/remove',
      summary: 'Takes the floor of an alias away',
      params: AliasParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) => answered(await removeFloor(deps, caller, params)),
    }),
  ]
}

function exceptionRoutes(deps: Deps): Route[] {
  const ExceptionParams = Type.Object(
    { functionName: Name, alias: Alias, id: Type.String({ pattern: '^flx-[0-9A-Z]{26}$' }) },
    strict,
  )
  return [
    route({
      method: 'POST',
      path: '/floors/:functionName/:alias/exceptions',
      summary: 'Lets the release of one version below the floor, at most for 7 days',
      params: AliasParams,
      query: Nothing,
      body: Type.Object(
        {
          version: Type.String({ pattern: '^[1-9][0-9]{0,14}$' }),
          reason: Reason,
          expiresAt: InstantText,
        },
        strict,
      ),
      status: 201,
      answer: Type.Unknown(),
      handle: async ({ caller, params, body }) => {
        const { version, reason, expiresAt } = body
        const expiresAtMs = parseInstant('expiresAt', expiresAt)
        const input = { ...params, version, reason, expiresAtMs }
        return answered(await grantFloorException(deps, caller, input))
      },
    }),
    route({
      method: 'POST',
      path: '/floors/:functionName/:alias/exceptions/:id/end',
      summary: 'Ends an exception before its time',
      params: ExceptionParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) => answered(await endFloorException(deps, caller, params)),
    }),
  ]
}

function reachRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/functions/:functionName/reach',
      summary: 'How a function may be named in an invocation',
      params: FunctionParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: ReachBody,
      handle: async ({ params }) => ({ body: toJson(await readReach(deps, params.functionName)) }),
    }),
    route({
      method: 'PUT',
      path: '/functions/:functionName/reach',
      summary: 'Under `aliases` versions and $LATEST are not invoked by name, unless listed',
      params: FunctionParams,
      query: Nothing,
      body: ReachBody,
      status: 200,
      answer: ReachBody,
      handle: async ({ caller, params, body }) =>
        answered(await setReach(deps, caller, { ...params, ...body })),
    }),
  ]
}

function answered<D>({ result, decision }: { readonly result: unknown; readonly decision: D }) {
  return { body: toJson(result ?? {}), decision }
}

/** Milliseconds of rows become RFC 3339 under the name without the unit; durations stay as they are. */
function toJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value as Json
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) =>
      name.endsWith('AtMs') && typeof inner === 'number'
        ? [name.slice(0, -'Ms'.length), toIsoTime(inner)]
        : [name, toJson(inner)],
    ),
  )
}
