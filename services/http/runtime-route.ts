import { Type } from 'typebox'

import { toIsoTime } from '../model/index.ts'
import type { Deps } from '../operations/index.ts'
import { route, type Route } from './governance/route.ts'
import { InstantText, Nothing } from './governance/schemas.ts'
import type { HttpMetrics } from './metrics.ts'

const Milliseconds = Type.Union([Type.Number(), Type.Null()])

/** What runs and how calls fare, as people read it; `/metrics` has the same for machines. */
export function runtimeRoutes(
  { runtime, clock }: Pick<Deps, 'runtime' | 'clock'>,
  metrics: Pick<HttpMetrics, 'invocations'>,
): Route[] {
  const sinceMs = clock.nowMs()
  return [
    route({
      method: 'GET',
      path: '/runtime',
      summary: 'Environments, and what became of invocations since the service started',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({
        since: InstantText,
        environments: Type.Object({
          environments: Type.Integer(),
          busy: Type.Integer(),
          idle: Type.Integer(),
          started: Type.Integer(),
          reset: Type.Integer(),
        }),
        functions: Type.Array(
          Type.Object({
            functionName: Type.String(),
            outcomes: Type.Record(Type.String(), Type.Integer()),
            meanMs: Milliseconds,
            p50Ms: Milliseconds,
            p95Ms: Milliseconds,
          }),
        ),
      }),
      handle: async () => {
        const { environments, busy, idle, started, reset } = runtime.stats()
        const functions = (await metrics.invocations()).map((one) => ({ ...one }))
        return {
          body: {
            since: toIsoTime(sinceMs),
            environments: { environments, busy, idle, started, reset },
            functions,
          },
        }
      },
    }),
  ]
}
