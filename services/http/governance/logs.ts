import { Type } from 'typebox'

import { toIsoTime, type AttemptRecord } from '../../model/index.ts'
import {
  LOG_WAIT_LIMIT_MS,
  listAttempts,
  readFunctionLogs,
  readUsage,
  versionOfStream,
  type Deps,
  type LogEvent,
} from '../../operations/index.ts'
import { parseCount, parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const EVENTS = { min: 1, max: 10_000, otherwise: 1_000 }
const ATTEMPTS = { min: 1, max: 1_000, otherwise: 100 }
const WAIT = { min: 0, max: LOG_WAIT_LIMIT_MS, otherwise: 0 }
/** A day, where nothing is said. */
const USAGE_MS = 86_400_000

const FunctionName = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const Qualifier = Type.String({ pattern: '^(\\$LATEST|[a-zA-Z0-9-_]{1,128})$' })
const RequestId = Type.String({ pattern: '^[a-zA-Z0-9-]{1,64}$' })
const Token = Type.String({ minLength: 1, maxLength: 256 })
const Window = { from: Type.Optional(InstantText), until: Type.Optional(InstantText) }

/** What functions wrote, and what their attempts came to. */
export function logRoutes(deps: Deps): Route[] {
  return [logsRoute(deps), usageRoute(deps), attemptsRoute(deps)]
}

function logsRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/functions/:functionName/logs',
    summary:
      'What a function wrote, oldest first. `after` goes on behind a page, also where it was `done`; `waitMs` waits there for more',
    params: Type.Object({ functionName: FunctionName }, strict),
    query: Type.Object(
      {
        ...Window,
        qualifier: Type.Optional(Qualifier),
        filter: Type.Optional(Type.String({ maxLength: 1_024 })),
        requestId: Type.Optional(RequestId),
        after: Type.Optional(Token),
        limit: Type.Optional(CountText),
        waitMs: Type.Optional(CountText),
      },
      strict,
    ),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      logGroup: Type.String(),
      events: Type.Array(
        Type.Object({
          time: InstantText,
          message: Type.String(),
          requestId: Type.Optional(Type.String()),
          version: Type.Optional(Type.String()),
          stream: Type.String(),
        }),
      ),
      after: Token,
      done: Type.Boolean(),
    }),
    handle: async ({ params, query }) => {
      const { from, until, after: token, limit, waitMs, ...rest } = query
      const page = await readFunctionLogs(deps, {
        ...params,
        ...rest,
        fromMs: from === undefined ? undefined : parseInstant('from', from),
        untilMs: until === undefined ? undefined : parseInstant('until', until),
        token,
        limit: parseCount('limit', limit, EVENTS),
        waitMs: parseCount('waitMs', waitMs, WAIT),
      })
      const { logGroup, events, done } = page
      return { body: { logGroup, events: events.map(eventBody), after: page.token, done } }
    },
  })
}

function eventBody({ timestampMs, message, requestId, stream }: LogEvent) {
  const version = versionOfStream(stream)
  return {
    time: toIsoTime(timestampMs),
    message,
    ...(requestId !== undefined && { requestId }),
    ...(version !== undefined && { version }),
    stream,
  }
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
        ...windowOf(deps, query),
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

function windowOf({ clock }: Deps, { from, until }: WindowText) {
  const untilMs = until === undefined ? clock.nowMs() : parseInstant('until', until)
  const fromMs = from === undefined ? untilMs - USAGE_MS : parseInstant('from', from)
  return { fromMs: Math.max(0, fromMs), untilMs }
}

/** Open where nothing is said, so that a token goes on in the window that it was given for. */
function exactWindowOf({ from, until }: WindowText) {
  return {
    fromMs: from === undefined ? 0 : parseInstant('from', from),
    untilMs: until === undefined ? Number.MAX_SAFE_INTEGER : parseInstant('until', until),
  }
}
