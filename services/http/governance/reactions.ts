import { Type } from 'typebox'

import { toIsoTime, type Json, type Reaction } from '../../model/index.ts'
import {
  liftRefusal,
  planReaction,
  readReactions,
  readVerification,
  setReaction,
  settleHold,
  unsetReaction,
  type Deps,
} from '../../operations/index.ts'
import { route, type Route } from './route.ts'
import { Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const Scope = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}(:[a-zA-Z0-9-_]{1,128})?$' })
const ScopeParams = Type.Object({ scope: Scope }, strict)
const ReactionName = Type.Union(
  (['record', 'alert', 'freeze', 'revert', 'refuse'] satisfies Reaction[]).map((name) =>
    Type.Literal(name),
  ),
)
const HoldParams = Type.Object({ id: Type.String({ pattern: '^rxh-[0-9A-Z]{26}$' }) }, strict)
const VersionParams = Type.Object(
  {
    functionName: Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' }),
    version: Type.String({ pattern: '^(\\$LATEST|[1-9][0-9]{0,14})$' }),
  },
  strict,
)

/** What is done about what violates, what waits for a person, and how far the live set is verified. */
export function reactionRoutes(deps: Deps): Route[] {
  return [verificationRoute(deps), ...settingRoutes(deps), ...holdRoutes(deps)]
}

function verificationRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/verification',
    summary: 'In which world all that is live was judged last, and how it stands',
    params: Nothing,
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Unknown(),
    handle: async () => ({ body: toJson(await readVerification(deps)) }),
  })
}

function settingRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/reactions',
      summary: 'What is done about violations, what waits for a person, and what is refused',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Unknown(),
      handle: async () => ({ body: toJson(await readReactions(deps)) }),
    }),
    route({
      method: 'GET',
      path: '/reactions/:scope/plan',
      summary: 'What a reaction would do at once about what violates now',
      params: ScopeParams,
      query: Type.Object({ reaction: ReactionName }, strict),
      body: Nothing,
      status: 200,
      answer: Type.Unknown(),
      handle: async ({ params, query }) => ({
        body: toJson(await planReaction(deps, { ...params, ...query })),
      }),
    }),
    route({
      method: 'PUT',
      path: '/reactions/:scope',
      summary: 'What is done where something under FUNCTION or FUNCTION:ALIAS violates',
      params: ScopeParams,
      query: Nothing,
      body: Type.Object({ reaction: ReactionName }, strict),
      status: 200,
      answer: Type.Unknown(),
      handle: async ({ caller, params, body }) =>
        answered(await setReaction(deps, caller, { ...params, ...body })),
    }),
    route({
      method: 'POST',
      path: '/reactions/:scope/remove',
      summary: 'Back to what is done where nothing is set',
      params: ScopeParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) =>
        answered(await unsetReaction(deps, caller, params.scope)),
    }),
  ]
}

function holdRoutes(deps: Deps): Route[] {
  const settle = (verb: string, state: 'released' | 'dismissed', summary: string): Route =>
    route({
      method: 'POST',
      path: `/reaction-holds/:id/${verb}`,
      summary,
      params: HoldParams,
      query: Nothing,
      body: Type.Object({ through: Type.Integer({ minimum: 0 }) }, strict),
      status: 200,
      answer: Type.Unknown(),
      handle: async ({ caller, params, body }) =>
        answered(await settleHold(deps, caller, { ...params, ...body, state })),
    })
  return [
    settle('release', 'released', 'Reacts to all that waits because it was too much at once'),
    settle('dismiss', 'dismissed', 'Reacts to none of it'),
    route({
      method: 'POST',
      path: '/refusals/:functionName/:version/lift',
      summary: 'Lets a refused version be invoked again; what still violates stays refused',
      params: VersionParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Nothing,
      handle: async ({ caller, params }) => answered(await liftRefusal(deps, caller, params)),
    }),
  ]
}

function answered<D>({ result, decision }: { readonly result: unknown; readonly decision: D }) {
  return { body: toJson(result ?? {}), decision }
}

/** Milliseconds of instants become RFC 3339 under the name without the unit; durations stay as they are. */
function toJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value as Json
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
      if (inner === undefined) return []
      const isInstant = /^atMs$|(At|Modified)Ms$/.test(name) && typeof inner === 'number'
      return [isInstant ? [name.slice(0, -'Ms'.length), toIsoTime(inner)] : [name, toJson(inner)]]
    }),
  )
}
