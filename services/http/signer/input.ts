import { parseIsoTime, PlatformError } from '../../model/index.ts'
import type { ConstraintCheck } from '../lambda/validation.ts'
import type { SignerRequest } from './handler.ts'

/** Signer: pages hold 1 to 25. */
const PAGE_LIMIT = 25

export const PLATFORM_ID = 'AWSLambda-SHA384-ECDSA'

/** One value of the query. @throws PlatformError VALIDATION_FAILED */
export function queryText(request: SignerRequest, name: string): string | undefined {
  const value = request.query[name]
  if (value === undefined || typeof value === 'string') return value
  throw invalid(`\`${name}\` came more than once`)
}

export function queryTexts(request: SignerRequest, name: string): readonly string[] {
  const value = request.query[name]
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

export function queryFlag(request: SignerRequest, name: string): boolean {
  const text = queryText(request, name) ?? 'false'
  if (text === 'true' || text === 'false') return text === 'true'
  throw invalid(`\`${name}\` is true or false`)
}

/** RFC 3339 in a query. @throws PlatformError VALIDATION_FAILED */
export function queryTime(request: SignerRequest, name: string): number | undefined {
  const text = queryText(request, name)
  if (text === undefined) return undefined
  const ms = parseIsoTime(text)
  if (ms === undefined) throw invalid(`\`${name}\` is no time like 2026-05-03T14:00:00Z`)
  return ms
}

export function profileName(check: ConstraintCheck, request: SignerRequest): string {
  const name = request.path['profileName'] ?? ''
  check.length('profileName', name, { min: 2, max: 64 })
  check.pattern('profileName', name, /^[a-zA-Z0-9_]{2,}$/, '^[a-zA-Z0-9_]{2,}')
  return name
}

export interface PageAsked {
  readonly after: string | undefined
  readonly limit: number
}

export function readPage(check: ConstraintCheck, request: SignerRequest): PageAsked {
  const text = queryText(request, 'maxResults')
  if (text !== undefined && !/^-?[0-9]{1,9}$/.test(text))
    throw invalid('`maxResults` must be an integer')
  const limit = text === undefined ? PAGE_LIMIT : Number(text)
  check.range('maxResults', limit, { min: 1, max: PAGE_LIMIT })
  const token = queryText(request, 'nextToken')
  const after = token === undefined ? undefined : Buffer.from(token, 'base64url').toString('utf8')
  if (after !== undefined && toToken(after) !== token) throw invalid('`nextToken` is none of ours')
  return { after, limit }
}

/** A page after a name, of a list in that order. */
export function pageOf<T>(
  items: readonly T[],
  page: PageAsked,
  nameOf: (item: T) => string,
): { readonly items: readonly T[]; readonly token: { readonly nextToken?: string } } {
  const { after, limit } = page
  const left = after === undefined ? items : items.filter((item) => nameOf(item) > after)
  const shown = left.slice(0, limit)
  const last = shown.at(-1)
  const more = left.length > limit && last !== undefined
  return { items: shown, token: more ? { nextToken: toToken(nameOf(last)) } : {} }
}

function toToken(name: string): string {
  return Buffer.from(name).toString('base64url')
}

export function invalid(message: string): PlatformError {
  return new PlatformError('VALIDATION_FAILED', message)
}
