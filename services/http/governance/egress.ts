import { Type } from 'typebox'

import { toIsoTime } from '../../model/index.ts'
import { readEgress, setEgress, type Deps } from '../../operations/index.ts'
import { route, type Route } from './route.ts'
import { InstantText, Nothing, Sha256Text } from './schemas.ts'

const strict = { additionalProperties: false } as const
const Name = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const FunctionParams = Type.Object({ functionName: Name }, strict)
/** Read strictly by `model`, which says of each what is wrong with it. */
const Allow = Type.Array(Type.String({ minLength: 1, maxLength: 300 }), { maxItems: 200 })
const Qualifier = Type.String({ pattern: '^(\\$LATEST|[a-zA-Z0-9-_]{1,128})$' })

/** The hosts that a function may connect to. */
export function egressRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/functions/:functionName/egress',
      summary:
        'The hosts that $LATEST, a version or an alias may connect to; whether they are opened here',
      params: FunctionParams,
      query: Type.Object({ qualifier: Type.Optional(Qualifier) }, strict),
      body: Nothing,
      status: 200,
      answer: Type.Object({ version: Type.String(), allow: Allow, opened: Type.Boolean() }),
      handle: async ({ params, query }) => {
        const asked = { functionName: params.functionName, qualifier: query.qualifier }
        return { body: { ...(await readEgress(deps, asked)) } }
      },
    }),
    route({
      method: 'PUT',
      path: '/functions/:functionName/egress',
      summary:
        'Sets the hosts that $LATEST may connect to: `host:port` or `*.host:port`, none where empty',
      params: FunctionParams,
      query: Nothing,
      body: Type.Object({ allow: Allow }, strict),
      status: 200,
      answer: Type.Object({
        version: Type.String(),
        allow: Allow,
        opened: Type.Boolean(),
        release: Sha256Text,
        revisionId: Type.String(),
        lastModified: InstantText,
      }),
      handle: async ({ caller, params, body }) => {
        const { version, decisionId } = await setEgress(deps, caller, { ...params, ...body })
        const { release, revisionId, lastModifiedMs } = version
        return {
          body: {
            version: version.version,
            allow: version.configuration.Egress ?? [],
            opened: deps.runtime.opensEgress,
            release,
            revisionId,
            lastModified: toIsoTime(lastModifiedMs),
          },
          decision: { id: decisionId },
        }
      },
    }),
  ]
}
