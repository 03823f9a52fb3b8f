import { SESSION_LIFETIME_MS, type SignedRequest } from '../../auth/index.ts'

/**
 * `__Host-`: this host's alone, over TLS, set by nobody beside it. Without TLS browsers refuse the prefix; then it is for
 * loopback, and its name is one that function URLs neither see nor set (`urls/own-credentials.ts`).
 */
function nameOf(secure: boolean): string {
  return secure ? '__Host-lacre-console' : 'lacre-console'
}

/** The secret in the session's cookie. Two of that name are none: another page may have set one. */
export function readSessionCookie(
  headers: SignedRequest['headers'],
  secure: boolean,
): string | undefined {
  const wanted = `${nameOf(secure)}=`
  const found = headers
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .flatMap(([, value]) => value.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(wanted))
  return found.length === 1 ? found[0]?.slice(wanted.length) : undefined
}

/** `Set-Cookie` of a session; of none, where it is over. */
export function sessionCookie(secret: string | undefined, secure: boolean): string {
  const seconds = secret === undefined ? 0 : SESSION_LIFETIME_MS / 1_000
  const flags = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure ? '; Secure' : ''}`
  return `${nameOf(secure)}=${secret ?? ''}; ${flags}`
}
