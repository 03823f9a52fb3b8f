/**
 * Cookies by which the console knows its sessions, without TLS the second form: a port is no border for cookies. Browsers
 * read the prefix without case.
 */
const OWN_COOKIE = /^(?:__host-lacre|lacre-console)/i

/**
 * Whether an `Authorization` is meant for our own APIs: any SigV4 signature, and a bearer token issued for this service.
 * Those never reach a function (RULES §10); a function's own scheme does. Nothing is verified here, for what looks like
 * ours is kept back whether or not it would open anything.
 */
export function isOwnAuthorization(value: string, audiences: readonly string[]): boolean {
  const [, scheme = '', rest = ''] = /^\s*([^\s,]*)[\s,]*(.*)$/s.exec(value) ?? []
  if (/^aws4?(?:-|$)/i.test(scheme)) return true
  if (scheme.toLowerCase() !== 'bearer') return false
  return audiencesOf(rest.trim()).some((audience) => audiences.includes(audience))
}

/** `aud` of a JWT, one or several; none where it is no JWT. */
function audiencesOf(token: string): readonly string[] {
  try {
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
    const { aud } = JSON.parse(text) as { readonly aud?: unknown }
    return (Array.isArray(aud) ? (aud as readonly unknown[]) : [aud]).filter(
      (one) => typeof one === 'string',
    )
  } catch {
    return []
  }
}

/** The pairs of a `Cookie` field in order, our own left out. */
export function foreignCookies(value: string): readonly string[] {
  return value
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !isOwnCookie(pair))
}

/** Of a pair `name=value`, or of a whole `Set-Cookie`. */
export function isOwnCookie(pair: string): boolean {
  return OWN_COOKIE.test(pair.trim())
}
