import { PlatformError, type Principal } from '../model/index.ts'
import type { PrincipalRecord } from './principals.ts'
import { SESSIONS_LIMIT, isOver } from './session-times.ts'
import { isFromBefore, isSignedOut, type Logout } from './sign-in/logout-token.ts'
import { toPrincipal } from './tokens/bearer.ts'
import { SKEW_SECONDS, type VerifiedToken } from './tokens/token.ts'

interface Held {
  /** What an ID token said, not the token: roles and claims are matched with it again at each request. */
  readonly token: VerifiedToken
  readonly principalId: string
  readonly beganAtMs: number
  readonly seenAtMs: number
}

/**
 * Sessions of people whom an identity provider signed in, by the hash of their secret. They lie in memory alone, claims and
 * all: a restart ends them, and the provider opens the next one.
 */
export class TokenSessions {
  /** In the order of their beginning. */
  readonly #held = new Map<string, Held>()

  begin(hash: string, begun: Omit<Held, 'seenAtMs'>): void {
    for (const [key, held] of this.#held) if (isOver(held, begun.beganAtMs)) this.#held.delete(key)
    const own = [...this.#held].filter(([, held]) => held.principalId === begun.principalId)
    for (const [key] of own.slice(0, Math.max(0, own.length + 1 - SESSIONS_LIMIT)))
      this.#held.delete(key)
    this.#held.set(hash, { ...begun, seenAtMs: begun.beganAtMs })
  }

  /** The session as it stands, which is seen by it. */
  find(hash: string, nowMs: number): Held | undefined {
    const held = this.read(hash, nowMs)
    if (held !== undefined) this.#held.set(hash, { ...held, seenAtMs: nowMs })
    return held
  }

  /** The session as it stands, which grows no younger by it. */
  read(hash: string, nowMs: number): Held | undefined {
    const held = this.#held.get(hash)
    if (held === undefined || !isOver(held, nowMs)) return held
    this.#held.delete(hash)
    return undefined
  }

  end(hash: string): void {
    this.#held.delete(hash)
  }

  /** Ends those that the provider signed out, and no other. @returns how many that were */
  endBy(logout: Logout): number {
    const ended = [...this.#held].filter(
      ([, { token }]) => isSignedOut(token, logout) && isFromBefore(token, logout, SKEW_SECONDS),
    )
    for (const [hash] of ended) this.#held.delete(hash)
    return ended.length
  }
}

/** Which person comes by a token, as for every token; workloads do not open the console. @throws PlatformError ACCESS_DENIED */
export function personOf(token: VerifiedToken, records: readonly PrincipalRecord[]): Principal {
  try {
    const principal = toPrincipal(token, records)
    if (principal.kind === 'user') return principal
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    if (error.code !== 'UNKNOWN_ACCESS_KEY') throw error
  }
  throw new PlatformError(
    'ACCESS_DENIED',
    `nobody here comes by the subject \`${token.subject}\` of \`${token.issuer}\`: \`lacre user create NAME --issuer … --subject …\` by whoever administers this service`,
  )
}
