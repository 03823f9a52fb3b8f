import type { Json } from './canonical-json.ts'
import { PlatformError } from './errors.ts'
import { JSON_DEPTH_LIMIT } from './limits.ts'

/**
 * JSON as signatures and ledgers need it: UTF-8 without byte order mark, no duplicate member names at any
 * depth, nesting of at most `depthLimit`, nothing after the value, nothing that `canonicalJson` has no form for: halves
 * of surrogate pairs, numbers beyond a double.
 * JSON.parse keeps the last of two equal names, so two readers could see two documents.
 * @throws PlatformError INVALID_REQUEST_CONTENT
 */
export function parseStrictJson(bytes: Uint8Array, depthLimit: number = JSON_DEPTH_LIMIT): Json {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw refuse('the JSON is not UTF-8', cause)
  }
  checkNestingAndNames(text, depthLimit)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw refuse(`the JSON cannot be read: ${(cause as Error).message.slice(0, 120)}`, cause)
  }
  checkValues(value)
  return value
}

/** As deep as the nesting that was let through. */
function checkValues(value: Json): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw refuse('the JSON has a number that is too large')
  if (typeof value === 'string') checkText(value)
  if (value === null || typeof value !== 'object') return
  if (!Array.isArray(value)) for (const name of Object.keys(value)) checkText(name)
  for (const inner of Object.values(value) as readonly Json[]) checkValues(inner)
}

function checkText(text: string): void {
  if (!text.isWellFormed()) throw refuse('the JSON has half of a surrogate pair in a string')
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_REQUEST_CONTENT', message, { cause })
}

/** Walks the text once, without recursion; JSON.parse then judges the grammar. */
function checkNestingAndNames(text: string, depthLimit: number): void {
  const open: (Set<string> | undefined)[] = []
  let nameStart = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at)
    if (char === '"') {
      const end = endOfString(text, at)
      const names = open.at(-1)
      if (nameStart && names !== undefined) addName(names, text.slice(at, end + 1))
      nameStart = false
      at = end
    } else if (char === '{' || char === '[') {
      if (open.length >= depthLimit) throw refuse(`the JSON nests deeper than ${depthLimit} levels`)
      open.push(char === '{' ? new Set() : undefined)
      nameStart = char === '{'
    } else if (char === '}' || char === ']') {
      open.pop()
      nameStart = false
    } else if (char === ',') {
      nameStart = open.at(-1) !== undefined
    }
  }
}

function addName(names: Set<string>, literal: string): void {
  let name: string
  try {
    name = JSON.parse(literal) as string
  } catch (cause) {
    throw refuse('the JSON has a malformed string', cause)
  }
  if (names.has(name)) throw refuse(`the JSON has the member \`${name.slice(0, 80)}\` twice`)
  names.add(name)
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charAt(at)
    if (char === '\\') at += 1
    else if (char === '"') return at
  }
  throw refuse('the JSON ends inside a string')
}
