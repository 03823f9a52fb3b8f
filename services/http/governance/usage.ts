import { Type } from 'typebox'

import { toIsoTime, type AttemptRecord } from '../../model/index.ts'
import { listAttempts, readLatency, readUsage, type Deps } from '../../operations/index.ts'
import { parseCount, parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const ATTEMPTS = { min: 1, max: 1_000, otherwise: 100 }
/** A day, where nothing is said. */
const USAGE_MS = 86_400_000
/** Three hours, where nothing is said. */
const LATENCY_MS = 3 * 3_600_000

const FunctionName = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const RequestId = Type.String({ pattern: '^[a-zA-Z0-9-]{1,64}$' })
const Token = Type.String({ minLength: 1, maxLength: 256 })
const Window = { from: Type.Optional(InstantText), until: Type.Optional(InstantText) }

/** What attempts to run functions came to. */
export function usageRoutes(deps: Deps): Route[] {
  return [usageRoute(deps), latencyRoute(deps), attemptsRoute(deps)]
}

function usageRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/usage',
    summary: 'What attempts came to by function and version, over the whole hours of a window',
    params: Nothing,
    query: Type.Object({ ...Window, functionName: Type.Optional(FunctionName) }, strict),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      from: InstantText,
      until: InstantText,
      usage: Type.Array(
        Type.Object({
          functionName: Type.String(),
          version: Type.String(),
          attempts: Type.Integer(),
          errors: Type.Integer(),
          timeouts: Type.Integer(),
          billedMs: Type.Integer(),
          gigabyteSeconds: Type.Number(),
          initMs: Type.Number(),
        }),
      ),
    }),
    handle: async ({ query }) => {
      const { functionName } = query
      const { fromMs, untilMs, sums } = await readUsage(deps, {
        ...windowOf(deps, query, USAGE_MS),
        functionName,
      })
      const usage = sums.map(({ billedMbMs, ...sum }) => ({
        ...sum,
        gigabyteSeconds: billedMbMs / MB_MS_PER_GB_S,
      }))
      return { body: { from: toIsoTime(fromMs), until: toIsoTime(untilMs), usage } }
    },
  })
}

const MB_MS_PER_GB_S = 1_024_000

const Milliseconds = Type.Union([Type.Number(), Type.Null()])
const Taken = {
  attempts: Type.Integer(),
  errors: Type.Integer(),
  p50Ms: Milliseconds,
  p90Ms: Milliseconds,
  p99Ms: Milliseconds,
}

function latencyRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/usage/latency',
    summary: 'What attempts took and how many failed, by slots of a window and by function',
    params: Nothing,
    query: Type.Object({ ...Window, functionName: Type.Optional(FunctionName) }, strict),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      from: InstantText,
      until: InstantText,
      slotMs: Type.Integer(),
      slots: Type.Array(Type.Object({ at: InstantText, ...Taken })),
      functions: Type.Array(Type.Object({ functionName: Type.String(), ...Taken })),
    }),
    handle: async ({ query }) => {
      const { functionName } = query
      const window = windowOf(deps, query, LATENCY_MS)
      const { fromMs, untilMs, slotMs, slots, functions } = await readLatency(deps, {
        ...window,
        functionName,
      })
      return {
        body: {
          from: toIsoTime(fromMs),
          until: toIsoTime(untilMs),
          slotMs,
          slots: slots.map(({ atMs, ...taken }) => ({ at: toIsoTime(atMs), ...taken })),
          functions: functions.map((one) => ({ ...one })),
        },
      }
    },
  })
}

function attemptsRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/usage/attempts',
    summary: 'Single attempts, oldest first; the numbers of their REPORT lines',
    params: Nothing,
    query: Type.Object(
      {
        ...Window,
        functionName: Type.Optional(FunctionName),
        requestId: Type.Optional(RequestId),
        after: Type.Optional(Token),
        limit: Type.Optional(CountText),
      },
      strict,
    ),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      attempts: Type.Array(Type.Unknown()),
      after: Token,
      done: Type.Boolean(),
    }),
    handle: async ({ query }) => {
      const { functionName, requestId, after: token, limit } = query
      const page = await listAttempts(deps, {
        ...exactWindowOf(query),
        functionName,
        requestId,
        token,
        limit: parseCount('limit', limit, ATTEMPTS),
      })
      return {
        body: { attempts: page.attempts.map(attemptBody), after: page.token, done: page.done },
      }
    },
  })
}

function attemptBody({ endedAtMs, initMs, ...record }: AttemptRecord) {
  return { endedAt: toIsoTime(endedAtMs), ...record, ...(initMs !== undefined && { initMs }) }
}

interface WindowText {
  readonly from?: string | undefined
  readonly until?: string | undefined
}

function windowOf({ clock }: Deps, { from, until }: WindowText, spanMs: number) {
  const untilMs = until === undefined ? clock.nowMs() : parseInstant('until', until)
  const fromMs = from === undefined ? untilMs - spanMs : parseInstant('from', from)
  return { fromMs: Math.max(0, fromMs), untilMs }
}

/** Open where nothing is said, so that a token goes on in the window that it was given for. */
function exactWindowOf({ from, until }: WindowText) {
  return {
    fromMs: from === undefined ? 0 : parseInstant('from', from),
    untilMs: until === undefined ? Number.MAX_SAFE_INTEGER : parseInstant('until', until),
  }
}
