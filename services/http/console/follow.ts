import type { ConsoleSessions } from '../../auth/index.ts'
import { EVERYTHING, PlatformError, type Clock, type Principal } from '../../model/index.ts'
import type { Send } from '../answer-pipe.ts'
import type { Face, TakenRequest } from '../pipeline.ts'
import type { WireAnswer } from '../wire.ts'
import { PAGE_HEADERS } from './answers.ts'
import { ConsoleApi, type ApiParts } from './api.ts'
import { consolePlan } from './door.tsx'
import { errorPage } from './error-page.tsx'
import type { Followers } from './followers.ts'
import { readQueryMembers, type Members } from './form.ts'
import { oneHeader } from './guard.ts'
import { shownLines, type LogEventBody } from './log-lines.ts'
import type { Entered } from './session-gate.ts'
import type { Doorway } from './sign-in-help.tsx'

export const FOLLOW_PATH = '/console/logs/follow'
/** What one follower gets on average; a page that was larger is waited off. */
export const FOLLOW_BYTES_PER_SECOND = 262_144
/** Without a line for so long, whoever follows is asked whether he still does. */
export const FOLLOW_IDLE_MS = 10 * 60_000
/** How long a turn waits for lines; between two of them session and permission are asked about again. */
const TURN_WAIT_MS = 5_000
/** No turn follows another faster. */
const TURN_PAUSE_MS = 500
const TURN_EVENTS = '200'

export interface FollowParts extends ApiParts {
  readonly doorway: Doorway
  readonly sessions: ConsoleSessions
  readonly clock: Clock
  readonly followers: Followers
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal
}

/** The answer of `GET /functions/:functionName/logs`. */
export interface LogsAnswer {
  readonly logGroup: string
  readonly events: readonly LogEventBody[]
  readonly after: string
  readonly before: string
  readonly done: boolean
}

/** What is asked of the route of logs by a query of the console. @throws PlatformError INVALID_PARAMETER */
export function logsAsked({ function: functionName, qualifier, filter, request }: Members): {
  readonly params: Members
  readonly query: Members
} {
  if (functionName === undefined)
    throw new PlatformError('INVALID_PARAMETER', 'name a function whose log is wanted')
  const query = { qualifier, filter, requestId: request }
  return {
    params: { functionName },
    query: Object.fromEntries(
      Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined),
    ),
  }
}

/**
 * What a function writes, as it comes: server-sent events. Each turn reads by the route that the page reads by, as the person
 * of the session, who is looked up again: with session or permission it ends.
 */
export function followFace(parts: FollowParts, entered: Entered): Face {
  return {
    name: 'console',
    refuse: (error) => errorPage(parts.doorway, error),
    plan: ({ query, headers }) => ({
      ...consolePlan('GET /logs/follow', false),
      action: 'lacre:OpenConsole',
      resource: EVERYTHING,
      run: async (taken) => {
        const members = readQueryMembers(query)
        // A browser that reconnects says what it has.
        const after = oneHeader(headers, 'last-event-id') ?? members['after']
        return await follow(parts, taken, { members, after, secret: entered.secret ?? '' })
      },
    }),
  }
}

interface Followed {
  readonly members: Members
  readonly after: string | undefined
  readonly secret: string
}

async function follow(
  parts: FollowParts,
  taken: TakenRequest,
  followed: Followed,
): Promise<WireAnswer> {
  const { params, query } = logsAsked(followed.members)
  const read: Turning['read'] = async (principal, after, waitMs) => {
    const place: Members =
      after === undefined ? { before: 'now' } : { after, waitMs: String(waitMs) }
    const limit = after === undefined ? '1' : TURN_EVENTS
    const api = new ConsoleApi(parts, { ...taken.caller, principal })
    return await api.get('/functions/:functionName/logs', {
      params,
      query: { ...query, ...place, limit },
    })
  }
  // What cannot be read is refused before anything is streamed.
  const first = await read(taken.caller.principal, followed.after, 0)
  const place = parts.followers.take(followed.secret)
  const ended = AbortSignal.any([taken.signal, parts.stopping])
  const release = (): void => place[Symbol.dispose]()
  taken.signal.addEventListener('abort', release, { once: true })
  if (taken.signal.aborted) release()
  return {
    status: 200,
    headers: {
      ...PAGE_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    },
    stream: async (send) => {
      try {
        // Without a place to go on from, lines count from now on.
        const start = followed.after === undefined ? { ...first, events: [] } : first
        const why = await turns(parts, { read, send, ended, start, secret: followed.secret })
        if (!taken.signal.aborted) await send(eventOf('end', why))
      } finally {
        release()
      }
    },
  }
}

interface Turning {
  readonly read: (
    principal: Principal,
    after: string | undefined,
    waitMs: number,
  ) => Promise<LogsAnswer>
  readonly send: Send
  readonly ended: AbortSignal
  readonly start: LogsAnswer
  readonly secret: string
}

/** @returns why it ended, for whoever reads */
async function turns(
  { clock, sessions }: Pick<FollowParts, 'clock' | 'sessions'>,
  { read, send, ended, start, secret }: Turning,
): Promise<string> {
  let page = start
  let quietSinceMs = clock.monotonicMs()
  let requestId: string | undefined
  for (;;) {
    const bytes = page.events.length === 0 ? ALIVE : linesOf(page, requestId)
    requestId = page.events.at(-1)?.requestId ?? requestId
    await send(bytes)
    const nowMs = clock.monotonicMs()
    if (page.events.length > 0) quietSinceMs = nowMs
    if (nowMs - quietSinceMs >= FOLLOW_IDLE_MS) return 'nothing came for ten minutes'
    const pauseMs = Math.max(TURN_PAUSE_MS, (bytes.byteLength / FOLLOW_BYTES_PER_SECOND) * 1_000)
    const paused = await clock.sleep(pauseMs, ended).then(
      () => true,
      () => false,
    )
    if (!paused) return 'the service stops'
    const principal = await sessions.whoseSession(secret)
    if (principal === undefined) return 'the session is over'
    try {
      const next = await unlessEnded(read(principal, page.after, TURN_WAIT_MS), ended)
      if (next === undefined) return 'the service stops'
      page = next
    } catch (error) {
      if (error instanceof PlatformError && error.code !== 'INTERNAL') return error.publicMessage
      throw error
    }
  }
}

async function unlessEnded<T>(work: Promise<T>, ended: AbortSignal): Promise<T | undefined> {
  if (ended.aborted) return undefined
  return await new Promise<T | undefined>((resolve, reject) => {
    const stop = (): void => resolve(undefined)
    ended.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => ended.removeEventListener('abort', stop))
  })
}

/** A comment: it shows a dead connection, and nothing else. */
const ALIVE = Buffer.from(':\n\n')

function linesOf({ events, after }: LogsAnswer, requestId: string | undefined): Buffer {
  return eventOf('lines', shownLines(events, requestId), after)
}

/** JSON has no line break of its own in it, so that no text ends an event. */
function eventOf(name: string, data: unknown, id?: string): Buffer {
  const named = id === undefined ? '' : `id: ${id}\n`
  return Buffer.from(`event: ${name}\n${named}data: ${JSON.stringify(data)}\n\n`)
}
