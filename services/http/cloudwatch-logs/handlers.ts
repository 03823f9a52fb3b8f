import { PlatformError, type Json } from '../../model/index.ts'
import {
  logsOf,
  parseFilterPattern,
  readPageToken,
  toPageToken,
  type Deps,
  type LogEvent,
  type LogQuery,
} from '../../operations/index.ts'
import type { JsonObject } from '../lambda/handler.ts'
import { booleanMember, textMember, textsMember } from '../lambda/members.ts'
import { describeGroups, describeStreams } from './describe.ts'
import { groupAsked, groupNotFound, limitMember, timeMember } from './input.ts'
import type { LogsHandlers } from './service.ts'

/** AWS: pages of events hold 10,000 at most, and that many where nothing is said. */
const EVENTS = { max: 10_000, otherwise: 10_000 }
const STREAM_NAMES_LIMIT = 100

type LogsDeps = Pick<Deps, 'logs' | 'place'>

export function logsHandlers(deps: LogsDeps): LogsHandlers {
  return {
    DescribeLogGroups: (json) => Promise.resolve(describeGroups(deps, json)),
    DescribeLogStreams: (json) => describeStreams(deps, json),
    FilterLogEvents: (json) => filterEvents(deps, json),
    GetLogEvents: (json) => getEvents(deps, json),
  }
}

async function filterEvents(deps: LogsDeps, json: JsonObject): Promise<Json> {
  const group = groupAsked(deps.place, json)
  const [startTime, endTime] = [timeMember(json, 'startTime'), timeMember(json, 'endTime')]
  const names = textsMember(json, 'logStreamNames')
  const prefix = textMember(json, 'logStreamNamePrefix')
  if (names !== undefined && prefix !== undefined)
    throw invalid('`logStreamNames` and `logStreamNamePrefix` exclude each other')
  if (names !== undefined && (names.length === 0 || names.length > STREAM_NAMES_LIMIT))
    throw invalid(`\`logStreamNames\` takes 1 to ${STREAM_NAMES_LIMIT} names`)
  if (startTime !== undefined && endTime !== undefined && startTime > endTime)
    throw invalid('`startTime` is after `endTime`')
  const pattern = textMember(json, 'filterPattern')
  const query: LogQuery = {
    fromMs: startTime,
    // AWS: events later than `endTime` are left out here; one of that very instant is not.
    untilMs: endTime === undefined ? undefined : endTime + 1,
    stream: streamsOf(names, prefix),
    message: parseFilterPattern(pattern),
  }
  const asked: Json = {
    api: 'FilterLogEvents', group, startTime: startTime ?? null, endTime: endTime ?? null,
    names: names ?? null, prefix: prefix ?? null, pattern: pattern ?? null,
  } // prettier-ignore
  const from = readPageToken(asked, textMember(json, 'nextToken'))
  const page = await logsOf(deps).read(group, query, { from, limit: limitMember(json, EVENTS) })
  if (page === undefined) throw groupNotFound()
  return {
    events: page.events.map((event) => ({
      logStreamName: event.stream,
      ...eventBody(event),
      eventId: eventId(event),
    })),
    searchedLogStreams: [],
    ...(page.done ? {} : { nextToken: toPageToken(asked, page.next) }),
  }
}

function streamsOf(
  names: readonly string[] | undefined,
  prefix: string | undefined,
): LogQuery['stream'] {
  if (names !== undefined) {
    const wanted = new Set(names)
    return (stream) => wanted.has(stream)
  }
  return prefix === undefined ? undefined : (stream) => stream.startsWith(prefix)
}

/** One stream, forward or backward. At either end the token that was given comes back, as on AWS. */
async function getEvents(deps: LogsDeps, json: JsonObject): Promise<Json> {
  const group = groupAsked(deps.place, json)
  const name = textMember(json, 'logStreamName')
  if (name === undefined || name === '') throw invalid('`logStreamName` is to be given')
  const [startTime, endTime] = [timeMember(json, 'startTime'), timeMember(json, 'endTime')]
  const asked: Json = { api: 'GetLogEvents', group, name, startTime: startTime ?? null, endTime: endTime ?? null } // prettier-ignore
  const logs = logsOf(deps)
  const streams = await logs.streams(group)
  if (streams === undefined) throw groupNotFound()
  if (!streams.some((stream) => stream.name === name))
    throw new PlatformError('RESOURCE_NOT_FOUND', 'The specified log stream does not exist.')
  const query: LogQuery = { fromMs: startTime, untilMs: endTime, stream: (one) => one === name }
  const limit = limitMember(json, EVENTS)
  const token = textMember(json, 'nextToken')
  const forward =
    token === undefined ? booleanMember(json, 'startFromHead') : token.startsWith('f/')
  if (token !== undefined && !/^[fb]\//.test(token))
    throw invalid('the specified nextToken is invalid')
  const from = readPageToken(asked, token?.slice(2))
  const page = forward
    ? await logs.read(group, query, { from, limit })
    : await logs.readBackward(group, query, { from, limit })
  if (page === undefined) throw groupNotFound()
  const here = from ?? page.events[0]?.at ?? page.next
  const behind = forward ? page.next : behindOf(page.events, from, page.next)
  const before = forward ? here : page.next
  return {
    events: page.events.map(eventBody),
    nextForwardToken: `f/${toPageToken(asked, behind)}`,
    nextBackwardToken: `b/${toPageToken(asked, before)}`,
  }
}

/** Reading backward, what comes next forward is behind the last event that was shown. */
function behindOf(
  events: readonly LogEvent[],
  from: LogEvent['at'] | undefined,
  next: LogEvent['at'],
): LogEvent['at'] {
  const last = events.at(-1)?.end
  if (from !== undefined) return from
  return last ?? next
}

function eventBody({ timestampMs, message }: LogEvent) {
  return { timestamp: timestampMs, message, ingestionTime: timestampMs }
}

/** Digits that order as the events do, and name one for as long as it is kept. */
function eventId({ timestampMs, at }: LogEvent): string {
  const digits = (value: number, length: number): string => String(value).padStart(length, '0')
  return `${digits(timestampMs, 20)}${digits(at.segment, 16)}${digits(at.offset, 20)}`
}

function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
