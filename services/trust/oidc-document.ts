import {
  PlatformError,
  type OidcClaim,
  type OidcIdentity,
  type OidcPublisherDocument,
} from '../model/index.ts'

export const OIDC_MEMBERS = ['issuer', 'identity', 'claims'] as const

const TEXT_LIMIT_CHARS = 2_048
const VALUES_LIMIT = 16
/** Whether the claim may be given by a glob: what pins one thing may not. */
const CLAIMS: Readonly<Record<OidcClaim, 'glob' | 'exact' | 'number'>> = {
  buildSignerUri: 'glob',
  buildSignerDigest: 'exact',
  runnerEnvironment: 'exact',
  repository: 'exact',
  repositoryId: 'number',
  owner: 'exact',
  ownerId: 'number',
  commit: 'exact',
  ref: 'glob',
  workflow: 'glob',
  workflowDigest: 'exact',
  event: 'exact',
  runUri: 'glob',
  visibility: 'exact',
}

type Members = Readonly<Record<string, unknown>>

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}

/**
 * The members of an `oidc` publisher (RULES §4): the issuer exact, the type of the identity named, globs literal through
 * host and owner, names of repositories and owners beside their numbers (a renamed one can be taken by somebody else).
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseOidc(
  document: Members,
): Pick<OidcPublisherDocument, 'trustedRoot' | 'issuer' | 'identity' | 'claims'> {
  const issuer = toText(document['issuer'], '`issuer`')
  if (!/^https?:\/\/[^/*]+(?:\/[^*]*)?$/.test(issuer))
    throw refuse('`issuer` is not the exact URL of an OIDC issuer')
  const { claims } = document
  return {
    // parsed with the members that every kind may have
    trustedRoot: toString(document['trustedRoot']),
    issuer,
    identity: parseIdentity(document['identity']),
    ...(claims !== undefined && { claims: parseClaims(claims) }),
  }
}

function toString(value: unknown): string {
  if (typeof value !== 'string') throw refuse('`trustedRoot` is not a Sigstore TrustedRoot as text')
  return value
}

function parseIdentity(value: unknown): OidcIdentity {
  const { type, value: text, ...more } = toMembers(value, '`identity`')
  refuseMore(more, '`identity`')
  if (type !== 'uri' && type !== 'email' && type !== 'username')
    throw refuse('the type of `identity` is `uri`, `email` or `username`')
  const name = toText(text, 'the value of `identity`')
  checkGlob(name)
  if (name.includes('*') && !isAnchored(type, name))
    throw refuse(
      type === 'uri'
        ? `the glob \`${name}\` is not literal through host and owner: \`https://HOST/OWNER/…\``
        : `the glob \`${name}\` is not literal in its domain`,
    )
  return { type, value: name }
}

/** The first segment of the path is the owner; in an address the domain stands behind the last `@` (or `!`). */
function isAnchored(type: OidcIdentity['type'], glob: string): boolean {
  if (type === 'uri') return /^[a-z][a-z0-9+.-]*:\/\/[^/*@?#]+\/[^/*@?#]+\//.test(glob)
  return type === 'email' ? /@[^@*]+$/.test(glob) : /![^!*]+$/.test(glob)
}

function checkGlob(text: string): void {
  if (text.includes('**'))
    throw refuse(`\`${text}\`: \`**\` is no glob, \`*\` stands within one segment`)
}

function parseClaims(value: unknown): OidcPublisherDocument['claims'] {
  const members = toMembers(value, '`claims`')
  const claims: Partial<Record<OidcClaim, readonly string[]>> = {}
  for (const [name, values] of Object.entries(members)) {
    if (!isClaim(name)) throw refuse(`\`claims\` has the unknown member \`${name.slice(0, 80)}\``)
    claims[name] = parseValues(name, values)
  }
  if (claims.repository !== undefined && claims.repositoryId === undefined)
    throw refuse('the claim `repository` needs `repositoryId` beside it: names can be taken over')
  if (claims.owner !== undefined && claims.ownerId === undefined)
    throw refuse('the claim `owner` needs `ownerId` beside it: names can be taken over')
  return claims
}

function isClaim(name: string): name is OidcClaim {
  return Object.hasOwn(CLAIMS, name)
}

/** One text, or several of which one must fit. */
function parseValues(name: OidcClaim, value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0 || list.length > VALUES_LIMIT)
    throw refuse(`the claim \`${name}\` has 1 to ${VALUES_LIMIT} values`)
  return list.map((item) => {
    const text = toText(item, `the claim \`${name}\``)
    checkGlob(text)
    if (CLAIMS[name] !== 'glob' && text.includes('*'))
      throw refuse(`the claim \`${name}\` is given exactly, without \`*\``)
    if (CLAIMS[name] === 'number' && !/^\d{1,20}$/.test(text))
      throw refuse(`the claim \`${name}\` is a number as text`)
    return text
  })
}

function toMembers(value: unknown, what: string): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse(`${what} is not a JSON object`)
  return value as Members
}

function refuseMore(more: Members, what: string): void {
  const [unknown] = Object.keys(more)
  if (unknown !== undefined)
    throw refuse(`${what} has the unknown member \`${unknown.slice(0, 80)}\``)
}

function toText(value: unknown, what: string): string {
  // printable only: what nobody sees must not tell two names apart
  if (typeof value !== 'string' || value.length > TEXT_LIMIT_CHARS || !/^[^\p{C}\s]+$/u.test(value))
    throw refuse(`${what} is not a printable text without white space`)
  return value
}
