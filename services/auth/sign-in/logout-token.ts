import { sha256 } from '../../model/index.ts'
import {
  SUBJECT_LIMIT_CHARS,
  checkTimes,
  refuse,
  verifyClaims,
  type Claims,
  type TokenRules,
  type VerifiedToken,
} from '../tokens/token.ts'

/** What makes a token one that signs out; no other token of an issuer has it (OpenID Connect Back-Channel Logout 1.0 §2.4). */
export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Its own, and the plain one, which providers from before that was recommended go on using. */
const TYPES = new Set(['logout+jwt', 'application/logout+jwt', 'jwt', 'application/jwt'])

/** Whom an identity provider signed out: somebody, or one session of his; at least one of the two is there. */
export interface Logout {
  /** Of this one message: a digest of its `jti`. */
  readonly id: string
  readonly issuer: string
  readonly subject: string | undefined
  /** `sid`. */
  readonly session: string | undefined
  readonly issuedAtMs: number
}

/**
 * A logout token (§2.6): as every token of an issuer is looked at, and made for nothing else. Whether it came before is not
 * asked here.
 * @throws PlatformError INVALID_TOKEN, TOKEN_EXPIRED, UNAVAILABLE where the issuer's keys cannot be had
 */
export async function verifyLogoutToken(
  token: string,
  rules: Omit<TokenRules, 'nonce'>,
): Promise<Logout> {
  const { issuer, claims } = await verifyClaims(token, rules, TYPES)
  // An ID token has one: neither may stand in for the other.
  if (Object.hasOwn(claims, 'nonce')) throw refuse('it has a nonce, which no logout token has')
  if (!isLogoutEvent(claims['events'])) throw refuse('its events are not exactly that of a logout')
  const { issuedAtMs } = checkTimes(claims, rules.nowMs / 1_000, true)
  const id = textOf(claims, 'jti')
  if (id === undefined) throw refuse('it has no jti')
  const [subject, session] = [textOf(claims, 'sub'), textOf(claims, 'sid')]
  if (subject === undefined && session === undefined)
    throw refuse('it names neither a subject nor a session')
  return { id: sha256(id), issuer: issuer.url, subject, session, issuedAtMs }
}

/**
 * Whether somebody who signed in by this token is signed out by that. With a session named it is that one alone, and with a
 * subject beside it his. An ID token that named no session cannot say that it is another: it is then a matter of the subject.
 */
export function isSignedOut(token: VerifiedToken, logout: Logout): boolean {
  const { issuer, subject } = logout
  if (token.issuer !== issuer || (subject !== undefined && token.subject !== subject)) return false
  const session = token.claims['sid']
  if (session === undefined) return subject !== undefined
  return logout.session === undefined || logout.session === session
}

/**
 * Whether this token was made before that; both times are the provider's own, of whose clocks one may be behind.
 * @param skewSeconds how much
 */
export function isFromBefore(token: VerifiedToken, logout: Logout, skewSeconds: number): boolean {
  return token.issuedAtMs <= logout.issuedAtMs + skewSeconds * 1_000
}

function isLogoutEvent(events: Claims[string]): boolean {
  if (!isObject(events)) return false
  const [[name, value] = [], ...others] = Object.entries(events)
  return name === LOGOUT_EVENT && isObject(value) && others.length === 0
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws PlatformError INVALID_TOKEN for what is there and no such text */
function textOf(claims: Claims, name: string): string | undefined {
  const value = claims[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.length > SUBJECT_LIMIT_CHARS)
    throw refuse(`its ${name} is no text of up to ${SUBJECT_LIMIT_CHARS} characters`)
  return value
}
