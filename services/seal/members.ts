import type { Json } from '../model/index.ts'
import { decodeBase64 } from './base64.ts'
import { malformed } from './refusal.ts'

export type Members = Readonly<Record<string, Json | undefined>>

/** A JSON object with no member beside these. `what` names it in the refusal. @throws PlatformError INVALID_SEAL */
export function toMembers(
  value: Json | undefined,
  known: readonly string[],
  what: string,
): Members {
  const members = toObject(value, what)
  for (const name of Object.keys(members)) {
    if (!known.includes(name))
      throw malformed('unknown-member', `${what} has the unknown member \`${name.slice(0, 80)}\``)
  }
  return members
}

export function toObject(value: Json | undefined, what: string): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw malformed('json-shape', `${what} is not a JSON object`)
  return value as Members
}

export function toList(value: Json | undefined, what: string): readonly Json[] {
  if (!Array.isArray(value)) throw malformed('json-shape', `${what} is not a JSON array`)
  return value as readonly Json[]
}

export function toText(value: Json | undefined, what: string): string {
  if (typeof value !== 'string') throw malformed('json-shape', `${what} is not a JSON string`)
  return value
}

/** Protobuf's JSON writes a member that is not there as null as well; the depth is bounded by the parser. */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => withoutNulls(item))
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value as Members).flatMap(([name, member]) =>
    member === null || member === undefined ? [] : [[name, withoutNulls(member)] as const],
  )
  return Object.fromEntries(members)
}

/** Canonical base64 of at least one byte. */
export function toBytes(value: Json | undefined, what: string): Uint8Array {
  const text = toText(value, what)
  if (text === '') throw malformed('base64', `${what} is empty`)
  return decodeBase64(text, what)
}

/** The only one of these members that stands. */
export function onlyOne(members: Members, names: readonly string[], what: string): string {
  const present = names.filter((name) => members[name] !== undefined)
  const [name] = present
  if (name === undefined || present.length !== 1)
    throw malformed('json-shape', `${what} must hold exactly one of ${names.join(', ')}`)
  return name
}
