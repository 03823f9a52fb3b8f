import { Type } from 'typebox'

import type { PrincipalRecord } from '../auth/index.ts'
import { PlatformError, toIsoTime, type Json } from '../model/index.ts'
import {
  createPrincipal,
  disablePrincipal,
  enablePrincipal,
  getPrincipal,
  grantRole,
  listPrincipals,
  revokeRole,
  type Deps,
} from '../operations/index.ts'
import { route, type Route } from './governance/route.ts'

const strict = { additionalProperties: false } as const
const Nothing = Type.Object({}, strict)
const RoleName = Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' })
const Claims = Type.Record(Type.String(), Type.String())
const Identity = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 512 }),
    subject: Type.String({ minLength: 1, maxLength: 512 }),
    claims: Type.Optional(Claims),
  },
  strict,
)
const Kind = Type.Union([Type.Literal('user'), Type.Literal('workload')])
const IdParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128 }) }, strict)
const PrincipalAnswer = Type.Object({
  id: Type.String(),
  kind: Kind,
  name: Type.String(),
  roles: Type.Array(Type.String()),
  createdAt: Type.String(),
  disabledAt: Type.Union([Type.String(), Type.Null()]),
  identity: Type.Union([Identity, Type.Null()]),
  grants: Type.Array(
    Type.Object({ role: Type.String(), grantedAt: Type.String(), grantedBy: Type.String() }),
  ),
})
const OnePrincipal = Type.Object({ principal: PrincipalAnswer })
const RoleAnswer = Type.Object({
  name: Type.String(),
  actions: Type.Array(Type.String()),
  holders: Type.Array(Type.String()),
})

/** People, workloads and roles, below `/api/v1`. */
export function principalRoutes(deps: Deps): Route[] {
  return [
    ...readRoutes(deps),
    createRoute(deps),
    switchRoute(deps, 'disable'),
    switchRoute(deps, 'enable'),
    grantRoute(deps),
    revokeRoute(deps),
    ...roleRoutes(deps),
  ]
}

function readRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/principals',
      summary: 'People and workloads, oldest first',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ principals: Type.Array(PrincipalAnswer) }),
      handle: async () => ({ body: { principals: (await listPrincipals(deps)).map(toBody) } }),
    }),
    route({
      method: 'GET',
      path: '/principals/:id',
      summary: 'One of them, by id or name',
      params: IdParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: OnePrincipal,
      handle: async ({ params }) => ({
        body: { principal: toBody(await getPrincipal(deps, params.id)) },
      }),
    }),
    route({
      method: 'GET',
      path: '/whoami',
      summary: 'The caller, as policies see him',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({
        id: Type.String(),
        kind: Kind,
        name: Type.String(),
        roles: Type.Array(Type.String()),
        claims: Claims,
      }),
      handle: ({ caller }) => {
        const { id, kind, name, roles, claims } = caller.principal
        return Promise.resolve({
          body: { id, kind, name, roles: [...roles], claims: { ...claims } },
        })
      },
    }),
  ]
}

function createRoute(deps: Deps): Route {
  return route({
    method: 'POST',
    path: '/principals',
    summary: 'A person or a workload, with first roles; no one grants more than he has',
    params: Nothing,
    query: Nothing,
    body: Type.Object(
      {
        kind: Kind,
        name: Type.String({ maxLength: 64 }),
        roles: Type.Optional(Type.Array(RoleName, { maxItems: 32 })),
        identity: Type.Optional(Identity),
      },
      strict,
    ),
    status: 201,
    answer: OnePrincipal,
    handle: async ({ caller, body }) => {
      const { kind, name, roles = [], identity } = body
      const { principal, decision } = await createPrincipal(deps, caller, {
        kind,
        name,
        roles,
        identity: identity && { ...identity, claims: identity.claims ?? {} },
      })
      return { body: { principal: toBody(principal) }, decision }
    },
  })
}

function switchRoute(deps: Deps, verb: 'disable' | 'enable'): Route {
  const change = verb === 'disable' ? disablePrincipal : enablePrincipal
  return route({
    method: 'POST',
    path: `/principals/:id/${verb}`,
    summary:
      verb === 'disable'
        ? 'Nothing that comes in this name is believed from the answer on'
        : 'Gives back what the principal had',
    params: IdParams,
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: OnePrincipal,
    handle: async ({ caller, params }) => {
      const { principal, decision } = await change(deps, caller, params.id)
      return { body: { principal: toBody(principal) }, decision }
    },
  })
}

function grantRoute(deps: Deps): Route {
  return route({
    method: 'POST',
    path: '/principals/:id/roles',
    summary: 'One more role',
    params: IdParams,
    query: Nothing,
    body: Type.Object({ role: RoleName }, strict),
    status: 200,
    answer: OnePrincipal,
    handle: async ({ caller, params, body }) => {
      const asked = { to: params.id, role: body.role }
      const { principal, decision } = await grantRole(deps, caller, asked)
      return { body: { principal: toBody(principal) }, decision }
    },
  })
}

function revokeRoute(deps: Deps): Route {
  return route({
    method: 'POST',
    path: '/principals/:id/roles/:role/revoke',
    summary: 'One role less; the last administrator stays',
    params: Type.Object({ ...IdParams.properties, role: RoleName }, strict),
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: OnePrincipal,
    handle: async ({ caller, params }) => {
      const asked = { of: params.id, role: params.role }
      const { principal, decision } = await revokeRole(deps, caller, asked)
      return { body: { principal: toBody(principal) }, decision }
    },
  })
}

function roleRoutes(deps: Deps): Route[] {
  const roles = async (): Promise<{ name: string; actions: string[]; holders: string[] }[]> => {
    const principals = await listPrincipals(deps)
    return (await deps.access.roles()).map(({ name, actions }) => ({
      name,
      actions: [...actions],
      holders: principals.filter((one) => one.roles.includes(name)).map((one) => one.name),
    }))
  }
  return [
    route({
      method: 'GET',
      path: '/roles',
      summary: 'Roles that policies name, what they give and who has them',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ roles: Type.Array(RoleAnswer) }),
      handle: async () => ({ body: { roles: await roles() } }),
    }),
    route({
      method: 'GET',
      path: '/roles/:name',
      summary: 'One of them',
      params: Type.Object({ name: RoleName }, strict),
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ role: RoleAnswer }),
      handle: async ({ params }) => {
        const role = (await roles()).find(({ name }) => name === params.name)
        if (role !== undefined) return { body: { role } }
        throw new PlatformError('RESOURCE_NOT_FOUND', `no policy names a role \`${params.name}\``)
      },
    }),
  ]
}

function toBody(record: PrincipalRecord): Json {
  const { id, kind, name, roles, identity, grants } = record
  return {
    id,
    kind,
    name,
    roles: [...roles],
    createdAt: toIsoTime(record.createdAtMs),
    disabledAt: record.disabledAtMs === undefined ? null : toIsoTime(record.disabledAtMs),
    identity: identity === undefined ? null : { ...identity, claims: { ...identity.claims } },
    grants: grants.map(({ role, grantedAtMs, grantedBy }) => ({
      role,
      grantedAt: toIsoTime(grantedAtMs),
      grantedBy,
    })),
  }
}
