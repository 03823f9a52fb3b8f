import { Type } from 'typebox'

import type { ConsoleSessions } from '../../auth/index.ts'
import { PlatformError, toIsoTime } from '../../model/index.ts'
import { route, type Route } from '../governance/route.ts'
import { InstantText, Nothing } from '../governance/schemas.ts'

/** Where links lead: the page asks before it signs anybody in. */
export const SIGN_IN_PATH = '/console/sign-in'

/** The route by which a person with an access key gets into the console; to be handed to the server beside the others. */
export function consoleLinkRoutes(sessions: ConsoleSessions): Route[] {
  return [
    route({
      method: 'POST',
      path: '/console/links',
      summary: 'A link that signs the caller in to the console, once and within a minute',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 201,
      answer: Type.Object({ path: Type.String(), expiresAt: InstantText }),
      handle: async ({ caller: { principal, accessKeyId } }) => {
        if (principal.kind !== 'user' || accessKeyId === undefined)
          throw new PlatformError(
            'ACCESS_DENIED',
            'the console is for people who come with an access key',
          )
        const { secret, expiresAtMs } = await sessions.makeLink({
          principalId: principal.id,
          accessKeyId,
        })
        const path = `${SIGN_IN_PATH}?link=${secret}`
        return { body: { path, expiresAt: toIsoTime(expiresAtMs) } }
      },
    }),
  ]
}
