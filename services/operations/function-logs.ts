import { findAlias, findFunction, findLatest, findPublishedVersion } from '../catalog/index.ts'
import {
  parseFilterPattern,
  versionOfStream,
  type LogEvent,
  type Logs,
  type LogQuery,
} from '../logs/index.ts'
import { LATEST, PlatformError, defaultLogging, type Json } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { functionNotFound } from './function-reference.ts'
import { readPageToken, toPageToken } from './log-pages.ts'

/** The longest wait for something new, milliseconds. */
export const LOG_WAIT_LIMIT_MS = 20_000
/** How many wait at once; whoever comes later is answered at once. */
export const LOG_FOLLOWERS_LIMIT = 256

export interface FunctionLogsAsked {
  readonly functionName: string
  readonly qualifier?: string | undefined
  readonly fromMs?: number | undefined
  readonly untilMs?: number | undefined
  /** A filter pattern of CloudWatch Logs. */
  readonly filter?: string | undefined
  readonly requestId?: string | undefined
  /** Behind this place, oldest first … */
  readonly token?: string | undefined
  /** … or the last ones before this one; `now` for the end. */
  readonly before?: string | undefined
  readonly limit: number
  /** How long to wait where there is nothing new. */
  readonly waitMs: number
}

export interface FunctionLogsPage {
  readonly logGroup: string
  readonly events: readonly LogEvent[]
  /** Behind what was looked at … */
  readonly token: string
  /** … and before it. */
  readonly before: string
  /** Whether nothing more was there, in the direction in which it was read. */
  readonly done: boolean
}

/** A place before which a page is wanted: the end. */
const NOW = 'now'

/**
 * What a function wrote, in the order in which it came; by an alias what the versions wrote that it means now. The group is the one that the
 * function, or the version asked for, writes to now; of a group that several share, the function's own lines alone.
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER, UNAVAILABLE
 */
export async function readFunctionLogs(
  deps: Deps,
  asked: FunctionLogsAsked,
): Promise<FunctionLogsPage> {
  const logs = logsOf(deps)
  const { functionName, qualifier, fromMs, untilMs, filter, requestId } = asked
  const source = await deps.store.snapshot((reader) => sourceOf(deps, reader, asked))
  if (source === undefined && !logs.has(defaultLogging(functionName).group))
    throw functionNotFound(deps.place, functionName, qualifier)
  const { group, versions } = source ?? {
    group: defaultLogging(functionName).group,
    versions: qualifier === undefined ? undefined : [qualifier],
  }
  const question: Json = {
    api: 'logs', functionName, group, qualifier: qualifier ?? null, fromMs: fromMs ?? null,
    untilMs: untilMs ?? null, filter: filter ?? null, requestId: requestId ?? null,
  } // prettier-ignore
  const query: LogQuery = {
    fromMs,
    untilMs,
    functionName,
    requestId,
    stream: streamsOf(versions),
    message: parseFilterPattern(filter),
  }
  const { before, token } = asked
  if (before !== undefined && token !== undefined)
    throw new PlatformError('INVALID_PARAMETER', '`before` and `after` exclude each other')
  const page =
    before === undefined
      ? await readForward(logs, group, query, {
          ...asked,
          from: readPageToken(question, token),
        })
      : await readBack(logs, group, query, {
          from: before === NOW ? undefined : readPageToken(question, before),
          limit: asked.limit,
        })
  return {
    logGroup: group,
    events: page.events,
    token: toPageToken(question, page.behind),
    before: toPageToken(question, page.before),
    done: page.done,
  }
}

interface PlacedPage {
  readonly events: readonly LogEvent[]
  readonly before: LogEvent['at']
  readonly behind: LogEvent['at']
  readonly done: boolean
}

/** Of a group that nothing was written to. */
const BEGINNING = { segment: 1, offset: 0 }

async function readForward(
  ...[logs, group, query, asked]: Parameters<typeof readOrWait>
): Promise<PlacedPage> {
  const { events, next, done } = await readOrWait(logs, group, query, asked)
  return { events, before: asked.from ?? events[0]?.at ?? next, behind: next, done }
}

async function readBack(
  logs: Logs,
  group: string,
  query: LogQuery,
  asked: { readonly from: LogEvent['at'] | undefined; readonly limit: number },
): Promise<PlacedPage> {
  const page = await logs.readBackward(group, query, asked)
  if (page === undefined) return { events: [], before: BEGINNING, behind: BEGINNING, done: true }
  return { events: page.events, before: page.next, behind: page.from, done: page.done }
}

/** @throws PlatformError UNAVAILABLE */
export function logsOf({ logs }: Pick<Deps, 'logs'>): Logs {
  if (logs !== undefined) return logs
  throw new PlatformError('UNAVAILABLE', 'no logs are kept by this service')
}

function streamsOf(versions: readonly string[] | undefined): LogQuery['stream'] {
  if (versions === undefined) return undefined
  return (stream) => versions.includes(versionOfStream(stream) ?? '')
}

/** The group and, where a qualifier says so, the versions; `undefined` where there is no such function any more. */
async function sourceOf(
  deps: Deps,
  reader: Reader,
  { functionName, qualifier }: FunctionLogsAsked,
): Promise<
  { readonly group: string; readonly versions: readonly string[] | undefined } | undefined
> {
  const owner = await findFunction(reader, functionName)
  if (owner === undefined) return undefined
  const isVersion = qualifier === undefined || qualifier === LATEST || /^\d+$/.test(qualifier)
  const alias = isVersion ? undefined : await findAlias(reader, owner.id, qualifier)
  if (!isVersion && alias === undefined) throw functionNotFound(deps.place, functionName, qualifier)
  const version = alias?.version ?? qualifier ?? LATEST
  const found =
    version === LATEST
      ? await findLatest(reader, owner)
      : await findPublishedVersion(reader, owner.id, version)
  const group = found?.configuration.LoggingConfig.LogGroup ?? defaultLogging(functionName).group
  if (alias !== undefined) {
    const second = alias.routing?.version
    return { group, versions: [alias.version, ...(second === undefined ? [] : [second])] }
  }
  return { group, versions: qualifier === undefined ? undefined : [qualifier] }
}

async function readOrWait(
  logs: Logs,
  group: string,
  query: LogQuery,
  asked: {
    readonly from: LogEvent['at'] | undefined
    readonly limit: number
    readonly waitMs: number
  },
): Promise<{
  readonly events: readonly LogEvent[]
  readonly next: LogEvent['at']
  readonly done: boolean
}> {
  const signal = AbortSignal.timeout(Math.min(asked.waitMs, LOG_WAIT_LIMIT_MS))
  let { from } = asked
  for (;;) {
    const page = await logs.read(group, query, { from, limit: asked.limit })
    if (page === undefined) {
      // Nothing was written to it yet.
      if (!(await waited(logs, { group, from }, asked.waitMs, signal)))
        return { events: [], next: from ?? BEGINNING, done: true }
      continue
    }
    from = page.next
    if (page.events.length > 0 || !page.done) return page
    if (!(await waited(logs, { group, from }, asked.waitMs, signal))) return page
  }
}

/** Whether something was written meanwhile. */
async function waited(
  logs: Logs,
  { group, from }: { readonly group: string; readonly from: LogEvent['at'] | undefined },
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (waitMs <= 0 || signal.aborted || logs.waiting >= LOG_FOLLOWERS_LIMIT) return false
  return await logs.written(group, from, signal)
}
