import { PlatformError, sigv4, type Principal } from '../model/index.ts'
import type { Reader, Store } from '../store/index.ts'

import type { SecretBox } from './access-keys.ts'
import { findPrincipal } from './principals.ts'

/** Keys in memory; far above any real number, so that a table of millions cannot fill the heap. */
const CREDENTIALS_LIMIT = 1_000
/** A key signs for today and, around midnight, for one day beside it, for a few services. */
const SIGNING_KEYS_LIMIT = 8

export interface Credential {
  readonly accessKeyId: string
  readonly principal: Principal
  signingKey(scope: sigv4.SigV4Scope): Uint8Array
}

/**
 * Active access keys with their derived signing keys: what the warm path reads instead of the database.
 * Whoever changes an access key or a principal calls `forget` after the commit.
 */
export class Credentials {
  readonly #store: Store
  readonly #box: SecretBox
  readonly #known = new Map<string, Credential>()
  /** Raised by `forget`: what was read before that must not be kept after it. */
  #generation = 0

  constructor(store: Store, box: SecretBox) {
    this.#store = store
    this.#box = box
  }

  /** @throws PlatformError UNKNOWN_ACCESS_KEY */
  async get(accessKeyId: string): Promise<Credential> {
    const known = this.#known.get(accessKeyId)
    if (known !== undefined) return known
    const generation = this.#generation
    const credential = await this.#store.snapshot((reader) => this.#read(reader, accessKeyId))
    if (generation === this.#generation) {
      if (this.#known.size >= CREDENTIALS_LIMIT) this.#known.clear()
      this.#known.set(accessKeyId, credential)
    }
    return credential
  }

  /** Every key is read again at its next use. */
  forget(): void {
    this.#generation += 1
    this.#known.clear()
  }

  async #read(reader: Reader, accessKeyId: string): Promise<Credential> {
    const row = await reader
      .selectFrom('access_key')
      .select(['principal_id', 'secret_sealed', 'status'])
      .where('id', '=', accessKeyId)
      .executeTakeFirst()
    const principal =
      row?.status === 'Active' ? await findPrincipal(reader, row.principal_id) : undefined
    if (row === undefined || principal === undefined) {
      throw new PlatformError(
        'UNKNOWN_ACCESS_KEY',
        'The security token included in the request is invalid.',
      )
    }
    return credentialOf(accessKeyId, principal, this.#box.open(row.secret_sealed, accessKeyId))
  }
}

export function credentialOf(
  accessKeyId: string,
  principal: Principal,
  secret: string,
): Credential {
  const derived = new Map<string, Uint8Array>()
  return {
    accessKeyId,
    principal,
    signingKey: (scope) => {
      const name = sigv4.scopeText(scope)
      const known = derived.get(name)
      if (known !== undefined) return known
      if (derived.size >= SIGNING_KEYS_LIMIT) derived.clear()
      const key = sigv4.signingKey(secret, scope)
      derived.set(name, key)
      return key
    },
  }
}
