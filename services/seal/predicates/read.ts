import type { Json } from '../../model/index.ts'
import { toList, toObject, toText, type Members } from '../members.ts'
import { malformed } from '../refusal.ts'

/** Text that becomes a fact is at most so long; beyond it the document is refused, not cut. */
const TEXT_LIMIT_CHARS = 2_048

/** A member that must be text of 1 to 2,048 characters. @throws PlatformError INVALID_SEAL */
export function requiredText(members: Members, name: string, what: string): string {
  const text = toText(members[name], `\`${name}\` of ${what}`)
  if (text === '' || text.length > TEXT_LIMIT_CHARS)
    throw malformed('text', `\`${name}\` of ${what} is not 1 to ${TEXT_LIMIT_CHARS} characters`)
  return text
}

/** As `requiredText`; absent, null and empty are the same. @throws PlatformError INVALID_SEAL */
export function optionalText(members: Members, name: string, what: string): string | undefined {
  const value = members[name]
  if (value === undefined || value === null || value === '') return undefined
  return requiredText(members, name, what)
}

/** A list of at most `limit`; absent and null are empty. @throws PlatformError INVALID_SEAL */
export function listOf(value: Json | undefined, what: string, limit: number): readonly Json[] {
  if (value === undefined || value === null) return []
  const list = toList(value, what)
  if (list.length > limit)
    throw malformed('too-many', `${what} has ${list.length} items; at most ${limit} are read`)
  return list
}

/** Absent and null are an empty object. @throws PlatformError INVALID_SEAL */
export function objectOf(value: Json | undefined, what: string): Members {
  return value === undefined || value === null ? {} : toObject(value, what)
}

/** An object, or nothing where it is something else: for parts that other producers write otherwise. */
export function objectOrNothing(value: Json | undefined): Members | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return value as Members
}

export function optional<K extends string>(
  name: K,
  value: string | undefined,
): { readonly [name in K]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [name in K]?: string }
}
