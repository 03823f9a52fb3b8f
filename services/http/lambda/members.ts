import { PlatformError, type Json } from '../../model/index.ts'
import type { JsonObject, LambdaRequest } from './handler.ts'

/**
 * Members of a request by their JSON type. `null` counts as not given, as AWS takes it. A member of another type is
 * refused as AWS's deserializer does, before any constraint is looked at.
 */
export function textMember(body: JsonObject, name: string): string | undefined {
  const value = body[name] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw wrongType(name, 'a text')
}

export function integerMember(body: JsonObject, name: string): number | undefined {
  const value = body[name] ?? undefined
  if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value)))
    return value
  throw wrongType(name, 'an integer')
}

export function booleanMember(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false
  if (typeof value === 'boolean') return value
  throw wrongType(name, 'true or false')
}

export function objectMember(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject
  throw wrongType(name, 'an object')
}

export function textsMember(body: JsonObject, name: string): readonly string[] | undefined {
  const value = body[name] ?? undefined
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw wrongType(name, 'a list')
  return value.map((item: Json) => {
    if (typeof item === 'string') return item
    throw wrongType(name, 'a list of texts')
  })
}

/** A map of texts, in the order given. */
export function textMapMember(
  body: JsonObject,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const map = objectMember(body, name)
  if (map === undefined) return undefined
  const entries = Object.entries(map).map(([key, value]): [string, string] => {
    if (typeof value === 'string') return [key, value]
    throw wrongType(name, 'a map of texts')
  })
  return Object.fromEntries(entries)
}

/** One value of the query. */
export function queryMember(request: LambdaRequest, name: string): string | undefined {
  const value = request.query[name]
  if (value === undefined || typeof value === 'string') return value
  throw new PlatformError('INVALID_PARAMETER', `\`${name}\` came more than once`)
}

function wrongType(name: string, expected: string): PlatformError {
  return new PlatformError('INVALID_REQUEST_CONTENT', `\`${name}\` must be ${expected}`, {
    detail: { awsType: 'SerializationException' },
  })
}
