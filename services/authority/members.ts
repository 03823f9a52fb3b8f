import type { Json } from '../model/index.ts'
import { refuse } from './refusal.ts'

export type Members = Readonly<Record<string, Json | undefined>>

/** A JSON object with no member beside these: protobuf's JSON mapping discards nothing here. */
export function toMembers(
  value: Json | undefined,
  known: readonly string[],
  what: string,
): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('request-shape', `${what} is not a JSON object`)
  const members = value as Members
  for (const name of Object.keys(members)) {
    if (!known.includes(name))
      throw refuse('unknown-member', `${what} has the unknown member \`${name.slice(0, 80)}\``)
  }
  return members
}

export function toText(value: Json | undefined, what: string): string {
  if (typeof value !== 'string' || value === '')
    throw refuse('request-shape', `${what} is missing or not a string`)
  return value
}

/** Bytes of protobuf's JSON mapping: base64 of the standard alphabet, canonical, at least one byte. */
export function toBytes(value: Json | undefined, what: string): Uint8Array {
  const text = toText(value, what)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw refuse('base64', `${what} is not canonical base64`)
  return bytes
}

export function toList(value: Json | undefined, what: string, limit: number): readonly Json[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > limit)
    throw refuse('request-shape', `${what} is not a list of 1 to ${limit}`)
  return value as readonly Json[]
}
