import {
  PlatformError,
  sha256,
  type Clock,
  type ErrorCode,
  type Principal,
  type Random,
} from '../model/index.ts'
import type { ConsoleSessionTable, Reader, Store } from '../store/index.ts'
import { findPrincipal, listPrincipals } from './principals.ts'
import { SESSIONS_LIMIT, SESSION_IDLE_MS, SESSION_LIFETIME_MS, isOver } from './session-times.ts'
import type { Logout } from './sign-in/logout-token.ts'
import { SeenLogouts } from './sign-in/seen-logouts.ts'
import { TokenSessions, personOf } from './token-sessions.ts'
import type { VerifiedToken } from './tokens/token.ts'

/** From printing a link to signing in with it (RULES §10). */
export const CONSOLE_LINK_MS = 60_000
/** 256 bits, for links and sessions alike. */
const SECRET_BYTES = 32
/** Links of one principal that may lie open at once. */
const OPEN_LINKS_LIMIT = 8
/** How exactly the last request is remembered: reading a page is no write. */
const SEEN_EVERY_MS = 60_000
/** What of a store passes by itself. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['OUT_OF_SPACE', 'UNAVAILABLE'])

/** Nobody, or nobody alone, comes by a token any more. */
const LEFT: ReadonlySet<ErrorCode> = new Set(['ACCESS_DENIED', 'INVALID_TOKEN'])

const SECRET = /^[A-Za-z0-9_-]{43}$/

export interface ConsoleLink {
  readonly secret: string
  readonly expiresAtMs: number
}

/** Somebody signed in. */
export interface ConsoleSession {
  readonly principal: Principal
  /** `undefined` where an identity provider signed him in. */
  readonly accessKeyId: string | undefined
  /** When it ends by itself, however busy. */
  readonly endsAtMs: number
}

/**
 * Sessions of the console: opaque secrets of which the hash alone is kept. A session is its principal's, and its access
 * key's or identity's: with either gone it is over.
 */
export class ConsoleSessions {
  readonly #store: Store
  readonly #clock: Clock
  readonly #random: Random
  readonly #byToken = new TokenSessions()
  readonly #logouts: SeenLogouts

  constructor(parts: { readonly store: Store; readonly clock: Clock; readonly random: Random }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#random = parts.random
    this.#logouts = new SeenLogouts(parts.clock)
  }

  /** @throws PlatformError TOO_MANY_REQUESTS */
  async makeLink(owner: {
    readonly principalId: string
    readonly accessKeyId: string
  }): Promise<ConsoleLink> {
    const nowMs = this.#clock.nowMs()
    const secret = this.#newSecret()
    const expiresAtMs = nowMs + CONSOLE_LINK_MS
    await this.#store.transaction(async (tx) => {
      await tx.deleteFrom('console_link').where('expires_at', '<=', nowMs).execute()
      const open = await tx
        .selectFrom('console_link')
        .select('secret_hash')
        .where('principal_id', '=', owner.principalId)
        .execute()
      if (open.length >= OPEN_LINKS_LIMIT)
        throw new PlatformError(
          'TOO_MANY_REQUESTS',
          `${OPEN_LINKS_LIMIT} links are open already: use one, or wait a minute`,
        )
      await tx
        .insertInto('console_link')
        .values({
          secret_hash: hashOf(secret),
          principal_id: owner.principalId,
          access_key_id: owner.accessKeyId,
          expires_at: expiresAtMs,
        })
        .execute()
    })
    return { secret, expiresAtMs }
  }

  /** Whose link it is, without using it; `undefined` for one that does not sign in (any more). */
  async whoseLink(secret: string): Promise<Principal | undefined> {
    if (!SECRET.test(secret)) return undefined
    const { reader } = this.#store
    const row = await reader
      .selectFrom('console_link')
      .selectAll()
      .where('secret_hash', '=', hashOf(secret))
      .executeTakeFirst()
    if (row === undefined || row.expires_at <= this.#clock.nowMs()) return undefined
    return await ownerOf(reader, row)
  }

  /**
   * Uses a link up: a new session, never one that the browser brought (session fixation). The one it brought ends.
   * @returns the secret of the session, or `undefined` where the link does not sign in
   */
  async signIn(secret: string, before: string | undefined): Promise<string | undefined> {
    const principal = await this.whoseLink(secret)
    if (principal === undefined) return undefined
    const nowMs = this.#clock.nowMs()
    const session = this.#newSecret()
    this.#byToken.end(hashOf(before ?? ''))
    const signedIn = await this.#store.transaction(async (tx) => {
      const link = await tx
        .deleteFrom('console_link')
        .where('secret_hash', '=', hashOf(secret))
        .where('expires_at', '>', nowMs)
        .returningAll()
        .executeTakeFirst()
      // Two at once: one of them was first.
      if (link === undefined || (await ownerOf(tx, link)) === undefined) return false
      await tx
        .deleteFrom('console_session')
        .where((is) =>
          is.or([
            is('seen_at', '<=', nowMs - SESSION_IDLE_MS),
            is('began_at', '<=', nowMs - SESSION_LIFETIME_MS),
            is('secret_hash', '=', hashOf(before ?? '')),
          ]),
        )
        .execute()
      const own = await tx
        .selectFrom('console_session')
        .select('secret_hash')
        .where('principal_id', '=', link.principal_id)
        .orderBy('began_at', 'desc')
        .execute()
      const over = own.slice(SESSIONS_LIMIT - 1).map((row) => row.secret_hash)
      if (over.length > 0)
        await tx.deleteFrom('console_session').where('secret_hash', 'in', over).execute()
      const { principal_id, access_key_id } = link
      const row = { principal_id, access_key_id, began_at: nowMs, seen_at: nowMs }
      await tx
        .insertInto('console_session')
        .values({ secret_hash: hashOf(session), ...row })
        .execute()
      return true
    })
    return signedIn ? session : undefined
  }

  /** Whose ID token it is, whether or not he may open the console. @throws PlatformError ACCESS_DENIED */
  async whoseToken(token: VerifiedToken): Promise<Principal> {
    return personOf(token, await this.#store.snapshot(listPrincipals))
  }

  /**
   * A new session of whoever comes by this token, never one that the browser brought.
   * @returns its secret
   * @throws PlatformError ACCESS_DENIED
   */
  async signInBy(token: VerifiedToken): Promise<string> {
    const { id: principalId } = await this.whoseToken(token)
    // Signed out while this sign-in was on its way: there was no session yet that could have ended.
    if (this.#logouts.covers(token))
      throw new PlatformError('ACCESS_DENIED', 'the identity provider has ended this sign-in')
    const session = this.#newSecret()
    const beganAtMs = this.#clock.nowMs()
    this.#byToken.begin(hashOf(session), { token, principalId, beganAtMs })
    return session
  }

  /**
   * Ends what the identity provider signed out, once by each message of its.
   * @returns how many sessions that were
   * @throws PlatformError LOGOUT_REFUSED, TOO_MANY_REQUESTS
   */
  signOutBy(logout: Logout): number {
    this.#logouts.take(logout)
    return this.#byToken.endBy(logout)
  }

  /** The session of a secret, as it stands now; `undefined` where it is over or never was. */
  async find(secret: string | undefined): Promise<ConsoleSession | undefined> {
    const nowMs = this.#clock.nowMs()
    if (!isSecret(secret)) return undefined
    const held = this.#byToken.find(hashOf(secret), nowMs)
    if (held !== undefined) return await this.#asItStands(held)
    const found = await this.#read(secret, nowMs)
    if (found === undefined) return undefined
    const { row, principal } = found
    if (nowMs - row.seen_at >= SEEN_EVERY_MS) await this.#touch(row, nowMs)
    return {
      principal,
      accessKeyId: row.access_key_id,
      endsAtMs: row.began_at + SESSION_LIFETIME_MS,
    }
  }

  /** Whose it is now; asked by what goes on by itself, which keeps no session that somebody has left. */
  async whoseSession(secret: string): Promise<Principal | undefined> {
    const nowMs = this.#clock.nowMs()
    const held = this.#byToken.read(hashOf(secret), nowMs)
    if (held !== undefined) return (await this.#asItStands(held))?.principal
    return (await this.#read(secret, nowMs))?.principal
  }

  async #read(
    secret: string,
    nowMs: number,
  ): Promise<{ readonly row: ConsoleSessionTable; readonly principal: Principal } | undefined> {
    return await this.#store.snapshot(async (reader) => {
      const row = await reader
        .selectFrom('console_session')
        .selectAll()
        .where('secret_hash', '=', hashOf(secret))
        .executeTakeFirst()
      if (row === undefined || isOver(timesOf(row), nowMs)) return undefined
      const principal = await ownerOf(reader, row)
      return principal && { row, principal }
    })
  }

  /** Somebody may have been switched off, or have lost his identity, since he signed in. */
  async #asItStands(held: {
    readonly token: VerifiedToken
    readonly principalId: string
    readonly beganAtMs: number
  }): Promise<ConsoleSession | undefined> {
    try {
      const principal = await this.whoseToken(held.token)
      if (principal.id !== held.principalId) return undefined
      const endsAtMs = held.beganAtMs + SESSION_LIFETIME_MS
      return { principal, accessKeyId: undefined, endsAtMs }
    } catch (error) {
      if (error instanceof PlatformError && LEFT.has(error.code)) return undefined
      throw error
    }
  }

  /** Signs out; nothing where there was no session. */
  async end(secret: string): Promise<void> {
    this.#byToken.end(hashOf(secret))
    await this.#store.transaction(async (tx) => {
      await tx.deleteFrom('console_session').where('secret_hash', '=', hashOf(secret)).execute()
    })
  }

  /** With a full disk people still look: the session then ends as one that was left idle. */
  async #touch({ secret_hash }: ConsoleSessionTable, nowMs: number): Promise<void> {
    try {
      await this.#store.transaction(async (tx) => {
        await tx
          .updateTable('console_session')
          .set({ seen_at: nowMs })
          .where('secret_hash', '=', secret_hash)
          .execute()
      })
    } catch (error) {
      const passes = error instanceof PlatformError && PASSING.has(error.code)
      if (!passes) throw error
    }
  }

  #newSecret(): string {
    return Buffer.from(this.#random.bytes(SECRET_BYTES)).toString('base64url')
  }
}

function isSecret(secret: string | undefined): secret is string {
  return secret !== undefined && SECRET.test(secret)
}

function hashOf(secret: string): string {
  return sha256(Buffer.from(`lacre console v1\0${secret}`))
}

function timesOf({ began_at, seen_at }: ConsoleSessionTable) {
  return { beganAtMs: began_at, seenAtMs: seen_at }
}

async function ownerOf(
  reader: Reader,
  row: { readonly principal_id: string; readonly access_key_id: string },
): Promise<Principal | undefined> {
  const key = await reader
    .selectFrom('access_key')
    .select('status')
    .where('id', '=', row.access_key_id)
    .where('principal_id', '=', row.principal_id)
    .executeTakeFirst()
  return key?.status === 'Active' ? await findPrincipal(reader, row.principal_id) : undefined
}
