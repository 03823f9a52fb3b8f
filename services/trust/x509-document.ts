import {
  PlatformError,
  type RevocationSettings,
  type X509PublisherDocument,
} from '../model/index.ts'
import { encodePem, parsePem, TAG } from '../seal/index.ts'
import { VerificationCache } from './cache.ts'
import { parseRevocationList } from './revocation-list.ts'
import { givenBytes } from './refusals.ts'

/** Members of an `x509` publisher beside its certificates and names. */
export const X509_SETTINGS: readonly string[] = ['policies', 'profile', 'revocation']
const POLICIES_LIMIT = 32
const LISTS_LIMIT = 16
const URL_LIMIT_CHARS = 2_000
/** Longer lists than fit into a document are fetched. */
const PEM_LIMIT_CHARS = 65_536

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}

/** @throws PlatformError INVALID_PARAMETER */
export function parseX509Settings(
  document: Readonly<Record<string, unknown>>,
): Pick<X509PublisherDocument, 'policies' | 'profile' | 'revocation'> {
  const { policies, profile, revocation } = document
  if (profile !== undefined && profile !== 'rfc5280') throw refuse('`profile` can be `rfc5280`')
  return {
    ...(policies !== undefined && { policies: parsePolicies(policies) }),
    ...(profile !== undefined && { profile }),
    ...(revocation !== undefined && { revocation: parseRevocation(revocation) }),
  }
}

function parsePolicies(value: unknown): string[] {
  const list = toList(value, '`policies`', POLICIES_LIMIT)
  return list.map((oid) => {
    if (typeof oid !== 'string' || !/^[0-2](?:\.(?:0|[1-9]\d{0,18})){1,30}$/.test(oid))
      throw refuse('`policies` holds object identifiers in dotted form')
    // any policy would be no constraint
    if (oid === '2.5.29.32.0') throw refuse('`policies` cannot hold any policy (2.5.29.32.0)')
    return oid
  })
}

function parseRevocation(value: unknown): RevocationSettings {
  const settings = toMembers(value, '`revocation`', ['lists', 'maxAgeMs', 'onFailure'])
  const { maxAgeMs, onFailure = 'closed' } = settings
  if (onFailure !== 'closed' && onFailure !== 'open')
    throw refuse('`onFailure` of `revocation` is `closed` or `open`')
  return {
    lists: toList(settings['lists'], '`lists` of `revocation`', LISTS_LIMIT).map(parseSource),
    ...(maxAgeMs !== undefined && { maxAgeMs: toDuration(maxAgeMs) }),
    onFailure,
  }
}

function parseSource(value: unknown): RevocationSettings['lists'][number] {
  const { pem, url } = toMembers(value, 'a revocation list', ['pem', 'url'])
  if (typeof url === 'string' && pem === undefined) return { url: toListUrl(url) }
  if (typeof pem === 'string' && url === undefined) return { pem: toListPem(pem) }
  throw refuse('a revocation list is given by `pem` or by `url`')
}

/**
 * The PEM of a revocation list in DER or PEM, of whatever length, that reads strictly.
 * @throws PlatformError INVALID_PARAMETER
 */
export function revocationListPem(bytes: Uint8Array): string {
  const der = bytes[0] === TAG.sequence
  return readList(der ? encodePem('X509 CRL', bytes) : Buffer.from(bytes).toString('latin1'))
}

function toListPem(pem: string): string {
  if (pem.length > PEM_LIMIT_CHARS)
    throw refuse(`a revocation list of more than ${PEM_LIMIT_CHARS} characters is given by its url`)
  return readList(pem)
}

function readList(pem: string): string {
  return givenBytes(() => {
    const [block, ...more] = parsePem(pem)
    if (block?.label !== 'X509 CRL' || more.length > 0)
      throw refuse('a revocation list is exactly one PEM block `X509 CRL`')
    parseRevocationList(block.bytes, new VerificationCache())
    return encodePem(block.label, block.bytes)
  })
}

/** Who may be reached under it is looked at when it is fetched. */
function toListUrl(text: string): string {
  const url = text.length <= URL_LIMIT_CHARS && URL.canParse(text) ? new URL(text) : undefined
  const plain = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !plain || url.username !== '' || url.password !== '' || url.hash !== '')
    throw refuse('the url of a revocation list is http or https, without a user or a fragment')
  return url.href
}

function toDuration(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0)
    throw refuse('`maxAgeMs` is not a positive whole number of milliseconds')
  return value
}

function toMembers(
  value: unknown,
  what: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse(`${what} is not a JSON object`)
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw refuse(`${what} has the unknown member \`${unknown.slice(0, 80)}\``)
  return value as Readonly<Record<string, unknown>>
}

function toList(value: unknown, what: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > limit)
    throw refuse(`${what} is not a list of 1 to ${limit} items`)
  return value
}
