import { PlatformError } from '../../model/index.ts'

/** OAuth's own words for what went wrong; anything else a provider says is not repeated. */
const ERROR_WORD = /^[a-z_]{1,64}$/
/** Of the code that the browser brought (RFC 6749 §5.2): used, too old, or somebody else's. */
const OF_THE_CODE = new Set(['invalid_grant'])
/** How deep causes are looked into. */
const CAUSES_LIMIT = 4

/**
 * What went wrong between this service and an identity provider, in words. No cause is handed on: those of the client hold
 * the whole answer, tokens included.
 */
export function toSignInError(error: unknown, issuer: string): PlatformError {
  const ours = platformErrorIn(error)
  if (ours !== undefined) {
    if (ours.code === 'INVALID_TOKEN' || ours.code === 'TOKEN_EXPIRED') {
      const why = ours.detail['why']
      const words = typeof why === 'string' ? why : 'it has expired'
      return issuerFailed(issuer, `sent an ID token that is not believed: ${words}`)
    }
    return ours.code === 'UNAVAILABLE'
      ? issuerFailed(issuer, `cannot be asked: ${ours.message}`)
      : ours
  }
  const { code, word } = wordsOf(error)
  switch (code) {
    case 'OAUTH_AUTHORIZATION_RESPONSE_ERROR':
      return new PlatformError('ACCESS_DENIED', `the identity provider signed nobody in (${word})`)
    case 'OAUTH_RESPONSE_BODY_ERROR':
      return OF_THE_CODE.has(word)
        ? new PlatformError('ACCESS_DENIED', `the identity provider takes no such code (${word})`)
        : issuerFailed(issuer, `does not take what this service sends (${word})`)
    default:
      return issuerFailed(issuer, `sent an answer that is not believed (${code})`)
  }
}

/** Why nobody was signed out by a logout token. Whatever it is, the message failed (Back-Channel Logout §2.8). */
export function toLogoutError(error: unknown): unknown {
  if (!(error instanceof PlatformError)) return error
  const why = error.detail['why']
  if (error.code === 'INVALID_TOKEN' && typeof why === 'string') return logoutRefused(why)
  if (error.code === 'TOKEN_EXPIRED') return logoutRefused('it has expired')
  return error.code === 'UNAVAILABLE' ? logoutRefused(error.message) : error
}

/** @param why holds nothing of the token */
export function logoutRefused(why: string): PlatformError {
  return new PlatformError('LOGOUT_REFUSED', `the logout token signs nobody out: ${why}`)
}

/** An identity provider that is not there, or says what cannot be so. @param what follows its name */
export function issuerFailed(issuer: string, what: string): PlatformError {
  return new PlatformError('ISSUER_FAILED', `the identity provider \`${issuer}\` ${what}`)
}

function platformErrorIn(error: unknown): PlatformError | undefined {
  let at = error
  for (let depth = 0; depth < CAUSES_LIMIT && at instanceof Error; depth += 1) {
    if (at instanceof PlatformError) return at
    at = at.cause
  }
  return undefined
}

function wordsOf(error: unknown): { readonly code: string; readonly word: string } {
  const { code, error: said } = (error instanceof Error ? error : {}) as {
    readonly code?: unknown
    readonly error?: unknown
  }
  return {
    code: typeof code === 'string' ? code : 'unknown',
    word: typeof said === 'string' && ERROR_WORD.test(said) ? said : 'unknown',
  }
}
