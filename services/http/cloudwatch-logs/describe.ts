import { PlatformError, canonicalJson, sha256, type Json } from '../../model/index.ts'
import { logsOf, type Deps } from '../../operations/index.ts'
import type { JsonObject } from '../lambda/handler.ts'
import { booleanMember, textMember } from '../lambda/members.ts'
import { ConstraintCheck } from '../lambda/validation.ts'
import { groupArn, groupAsked, groupNotFound, limitMember } from './input.ts'

/** AWS: 50 of a page, and that many where nothing is said. */
const PAGE = { max: 50, otherwise: 50 }
const BOUND_CHARS = 16

type LogsDeps = Pick<Deps, 'logs' | 'place'>

export function describeGroups(deps: LogsDeps, json: JsonObject): Json {
  const prefix = textMember(json, 'logGroupNamePrefix')
  const pattern = textMember(json, 'logGroupNamePattern')
  if (prefix !== undefined && pattern !== undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      '`logGroupNamePrefix` and `logGroupNamePattern` exclude each other',
    )
  const found = logsOf(deps)
    .groups()
    .filter(({ name }) => name.startsWith(prefix ?? '') && name.includes(pattern ?? ''))
  const asked: Json = { api: 'DescribeLogGroups', prefix: prefix ?? null, pattern: pattern ?? null }
  const { items, token } = pageOf(found, json, { asked, keyOf: ({ name }) => name })
  return {
    logGroups: items.map(({ name, createdMs, storedBytes }) => ({
      logGroupName: name,
      creationTime: createdMs,
      metricFilterCount: 0,
      arn: `${groupArn(deps.place, name)}:*`,
      logGroupArn: groupArn(deps.place, name),
      storedBytes,
    })),
    ...token,
  }
}

export async function describeStreams(deps: LogsDeps, json: JsonObject): Promise<Json> {
  const group = groupAsked(deps.place, json)
  const prefix = textMember(json, 'logStreamNamePrefix')
  const orderBy = textMember(json, 'orderBy') ?? 'LogStreamName'
  const descending = booleanMember(json, 'descending')
  const check = new ConstraintCheck()
  check.oneOf('orderBy', orderBy, ['LogStreamName', 'LastEventTime'])
  check.finish()
  const byTime = orderBy === 'LastEventTime'
  if (byTime && prefix !== undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Cannot order by LastEventTime with a logStreamNamePrefix.',
    )
  const streams = await logsOf(deps).streams(group)
  if (streams === undefined) throw groupNotFound()
  const keyOf = ({ name, lastMs }: (typeof streams)[number]): string =>
    byTime ? `${String(lastMs).padStart(16, '0')} ${name}` : name
  const found = streams
    .filter(({ name }) => name.startsWith(prefix ?? ''))
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const ordered = descending ? found.toReversed() : found
  const asked: Json = {
    api: 'DescribeLogStreams',
    group,
    prefix: prefix ?? null,
    orderBy,
    descending,
  }
  const { items, token } = pageOf(ordered, json, { asked, keyOf, descending })
  return {
    logStreams: items.map(({ name, firstMs, lastMs }) => ({
      logStreamName: name,
      creationTime: firstMs,
      firstEventTimestamp: firstMs,
      lastEventTimestamp: lastMs,
      lastIngestionTime: lastMs,
      arn: `${groupArn(deps.place, group)}:log-stream:${name}`,
      storedBytes: 0,
    })),
    ...token,
  }
}

/** A page behind the key in its token, which is good for the same question alone. */
function pageOf<T>(
  items: readonly T[],
  json: JsonObject,
  how: { readonly asked: Json; readonly keyOf: (item: T) => string; readonly descending?: boolean },
): { readonly items: readonly T[]; readonly token: { readonly nextToken?: string } } {
  const { asked, keyOf, descending = false } = how
  const limit = limitMember(json, PAGE)
  const after = readKey(asked, textMember(json, 'nextToken'))
  const left = items.filter((item) => {
    if (after === undefined) return true
    return descending ? keyOf(item) < after : keyOf(item) > after
  })
  const shown = left.slice(0, limit)
  const last = shown.at(-1)
  const more = left.length > shown.length && last !== undefined
  return { items: shown, token: more ? { nextToken: toKeyToken(asked, keyOf(last)) } : {} }
}

function toKeyToken(asked: Json, key: string): string {
  const bound = sha256(canonicalJson(asked)).slice(0, BOUND_CHARS)
  return Buffer.from(`${bound} ${key}`).toString('base64url')
}

function readKey(asked: Json, token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  const key = Buffer.from(token, 'base64url')
    .toString('utf8')
    .slice(BOUND_CHARS + 1)
  if (toKeyToken(asked, key) === token) return key
  throw new PlatformError('INVALID_PARAMETER', 'The specified nextToken is invalid.')
}
