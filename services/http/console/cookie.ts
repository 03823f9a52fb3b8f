import { SESSION_LIFETIME_MS, SIGN_IN_MS, type SignedRequest } from '../../auth/index.ts'

/** A session, or a sign-in that is under way. */
type Kept = 'session' | 'sign-in'

const NAMES: Readonly<Record<Kept, string>> = {
  session: 'lacre-console',
  'sign-in': 'lacre-console-sign-in',
}

/**
 * `__Host-`: this host's alone, over TLS, set by nobody beside it. Without TLS browsers refuse the prefix; then it is for
 * loopback, and its name is one that function URLs neither see nor set (`urls/own-credentials.ts`).
 */
function nameOf(kept: Kept, secure: boolean): string {
  return secure ? `__Host-${NAMES[kept]}` : NAMES[kept]
}

/** The secret in the session's cookie. */
export function readSessionCookie(
  headers: SignedRequest['headers'],
  secure: boolean,
): string | undefined {
  return readCookie(headers, 'session', secure)
}

/** What a cookie of ours holds. Two of that name are none: another page may have set one. */
export function readCookie(
  headers: SignedRequest['headers'],
  kept: Kept,
  secure: boolean,
): string | undefined {
  const wanted = `${nameOf(kept, secure)}=`
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
  return `${nameOf('session', secure)}=${secret ?? ''}; ${flags}`
}

/** `Set-Cookie` of a sign-in that is under way. `Lax`: it has to come along when another site sends the browser back. */
export function signInCookie(value: string, secure: boolean): string {
  const seconds = SIGN_IN_MS / 1_000
  const flags = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure ? '; Secure' : ''}`
  return `${nameOf('sign-in', secure)}=${value}; ${flags}`
}
