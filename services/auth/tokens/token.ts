import { compactVerify, errors } from 'jose'

import { PlatformError, parseStrictJson, type Json } from '../../model/index.ts'
import type { TokenIssuer, TokenSettings } from './issuers.ts'
import type { IssuerKeys, KeySet } from './jwks.ts'

/** Pinned: asymmetric alone, so that no public key can be taken for a shared secret; never `none`. */
export const TOKEN_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519']
/** RFC 9068 and plain JWTs; a token of another type was made for something else (RFC 8725 §3.11). */
const TYPES = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'])
/** Tokens are a few kilobytes. */
const TOKEN_LIMIT_CHARS = 16_384
/** RULES §7, of a token that may come again and again. */
const LIFETIME_LIMIT_SECONDS = 3_600
/** A token that comes once is looked at right after it was made, however long it lives. */
export const ONCE_AGE_SECONDS = 600
/** Clocks of the issuer and of this machine may differ by so much. */
export const SKEW_SECONDS = 10
const JSON_DEPTH = 8
export const SUBJECT_LIMIT_CHARS = 512
/** Claims handed on to policies. */
const CLAIMS_LIMIT = 64
const CLAIM_LIMIT_CHARS = 512
/** Of this one token, not of who brings it. */
const NOT_HANDED_ON = new Set([
  'exp',
  'iat',
  'nbf',
  'jti',
  'nonce',
  'at_hash',
  'c_hash',
  'auth_time',
])

export type Claims = { readonly [name: string]: Json | undefined }

/** A token that an issuer signed for us. */
export interface VerifiedToken {
  readonly issuer: string
  readonly subject: string
  /** Texts, numbers and truth values, as texts; `iss` and `sub` among them. */
  readonly claims: Readonly<Record<string, string>>
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

export interface TokenRules {
  readonly settings: TokenSettings
  readonly keys: Pick<IssuerKeys, 'of'>
  readonly nowMs: number
  /** Of an ID token: it was made for the one sign-in that this was sent with (OpenID Connect Core §3.1.3.7). */
  readonly nonce?: string
}

/**
 * An OIDC token as RULES §7 wants it: configured issuer, pinned algorithm, signature, our audience and no other, a
 * lifetime of an hour at most. No message holds a part of the token.
 * @throws PlatformError INVALID_TOKEN, TOKEN_EXPIRED, UNAVAILABLE where the issuer's keys cannot be had
 */
export async function verifyToken(token: string, rules: TokenRules): Promise<VerifiedToken> {
  const { issuer, claims } = await verifyClaims(token, rules)
  if (rules.nonce !== undefined) checkSignIn(claims, rules.settings.audience, rules.nonce)
  const times = checkTimes(claims, rules.nowMs / 1_000, rules.nonce !== undefined)
  const subject = claims['sub']
  if (typeof subject !== 'string' || subject === '' || subject.length > SUBJECT_LIMIT_CHARS)
    throw refuse('it names no subject')
  return { issuer: issuer.url, subject, claims: textClaims(claims), ...times }
}

/**
 * What a configured issuer signed for our audience and no other; of when, and of whom, nothing is looked at here.
 * @param types that the header may name, in small letters
 * @throws PlatformError INVALID_TOKEN, UNAVAILABLE where the issuer's keys cannot be had
 */
export async function verifyClaims(
  token: string,
  rules: Pick<TokenRules, 'settings' | 'keys'>,
  types: ReadonlySet<string> = TYPES,
): Promise<{ readonly issuer: TokenIssuer; readonly claims: Claims }> {
  const header = readTokenHeader(token, types)
  const issuer = findIssuer(token, rules.settings.issuers)
  const keys = await rules.keys.of(issuer, header['kid'])
  const claims = parseMembers(await verifySignedToken(token, keys, types))
  // What was read before the signature was checked chose the keys and nothing else.
  if (claims['iss'] !== issuer.url) throw refuse('it is of no configured issuer')
  checkAudience(claims, rules.settings.audience)
  return { issuer, claims }
}

/** The header alone: form, algorithm, type; nothing critical is understood. @throws PlatformError INVALID_TOKEN */
function readTokenHeader(token: string, types: ReadonlySet<string>): Claims {
  if (token.length > TOKEN_LIMIT_CHARS || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
    throw refuse('it is no signed JWT')
  const header = parseMembers(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url'))
  const { alg, typ, kid } = header
  if (typeof alg !== 'string' || !TOKEN_ALGORITHMS.includes(alg))
    throw refuse('its algorithm is not accepted')
  if (typ !== undefined && !(typeof typ === 'string' && types.has(typ.toLowerCase())))
    throw refuse('it is of another type')
  if (kid !== undefined && typeof kid !== 'string') throw refuse('its key has no name')
  // RFC 7515 §4.1.11, RFC 7797: what must be understood and is not is refused.
  if (header['crit'] !== undefined || header['b64'] !== undefined)
    throw refuse('it demands what is not understood')
  return header
}

/** The payload of a token that one of these keys signed. @throws PlatformError INVALID_TOKEN */
export async function verifySignedToken(
  token: string,
  keys: KeySet,
  types: ReadonlySet<string> = TYPES,
): Promise<Uint8Array> {
  readTokenHeader(token, types)
  try {
    return (await compactVerify(token, keys, { algorithms: TOKEN_ALGORITHMS })).payload
  } catch (error) {
    // jose's errors name what is wrong; none of them is handed on, lest one day one holds the token.
    const code = error instanceof errors.JOSEError ? error.code : 'unknown'
    if (code === 'ERR_JWKS_NO_MATCHING_KEY') throw refuse('its issuer has no such key')
    if (code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') throw refuse('it does not say by which key')
    throw refuse('its signature does not verify')
  }
}

function findIssuer(token: string, issuers: readonly TokenIssuer[]): TokenIssuer {
  const claimed = parseMembers(Buffer.from(token.split('.')[1] ?? '', 'base64url'))['iss']
  const issuer = issuers.find(({ url }) => url === claimed)
  if (issuer === undefined) throw refuse('it is of no configured issuer')
  return issuer
}

function parseMembers(bytes: Uint8Array): Claims {
  try {
    const members = parseStrictJson(bytes, JSON_DEPTH)
    if (members !== null && typeof members === 'object' && !Array.isArray(members))
      return members as Claims
  } catch (error) {
    // The message of a parser may quote what it could not read.
    if (!(error instanceof PlatformError)) throw error
  }
  throw refuse('it cannot be read')
}

/** For us and for nobody else: whoever else it is for could bring it here. */
function checkAudience(claims: Claims, audience: string): void {
  const { aud } = claims
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (list.length !== 1 || list[0] !== audience)
    throw refuse(`it is not for the audience \`${audience}\` alone`)
}

function checkSignIn({ nonce, azp }: Claims, clientId: string, wanted: string): void {
  if (nonce !== wanted) throw refuse('it was made for another sign-in')
  if (azp !== undefined && azp !== clientId) throw refuse('it was handed to another client')
}

/**
 * @param now seconds
 * @param once whether it comes once, right after it was made
 * @returns when it was made and when it ends
 * @throws PlatformError INVALID_TOKEN, TOKEN_EXPIRED
 */
export function checkTimes(
  claims: Claims,
  now: number,
  once: boolean,
): Pick<VerifiedToken, 'issuedAtMs' | 'expiresAtMs'> {
  const { exp, iat, nbf } = claims
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf)))
    throw refuse('it does not say when it was made and when it ends')
  if (!once && exp - iat > LIFETIME_LIMIT_SECONDS)
    throw refuse(`it lives longer than ${LIFETIME_LIMIT_SECONDS} s`)
  if (once && now - iat > ONCE_AGE_SECONDS)
    throw refuse(`it was made more than ${ONCE_AGE_SECONDS} s ago`)
  if (Math.max(iat, nbf ?? iat) > now + SKEW_SECONDS) throw refuse('it is not valid yet')
  if (now >= exp + SKEW_SECONDS)
    throw new PlatformError(
      'TOKEN_EXPIRED',
      'The security token included in the request is expired',
    )
  return { issuedAtMs: Math.floor(iat * 1_000), expiresAtMs: Math.floor(exp * 1_000) }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function textClaims(claims: Claims): Readonly<Record<string, string>> {
  const found: [string, string][] = []
  for (const [name, value] of Object.entries(claims)) {
    if (NOT_HANDED_ON.has(name) || name === '__proto__') continue
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      continue
    const text = String(value)
    if (name.length <= CLAIM_LIMIT_CHARS && text.length <= CLAIM_LIMIT_CHARS)
      found.push([name, text])
  }
  if (found.length > CLAIMS_LIMIT) throw refuse(`it has more than ${CLAIMS_LIMIT} claims`)
  return Object.fromEntries(found)
}

/** @param why follows `because`, and holds nothing of the token */
export function refuse(why: string): PlatformError {
  return new PlatformError(
    'INVALID_TOKEN',
    `The security token included in the request is invalid: ${why}`,
    { detail: { why } },
  )
}
