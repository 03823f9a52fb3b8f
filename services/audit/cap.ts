import { limits, type Json } from '../model/index.ts'

/** Foreign text as an entry may hold it: at most 512 characters, and such as canonical JSON has (RULES §6). */
export function capText(text: string): string {
  return text.slice(0, limits.LEDGER_STRING_LIMIT_CHARS).toWellFormed()
}

export function capStrings(value: Json): Json {
  if (typeof value === 'string') return capText(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: Json) => capStrings(item))
  const members = Object.entries(value as { readonly [name: string]: Json | undefined })
  return Object.fromEntries(
    members.flatMap(([name, member]) =>
      member === undefined ? [] : [[capText(name), capStrings(member)]],
    ),
  )
}
