import { compactVerify, decodeProtectedHeader, errors } from 'jose'

import type { IssuerKeys } from '../../auth/index.ts'
import { PlatformError, parseStrictJson, type Clock } from '../../model/index.ts'
import type { Members } from '../members.ts'
import { refuse } from '../refusal.ts'
import type { Issuer } from './issuers.ts'

/** Pinned: no symmetric algorithm, no `none`, no SHA-1. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519']
/** Tokens are a few kilobytes. */
const TOKEN_LIMIT_CHARS = 16_384
/** RULES §7: a token that lives longer is none that we take. */
const LIFETIME_LIMIT_SECONDS = 3_600
/** Clocks of the issuer and of this machine may differ by so much. */
const SKEW_SECONDS = 10

/** A token that an issuer signed for us. */
export interface VerifiedToken {
  readonly issuer: Issuer
  readonly subject: string
  readonly claims: Members
}

export interface TokenVerifierOptions {
  readonly issuers: readonly Issuer[]
  readonly keys: Pick<IssuerKeys, 'of'>
  readonly clock: Clock
}

/**
 * Verifies an OIDC token: configured issuer, pinned algorithm, signature, audience, times. The same token may come
 * again while it lives, as with Fulcio. No message holds a part of it.
 * @throws PlatformError INVALID_PARAMETER with a reason, UNAVAILABLE where the issuer's keys cannot be had
 */
export async function verifyToken(
  token: string,
  options: TokenVerifierOptions,
): Promise<VerifiedToken> {
  if (token.length > TOKEN_LIMIT_CHARS || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
    throw refuse('token-form', 'the identity token is not a signed JWT')
  const issuer = findIssuer(token, options.issuers)
  const header = readHeader(token)
  if (typeof header.alg !== 'string' || !ALGORITHMS.includes(header.alg))
    throw refuse('token-algorithm', 'the algorithm of the identity token is not accepted')
  const keys = await keysOf(issuer, header.kid, options)
  const claims = toClaims(await verifySignature(token, keys))
  // What was read before the signature was checked chose the keys and nothing else.
  if (claims['iss'] !== issuer.url)
    throw refuse('token-issuer', 'the identity token is not of a configured issuer')
  checkAudience(claims, issuer)
  checkTimes(claims, options.clock.nowMs() / 1_000)
  const subject = claims['sub']
  if (typeof subject !== 'string' || subject === '')
    throw refuse('token-subject', 'the identity token has no subject')
  return { issuer, subject, claims }
}

function findIssuer(token: string, issuers: readonly Issuer[]): Issuer {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url')
  const claimed = toClaims(payload)['iss']
  const issuer = issuers.find(({ url }) => url === claimed)
  if (issuer === undefined)
    throw refuse('token-issuer', 'the identity token is not of a configured issuer')
  return issuer
}

function readHeader(token: string): { readonly alg?: unknown; readonly kid?: unknown } {
  try {
    return decodeProtectedHeader(token)
  } catch {
    throw refuse('token-form', 'the header of the identity token cannot be read')
  }
}

async function keysOf(
  issuer: Issuer,
  kid: unknown,
  { keys }: TokenVerifierOptions,
): ReturnType<IssuerKeys['of']> {
  try {
    return await keys.of(issuer, kid)
  } catch (cause) {
    const message = `the keys of the issuer \`${issuer.url}\` cannot be had`
    throw refuse('issuer-unreachable', message, { code: 'UNAVAILABLE', cause })
  }
}

async function verifySignature(
  token: string,
  keys: Awaited<ReturnType<IssuerKeys['of']>>,
): Promise<Uint8Array> {
  try {
    return (await compactVerify(token, keys, { algorithms: ALGORITHMS })).payload
  } catch (error) {
    // jose's errors name what is wrong; none of them is handed on, lest one day one holds the token.
    const code = error instanceof errors.JOSEError ? error.code : 'unknown'
    if (code === 'ERR_JWKS_NO_MATCHING_KEY')
      throw refuse('token-key', 'the issuer has no key that the identity token names')
    throw refuse('token-signature', 'the signature of the identity token does not verify')
  }
}

function toClaims(payload: Uint8Array): Members {
  try {
    const claims = parseStrictJson(payload, 8)
    if (claims !== null && typeof claims === 'object' && !Array.isArray(claims))
      return claims as Members
  } catch (error) {
    // The message of a parser may quote what it could not read.
    if (!(error instanceof PlatformError)) throw error
  }
  throw refuse('token-form', 'the claims of the identity token cannot be read')
}

/** For us and for nobody else: whoever else it is for could bring it here. */
function checkAudience(claims: Members, issuer: Issuer): void {
  const audience = claims['aud']
  const list: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (list.length !== 1 || list[0] !== issuer.audience)
    throw refuse(
      'token-audience',
      `the identity token is not for the audience \`${issuer.audience}\``,
    )
}

function checkTimes(claims: Members, now: number): void {
  const { exp, iat, nbf } = claims
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf)))
    throw refuse('token-times', 'the identity token does not say when it was made and when it ends')
  if (now >= exp + SKEW_SECONDS) throw refuse('token-expired', 'the identity token has expired')
  if (Math.max(iat, nbf ?? iat) > now + SKEW_SECONDS)
    throw refuse('token-not-yet', 'the identity token is not valid yet')
  if (exp - iat > LIFETIME_LIMIT_SECONDS)
    throw refuse(
      'token-lifetime',
      `the identity token lives longer than ${LIFETIME_LIMIT_SECONDS} s`,
    )
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
