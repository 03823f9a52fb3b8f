import { Type } from 'typebox'

import { toIsoTime } from '../../model/index.ts'
import {
  LOG_WAIT_LIMIT_MS,
  readFunctionLogs,
  versionOfStream,
  type Deps,
  type LogEvent,
} from '../../operations/index.ts'
import { parseCount, parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const EVENTS = { min: 1, max: 10_000, otherwise: 1_000 }
const WAIT = { min: 0, max: LOG_WAIT_LIMIT_MS, otherwise: 0 }

const FunctionName = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const Qualifier = Type.String({ pattern: '^(\\$LATEST|[a-zA-Z0-9-_]{1,128})$' })
const RequestId = Type.String({ pattern: '^[a-zA-Z0-9-]{1,64}$' })
const Token = Type.String({ minLength: 1, maxLength: 256 })
const Window = { from: Type.Optional(InstantText), until: Type.Optional(InstantText) }

/** What functions wrote. */
export function logRoutes(deps: Deps): Route[] {
  return [logsRoute(deps)]
}

function logsRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/functions/:functionName/logs',
    summary:
      'What a function wrote, oldest first. `after` goes on behind a page, also where it was `done`; `waitMs` waits there for more. `before=now` gives the last ones, `before` of a page those before it',
    params: Type.Object({ functionName: FunctionName }, strict),
    query: Type.Object(
      {
        ...Window,
        qualifier: Type.Optional(Qualifier),
        filter: Type.Optional(Type.String({ maxLength: 1_024 })),
        requestId: Type.Optional(RequestId),
        after: Type.Optional(Token),
        before: Type.Optional(Token),
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
          level: Type.Optional(Type.String()),
          requestId: Type.Optional(Type.String()),
          version: Type.Optional(Type.String()),
          stream: Type.String(),
        }),
      ),
      after: Token,
      before: Token,
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
      const { logGroup, events, before, done } = page
      return { body: { logGroup, events: events.map(eventBody), after: page.token, before, done } }
    },
  })
}

function eventBody({ timestampMs, message, level, requestId, stream }: LogEvent) {
  const version = versionOfStream(stream)
  return {
    time: toIsoTime(timestampMs),
    message,
    ...(level !== undefined && { level }),
    ...(requestId !== undefined && { requestId }),
    ...(version !== undefined && { version }),
    stream,
  }
}
