import { PlatformError } from '../model/index.ts'
import type { OidcIdentityTable } from '../store/index.ts'

/** By which tokens a principal comes. */
export interface OidcIdentity {
  readonly issuer: string
  readonly subject: string
  /** Claims that must be there, with exactly these texts. */
  readonly claims: Readonly<Record<string, string>>
}

const CLAIMS_LIMIT = 16
const TEXT_LIMIT_CHARS = 512
const STARS_LIMIT = 4
/** What a `*` stands for: within one segment, as in publishers' identities (RULES §4). */
const SEGMENT = '[^/@:#]*'

/**
 * A person's subject is exact; a workload's may hold `*`, with owner and what is before it spelled out.
 * @throws PlatformError INVALID_PARAMETER
 */
export function checkIdentity(kind: 'user' | 'workload', identity: OidcIdentity): void {
  const { issuer, subject, claims } = identity
  const texts = [subject, ...Object.keys(claims), ...Object.values(claims)]
  if (texts.some((text) => text === '' || text.length > TEXT_LIMIT_CHARS))
    throw refuse(`subject and claims are texts of 1 to ${TEXT_LIMIT_CHARS} characters`)
  if (Object.keys(claims).length > CLAIMS_LIMIT)
    throw refuse(`at most ${CLAIMS_LIMIT} claims can be demanded`)
  if (!URL.canParse(issuer)) throw refuse('the issuer is no URL')
  const star = subject.indexOf('*')
  if (star < 0) return
  if (kind === 'user') throw refuse('the subject of a person is exact: `*` names many')
  if (subject.includes('**')) throw refuse('`**` does not exist: `*` stays within one segment')
  if (subject.split('*').length - 1 > STARS_LIMIT) throw refuse(`at most ${STARS_LIMIT} \`*\``)
  // Two separators before the first star: `repo:owner/`, `project_path:group/`.
  if ((subject.slice(0, star).match(/[/@:#]/g) ?? []).length < 2)
    throw refuse('before the first `*` the subject names the owner: `repo:owner/…`')
}

/** Is this token of that identity? Both were checked before: the token by its signature, the identity when it was saved. */
export function matchesIdentity(
  identity: OidcIdentity,
  token: {
    readonly issuer: string
    readonly subject: string
    readonly claims: Readonly<Record<string, string>>
  },
): boolean {
  if (token.issuer !== identity.issuer) return false
  if (!subjectPattern(identity.subject).test(token.subject)) return false
  const wanted = Object.entries(identity.claims)
  if (
    !wanted.every(
      ([name, text]) => Object.hasOwn(token.claims, name) && token.claims[name] === text,
    )
  )
    return false
  return !isForeignRequest(token) || names(identity, token)
}

/** A job of a pull request runs somebody else's code: it is taken only where it is named (RULES §4). */
function isForeignRequest({ subject, claims }: Parameters<typeof matchesIdentity>[1]): boolean {
  return (
    subject.endsWith(':pull_request') || claims['event_name']?.startsWith('pull_request') === true
  )
}

function names(identity: OidcIdentity, { claims }: Parameters<typeof matchesIdentity>[1]): boolean {
  const event = claims['event_name'] ?? 'pull_request'
  return identity.claims['event_name'] === event || identity.subject.endsWith(`:${event}`)
}

function subjectPattern(subject: string): RegExp {
  const parts = subject.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join(SEGMENT)}$`)
}

export function toIdentity(row: OidcIdentityTable): OidcIdentity {
  const { issuer, subject, claims } = row
  return { issuer, subject, claims: JSON.parse(claims) as Record<string, string> }
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
