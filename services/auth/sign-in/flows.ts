import { createHmac, timingSafeEqual } from 'node:crypto'

import { PlatformError, type Clock, type Random } from '../../model/index.ts'

/** From leaving for the identity provider to coming back. */
export const SIGN_IN_MS = 10 * 60_000
/** Sign-ins that came back and are remembered until they would be too old anyway; more than the visit budget lets in. */
const USED_LIMIT = 10_000
/** 256 bits. */
const SECRET_BYTES = 32
const COOKIE = /^(\d{1,16})\.[A-Za-z0-9_-]{43}\.([A-Za-z0-9_-]{0,1400})$/

/** A sign-in that is under way. */
export interface Flow {
  readonly state: string
  readonly nonce: string
  /** PKCE, RFC 7636. */
  readonly verifier: string
  /** Where the browser wanted to go. */
  readonly to: string
}

/**
 * What binds a sign-in to the browser that began it. The browser keeps a secret in a cookie; state, nonce and PKCE verifier
 * are made of it by a key that only this process has. So nothing is kept of those who begin, nobody can crowd others
 * out, and a changed cookie has another state. A restart ends what is under way.
 */
export class SignInFlows {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #random: Random
  readonly #key: Uint8Array
  /** When each was begun, by its state, in the order of coming back. */
  readonly #used = new Map<string, number>()

  constructor(parts: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly random: Random }) {
    this.#clock = parts.clock
    this.#random = parts.random
    this.#key = parts.random.bytes(SECRET_BYTES)
  }

  begin(to: string): Flow & { readonly cookie: string } {
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES)).toString('base64url')
    const atMs = Math.floor(this.#clock.monotonicMs())
    const cookie = `${atMs}.${secret}.${Buffer.from(to).toString('base64url')}`
    return { cookie, to, ...this.#derive(cookie) }
  }

  /**
   * The sign-in of this browser that this state came back from, once.
   * @throws PlatformError ACCESS_DENIED, TOO_MANY_REQUESTS
   */
  take(cookie: string | undefined, state: string): Flow {
    const [, atText, to] = COOKIE.exec(cookie ?? '') ?? []
    if (cookie === undefined || atText === undefined || to === undefined) throw notThis()
    const flow = this.#derive(cookie)
    const [wanted, given] = [Buffer.from(flow.state), Buffer.from(state)]
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) throw notThis()
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - Number(atText) >= SIGN_IN_MS || this.#used.has(flow.state)) throw notThis()
    for (const [used, atMs] of this.#used) if (nowMs - atMs >= SIGN_IN_MS) this.#used.delete(used)
    if (this.#used.size >= USED_LIMIT)
      throw new PlatformError('TOO_MANY_REQUESTS', 'too many sign-ins at once: wait a moment')
    this.#used.set(flow.state, Number(atText))
    return { ...flow, to: Buffer.from(to, 'base64url').toString('utf8') }
  }

  #derive(cookie: string): Omit<Flow, 'to'> {
    const made = (purpose: string): string =>
      createHmac('sha256', this.#key)
        .update(`lacre sign-in ${purpose} v1\0${cookie}`)
        .digest('base64url')
    return { state: made('state'), nonce: made('nonce'), verifier: made('verifier') }
  }
}

function notThis(): PlatformError {
  return new PlatformError(
    'ACCESS_DENIED',
    'this sign-in was not begun in this browser, was finished already, or took more than ten minutes',
  )
}
