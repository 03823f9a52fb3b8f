import { createLocalJWKSet, type JSONWebKeySet } from 'jose'

import { parseStrictJson, type Clock, type Json } from '../../model/index.ts'
import { refuse } from '../refusal.ts'
import type { Issuer } from './issuers.ts'

/** The only way out: the composition root hands in whoever fetches (size and time capped, no redirects). */
export type FetchDocument = (url: string) => Promise<Uint8Array>

type KeySet = ReturnType<typeof createLocalJWKSet>

interface Fetched {
  readonly keys: KeySet
  readonly kids: readonly unknown[]
  readonly atMs: number
}

/** Keys are asked for again after this, so that a key the issuer took back is not believed for long. */
const FRESH_MS = 10 * 60_000
/** An unknown key makes us ask again, at most so often: tokens are anybody's to send. */
const COOLDOWN_MS = 30_000

/** The keys of the issuers, by OIDC discovery. */
export class IssuerKeys {
  readonly #fetch: FetchDocument
  readonly #clock: Clock
  readonly #known = new Map<string, Fetched>()
  readonly #failed = new Map<string, number>()
  readonly #asking = new Map<string, Promise<Fetched>>()

  constructor(fetch: FetchDocument, clock: Clock) {
    this.#fetch = fetch
    this.#clock = clock
  }

  /** @throws PlatformError UNAVAILABLE where the issuer cannot be asked */
  async of(issuer: Issuer, kid: unknown): Promise<KeySet> {
    const known = this.#known.get(issuer.url)
    const age = known === undefined ? Infinity : this.#clock.monotonicMs() - known.atMs
    const unknownKey = known !== undefined && kid !== undefined && !known.kids.includes(kid)
    if (known !== undefined && age < FRESH_MS && !(unknownKey && age > COOLDOWN_MS))
      return known.keys
    return (await this.#ask(issuer)).keys
  }

  /** One question at a time to an issuer, and none for a while after it could not answer. */
  async #ask(issuer: Issuer): Promise<Fetched> {
    const asking = this.#asking.get(issuer.url)
    if (asking !== undefined) return await asking
    const failedAtMs = this.#failed.get(issuer.url)
    if (failedAtMs !== undefined && this.#clock.monotonicMs() - failedAtMs < COOLDOWN_MS / 10)
      throw unreachable(issuer)
    const fetched = this.#fetchKeys(issuer)
    this.#asking.set(issuer.url, fetched)
    try {
      const found = await fetched
      this.#known.set(issuer.url, found)
      this.#failed.delete(issuer.url)
      return found
    } catch (cause) {
      this.#failed.set(issuer.url, this.#clock.monotonicMs())
      throw unreachable(issuer, cause)
    } finally {
      this.#asking.delete(issuer.url)
    }
  }

  async #fetchKeys(issuer: Issuer): Promise<Fetched> {
    const url = issuer.jwksUri ?? (await this.#discover(issuer))
    const set = toObject(parseStrictJson(await this.#fetch(url)))
    const keys = set['keys']
    if (!Array.isArray(keys)) throw new TypeError('the answer is no JWK set')
    const local = createLocalJWKSet(set as unknown as JSONWebKeySet)
    const kids = keys.map((key: Json) => toObject(key)['kid'])
    return { keys: local, kids, atMs: this.#clock.monotonicMs() }
  }

  async #discover(issuer: Issuer): Promise<string> {
    const base = issuer.url.replace(/\/$/, '')
    const document = toObject(
      parseStrictJson(await this.#fetch(`${base}/.well-known/openid-configuration`)),
    )
    const uri = document['jwks_uri']
    // OpenID Connect Discovery §4.3: the issuer it names is exactly the one that was asked.
    if (document['issuer'] !== issuer.url || typeof uri !== 'string' || !URL.canParse(uri))
      throw new TypeError('the discovery document is not of this issuer')
    // RULES §11: no URL is fetched that an operator did not configure; its own host he has.
    if (new URL(uri).origin !== new URL(issuer.url).origin)
      throw new TypeError('the keys lie on another host: name it by --oidc-jwks')
    return uri
  }
}

function toObject(value: Json): { readonly [name: string]: Json | undefined } {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new TypeError('the answer is no JSON object')
  return value as { readonly [name: string]: Json | undefined }
}

function unreachable(issuer: Issuer, cause?: unknown): Error {
  return refuse('issuer-unreachable', `the keys of the issuer \`${issuer.url}\` cannot be had`, {
    code: 'UNAVAILABLE',
    cause,
  })
}
