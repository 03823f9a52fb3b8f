import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

import { PlatformError, type Clock } from '../model/index.ts'
import { isConstraintError, type SealedKeyTable, type Store, type Writer } from '../store/index.ts'
import { generateKey, signerOf, type KeyAlgorithm, type Signer } from './key-algorithm.ts'
import {
  MANAGED_PREFIX,
  makeManagedKey,
  openManagedKey,
  type ManagedKey,
  type NewManagedKey,
} from './managed.ts'
import type { MasterKey, MasterKeySource } from './master-key.ts'

export interface Keys {
  readonly masterKey: { readonly source: MasterKeySource; readonly id: string }
  /** Encrypts a small secret for the database; only `open` with the same purpose gives it back. */
  seal(purpose: string, plaintext: Uint8Array): string
  /** @throws PlatformError CONFIGURATION (another master key), INTERNAL (changed since) */
  open(purpose: string, sealed: string): Uint8Array
  /** Compares values without showing them: HMAC-SHA-256 under a key of that purpose, hex. */
  hmac(purpose: string, value: string): string
  /** The key of that purpose, made at first use, Ed25519 unless said otherwise: one key, one purpose (RULES §9). */
  signer(purpose: string, algorithm?: KeyAlgorithm): Promise<Signer>
  /** A new key for a managed publisher, kept by the transaction that makes the publisher. */
  makeManaged(purpose: string): NewManagedKey
  /** @throws PlatformError INTERNAL where it is not there or was changed */
  managed(purpose: string): Promise<ManagedKey>
}

export interface KeysOptions {
  readonly store: Store
  readonly masterKey: MasterKey
  readonly clock: Clock
  /** Writes the ledger entry of a new key, in the transaction that keeps it. */
  readonly record?: (tx: Writer, purpose: string, atMs: number) => Promise<void>
}

/**
 * Opens the keys in the store; a master key that did not seal them is refused here and not at first use.
 * @throws PlatformError CONFIGURATION
 */
export async function openKeys(options: KeysOptions): Promise<Keys> {
  const any = await options.store.reader.selectFrom('sealed_key').selectAll().limit(1).execute()
  for (const row of any) openRow(options.masterKey, row)
  return new StoredKeys(options)
}

class StoredKeys implements Keys {
  readonly #options: KeysOptions
  readonly #signers = new Map<string, Promise<Signer>>()

  constructor(options: KeysOptions) {
    this.#options = options
  }

  get masterKey(): Keys['masterKey'] {
    const { source, id } = this.#options.masterKey
    return { source, id }
  }

  seal(purpose: string, plaintext: Uint8Array): string {
    return this.#options.masterKey.encrypt(`secret ${purpose}`, plaintext)
  }

  open(purpose: string, sealed: string): Uint8Array {
    return decryptSecret(this.#options.masterKey, purpose, sealed)
  }

  hmac(purpose: string, value: string): string {
    return this.#options.masterKey.mac(purpose, value)
  }

  signer(purpose: string, algorithm: KeyAlgorithm = 'ed25519'): Promise<Signer> {
    const known = this.#signers.get(purpose)
    if (known !== undefined) return known
    const found = this.#findOrCreate(purpose, algorithm)
    this.#signers.set(purpose, found)
    // A failure is not kept: the disk may have room again.
    found.catch(() => this.#signers.delete(purpose))
    return found
  }

  makeManaged(purpose: string): NewManagedKey {
    return makeManagedKey(this.#options.masterKey, purpose)
  }

  async managed(purpose: string): Promise<ManagedKey> {
    return await openManagedKey(this.#options.masterKey, this.#options.store.reader, purpose)
  }

  async #findOrCreate(purpose: string, algorithm: KeyAlgorithm): Promise<Signer> {
    if (!/^[a-z][a-z0-9.-]{0,63}$/.test(purpose) || purpose.startsWith(MANAGED_PREFIX))
      throw new PlatformError('INTERNAL', `\`${purpose}\` is no purpose of a key`)
    const row = (await this.#find(purpose)) ?? (await this.#create(purpose, algorithm))
    const key = openRow(this.#options.masterKey, row)
    return signerOf(purpose, algorithm, key)
  }

  async #find(purpose: string): Promise<SealedKeyTable | undefined> {
    const { reader } = this.#options.store
    return await reader
      .selectFrom('sealed_key')
      .selectAll()
      .where('purpose', '=', purpose)
      .executeTakeFirst()
  }

  async #create(purpose: string, algorithm: KeyAlgorithm): Promise<SealedKeyTable> {
    const { store, masterKey, clock, record } = this.#options
    const { publicKey, privateKey } = generateKey(algorithm)
    const der = privateKey.export({ format: 'der', type: 'pkcs8' })
    const row: SealedKeyTable = {
      purpose,
      public_key_pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      private_key_sealed: masterKey.encrypt(`key ${purpose}`, der),
      created_at: clock.nowMs(),
    }
    try {
      await store.transaction(async (tx) => {
        await tx.insertInto('sealed_key').values(row).execute()
        await record?.(tx, purpose, row.created_at)
      })
      return row
    } catch (error) {
      // Another node was first: its key is the key.
      const first = isConstraintError(error) ? await this.#find(purpose) : undefined
      if (first === undefined) throw error
      return first
    }
  }
}

/** As `seal` made it. @throws PlatformError CONFIGURATION (another master key), INTERNAL (changed since) */
export function decryptSecret(masterKey: MasterKey, purpose: string, sealed: string): Uint8Array {
  return masterKey.decrypt(`secret ${purpose}`, sealed)
}

/** The key in a row. @throws PlatformError CONFIGURATION (another master key), INTERNAL (changed since) */
export function openRow(masterKey: MasterKey, row: SealedKeyTable): KeyObject {
  const der = masterKey.decrypt(`key ${row.purpose}`, row.private_key_sealed)
  const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
  // The public half stands in the clear beside it: what others verify with is what we sign with.
  const publicKeyPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString()
  if (publicKeyPem !== row.public_key_pem)
    throw new PlatformError('INTERNAL', `the \`${row.purpose}\` key was changed in the database`)
  return key
}
