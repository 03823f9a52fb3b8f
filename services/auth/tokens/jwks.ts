import { createLocalJWKSet, type JSONWebKeySet } from 'jose'

import { PlatformError, parseStrictJson, type Clock, type Json } from '../../model/index.ts'
import type { TokenIssuer } from './issuers.ts'

/** Whoever fetches is handed in: size and time capped, no redirects, checked addresses (RULES §11). */
export type FetchDocument = (url: string) => Promise<Uint8Array>

export type KeySet = ReturnType<typeof createLocalJWKSet>

export interface FetchedKeys {
  readonly keys: KeySet
  readonly kids: readonly unknown[]
}

/** Keys are asked for again after this, so that one which the issuer took back is not believed for long. */
const FRESH_MS = 10 * 60_000
/** A key that is not known makes us ask again, at most so often: tokens are anybody's to send. */
const REFETCH_MS = 30_000
/** After an issuer could not answer it is left alone for this long. */
const FAILED_MS = 3_000
const KEYS_LIMIT = 64
/** Members of a JWK that are secret: a set that publishes one is nobody's proof of anything. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The public keys of an issuer, as its document lists them. @throws TypeError where it is none, or holds a secret */
export function readKeySet(document: Uint8Array): FetchedKeys {
  const set = toObject(parseStrictJson(document))
  const { keys } = set
  if (!Array.isArray(keys) || keys.length > KEYS_LIMIT) throw new TypeError('it is no JWK set')
  const listed = keys.map((key: Json) => toObject(key))
  if (listed.some((key) => SECRET_MEMBERS.some((name) => Object.hasOwn(key, name))))
    throw new TypeError('the JWK set holds a secret key')
  return {
    keys: createLocalJWKSet(set as unknown as JSONWebKeySet),
    kids: listed.map(({ kid }) => kid),
  }
}

/** The keys of the issuers, by OIDC discovery or at the URL that was configured; kept, and asked for anew. */
export class IssuerKeys {
  readonly #fetch: FetchDocument
  readonly #clock: Clock
  readonly #known = new Map<string, FetchedKeys & { readonly atMs: number }>()
  readonly #failed = new Map<string, number>()
  readonly #asking = new Map<string, Promise<FetchedKeys & { readonly atMs: number }>>()

  constructor(fetch: FetchDocument, clock: Clock) {
    this.#fetch = fetch
    this.#clock = clock
  }

  /** @throws PlatformError UNAVAILABLE where the issuer cannot be asked */
  async of(issuer: TokenIssuer, kid: unknown): Promise<KeySet> {
    const known = this.#known.get(issuer.url)
    if (known === undefined) return (await this.#ask(issuer)).keys
    const ageMs = this.#clock.monotonicMs() - known.atMs
    const rotated = kid !== undefined && !known.kids.includes(kid) && ageMs > REFETCH_MS
    return ageMs < FRESH_MS && !rotated ? known.keys : (await this.#ask(issuer)).keys
  }

  /** One question at a time to an issuer, and none for a while after it could not answer. */
  async #ask(issuer: TokenIssuer): Promise<FetchedKeys> {
    const asking = this.#asking.get(issuer.url)
    if (asking !== undefined) return await asking
    const failedAtMs = this.#failed.get(issuer.url)
    if (failedAtMs !== undefined && this.#clock.monotonicMs() - failedAtMs < FAILED_MS)
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

  async #fetchKeys(issuer: TokenIssuer): Promise<FetchedKeys & { readonly atMs: number }> {
    const document = await this.#fetch(issuer.jwksUri ?? (await this.#discover(issuer)))
    return { ...readKeySet(document), atMs: this.#clock.monotonicMs() }
  }

  async #discover(issuer: TokenIssuer): Promise<string> {
    const base = issuer.url.replace(/\/$/, '')
    const found = await this.#fetch(`${base}/.well-known/openid-configuration`)
    const document = toObject(parseStrictJson(found))
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
    throw new TypeError('it is no JSON object')
  return value as { readonly [name: string]: Json | undefined }
}

function unreachable(issuer: TokenIssuer, cause?: unknown): PlatformError {
  const message = `the keys of the issuer \`${issuer.url}\` cannot be had`
  return new PlatformError('UNAVAILABLE', message, { cause })
}
