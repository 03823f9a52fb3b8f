import { Type } from 'typebox'

import type { AccessKey } from '../auth/index.ts'
import { toIsoTime, type Json } from '../model/index.ts'
import {
  createAccessKey,
  disableAccessKey,
  listAccessKeys,
  type AccessKeyParts,
  type Deps,
} from '../operations/index.ts'

import { route, type Route } from './governance/route.ts'

const Nothing = Type.Object({}, { additionalProperties: false })
const KeyAnswer = Type.Object({
  id: Type.String(),
  principal: Type.String(),
  status: Type.Union([Type.Literal('Active'), Type.Literal('Inactive')]),
  createdAt: Type.String(),
})

/** Access keys, below `/api/v1`: made (the secret once), listed, disabled. */
export function accessKeyRoutes(deps: Deps, parts: AccessKeyParts): Route[] {
  return [createRoute(deps, parts), listRoute(deps), disableRoute(deps, parts)]
}

function createRoute(deps: Deps, parts: AccessKeyParts): Route {
  return route({
    method: 'POST',
    path: '/access-keys',
    summary:
      'A new access key, for the caller or a person named; its secret is in this answer alone',
    params: Nothing,
    query: Nothing,
    body: Type.Object(
      { principal: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })) },
      { additionalProperties: false },
    ),
    status: 201,
    answer: Type.Object({ accessKey: KeyAnswer, secretAccessKey: Type.String() }),
    handle: async ({ caller, body }) => {
      const { key, pair, decision } = await createAccessKey(deps, caller, {
        ...parts,
        owner: body.principal,
      })
      return { body: { accessKey: keyBody(key), secretAccessKey: pair.secret }, decision }
    },
  })
}

function listRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/access-keys',
    summary: 'Access keys, oldest first, without their secrets',
    params: Nothing,
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Object({ accessKeys: Type.Array(KeyAnswer) }),
    handle: async () => ({ body: { accessKeys: (await listAccessKeys(deps)).map(keyBody) } }),
  })
}

function disableRoute(deps: Deps, parts: AccessKeyParts): Route {
  return route({
    method: 'POST',
    path: '/access-keys/:id/disable',
    summary: 'Nothing signed with the key is believed from the answer on',
    params: Type.Object(
      { id: Type.String({ pattern: '^[A-Za-z0-9]{4,128}$' }) },
      { additionalProperties: false },
    ),
    query: Nothing,
    body: Nothing,
    status: 200,
    answer: Type.Object({ accessKey: KeyAnswer }),
    handle: async ({ caller, params }) => {
      const { forget } = parts
      const { key, decision } = await disableAccessKey(deps, caller, { id: params.id, forget })
      return { body: { accessKey: keyBody(key) }, decision }
    },
  })
}

function keyBody(key: AccessKey): Json {
  const { id, principalId, status, createdAtMs } = key
  return { id, principal: principalId, status, createdAt: toIsoTime(createdAtMs) }
}
