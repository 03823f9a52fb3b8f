import { Type } from 'typebox'

import { parseSha256, type Json } from '../../model/index.ts'
import { attachDetachedSeals, type Deps } from '../../operations/index.ts'
import { route, type Method, type Route } from './route.ts'
import { NewSeals, Nothing, SealsAnswer, Sha256Text } from './schemas.ts'

/** 16 seals of 256 KiB in base64, and their framing. */
const SEALS_BODY_LIMIT_BYTES = 6_291_456

/** `PUT` before the deployment (the bytes are uploaded), `POST` after it (they are deployed). */
export function sealRoutes(deps: Deps): Route[] {
  return [
    sealsRoute(deps, 'PUT', 'Seals beside uploaded or deployed bytes; equal ones are kept once'),
    sealsRoute(deps, 'POST', 'Seals beside deployed bytes, judged with what is live'),
  ]
}

function sealsRoute(deps: Deps, method: Method, summary: string): Route {
  return route({
    method,
    path: '/artifacts/:sha256/seals',
    summary,
    params: Type.Object({ sha256: Sha256Text }, { additionalProperties: false }),
    query: Nothing,
    body: NewSeals,
    status: 200,
    answer: SealsAnswer,
    bodyLimitBytes: SEALS_BODY_LIMIT_BYTES,
    handle: async ({ caller, params, body }) => {
      const { result, decision } = await attachDetachedSeals(deps, caller, {
        sha256: parseSha256(params.sha256),
        seals: body.seals.map(({ format, body: text }) => ({
          format,
          bytes: Buffer.from(text, 'base64'),
        })),
        deployedOnly: method === 'POST',
      })
      const seals = result.reports.map((report, at) => ({ ...report, kept: result.kept[at] }))
      const answer = { sha256: result.sha256, seals }
      return { body: answer as unknown as Json, decision }
    },
  })
}
