import { Type } from 'typebox'

import type { Json } from '../../model/index.ts'
import { PlatformError } from '../../model/index.ts'
import {
  GARBAGE_GRACE_MS,
  collectGarbage,
  type Deps,
  type GarbageReport,
  type ScrubState,
} from '../../operations/index.ts'
import { route, type Route } from './route.ts'
import { Nothing, Sha256Text } from './schemas.ts'

/** A year. */
const GRACE_LIMIT_MS = 31_622_400_000

const GarbageAnswer = Type.Object({
  dryRun: Type.Boolean(),
  blobs: Type.Array(Sha256Text),
  bytes: Type.Integer(),
  prepared: Type.Array(Sha256Text),
  files: Type.Integer(),
})

/** What keeps the stored data sound and small. */
export function upkeepRoutes(deps: Deps): Route[] {
  return [garbageRoute(deps), ...scrubRoutes(deps)]
}

function garbageRoute(deps: Deps): Route {
  return route({
    method: 'POST',
    path: '/gc',
    summary: 'Takes away stored files that nothing needs; with `dryRun` says which',
    params: Nothing,
    query: Nothing,
    body: Type.Object(
      {
        dryRun: Type.Optional(Type.Boolean()),
        graceMs: Type.Optional(Type.Integer({ minimum: 0, maximum: GRACE_LIMIT_MS })),
      },
      { additionalProperties: false },
    ),
    status: 200,
    answer: GarbageAnswer,
    handle: async ({ caller, body }) => {
      const { dryRun = false, graceMs = GARBAGE_GRACE_MS } = body
      const report = await collectGarbage(deps, { dryRun, graceMs }, caller.principal)
      return { body: toAnswer(report) }
    },
  })
}

function toAnswer({ dryRun, blobs, bytes, prepared, files }: GarbageReport): Json {
  return { dryRun, blobs, bytes, prepared, files }
}

function scrubRoutes(deps: Deps): Route[] {
  const shared = {
    path: '/scrub',
    params: Nothing,
    query: Nothing,
    body: Nothing,
    answer: Type.Unknown(),
  }
  return [
    route({
      ...shared,
      method: 'POST',
      summary: 'Hashes everything stored again, from now on: `GET /scrub` tells how far it is',
      status: 202,
      handle: () => Promise.resolve({ body: stateOf(deps, 'begin') }),
    }),
    route({
      ...shared,
      method: 'GET',
      summary: 'The scrub under way, and what the last one found',
      status: 200,
      handle: () => Promise.resolve({ body: stateOf(deps, 'state') }),
    }),
  ]
}

function stateOf({ scrubs }: Deps, what: 'begin' | 'state'): Json {
  if (scrubs === undefined)
    throw new PlatformError('UNAVAILABLE', 'nothing is scrubbed by this service')
  const state: ScrubState = scrubs[what]()
  return state as unknown as Json
}
