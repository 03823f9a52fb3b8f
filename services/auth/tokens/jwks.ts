import { createLocalJWKSet, type JSONWebKeySet } from 'jose'

import { PlatformError, parseStrictJson, type Clock, type Json } from '../../model/index.ts'
import { Asked } from './asked.ts'
import { discover, ownUrlOf, toObject, type FetchDocument } from './discovery.ts'
import type { TokenIssuer } from './issuers.ts'

export type KeySet = ReturnType<typeof createLocalJWKSet>

export interface FetchedKeys {
  readonly keys: KeySet
  readonly kids: readonly unknown[]
}

/** Keys are asked for again after this, so that one which the issuer took back is not believed for long. */
const FRESH_MS = 10 * 60_000
/** A key that is not known makes us ask again, at most so often: tokens are anybody's to send. */
const REFETCH_MS = 30_000
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
  readonly #asked = new Map<string, Asked<FetchedKeys>>()

  constructor(fetch: FetchDocument, clock: Clock) {
    this.#fetch = fetch
    this.#clock = clock
  }

  /** @throws PlatformError UNAVAILABLE where the issuer cannot be asked */
  async of(issuer: TokenIssuer, kid: unknown): Promise<KeySet> {
    const asked = this.#asked.get(issuer.url) ?? new Asked(() => this.#ask(issuer), this.#clock)
    this.#asked.set(issuer.url, asked)
    try {
      const { keys } = await asked.get(({ kids }, ageMs) => {
        const rotated = kid !== undefined && !kids.includes(kid) && ageMs > REFETCH_MS
        return ageMs < FRESH_MS && !rotated
      })
      return keys
    } catch (cause) {
      const message = `the keys of the issuer \`${issuer.url}\` cannot be had`
      throw new PlatformError('UNAVAILABLE', message, { cause })
    }
  }

  async #ask(issuer: TokenIssuer): Promise<FetchedKeys> {
    return readKeySet(await this.#fetch(issuer.jwksUri ?? (await this.#discover(issuer))))
  }

  async #discover(issuer: TokenIssuer): Promise<string> {
    const document = await discover(this.#fetch, issuer)
    return ownUrlOf(document, 'jwks_uri', { issuer, option: '--oidc-jwks' })
  }
}
