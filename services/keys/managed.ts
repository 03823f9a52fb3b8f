import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'

import { PlatformError } from '../model/index.ts'
import type { Reader, SealedKeyTable, Writer } from '../store/index.ts'
import type { MasterKey } from './master-key.ts'

/** What every purpose of a managed publisher's key begins with: no other key ever has such a purpose. */
export const MANAGED_PREFIX = 'managed.'

/** A managed publisher's key: P-384 with SHA-384, used where it lies and never given away. */
export interface ManagedKey {
  readonly purpose: string
  /** SubjectPublicKeyInfo. */
  readonly publicKeyPem: string
  /** ECDSA in DER over exactly these bytes. */
  sign(bytes: Uint8Array): Uint8Array
}

/** One just made; nothing of it is kept before `keep`. */
export interface NewManagedKey extends ManagedKey {
  keep(tx: Writer, atMs: number): Promise<void>
}

/** @throws PlatformError INTERNAL for a purpose that is none */
export function makeManagedKey(masterKey: MasterKey, purpose: string): NewManagedKey {
  if (!purpose.startsWith(MANAGED_PREFIX))
    throw new PlatformError('INTERNAL', `\`${purpose}\` is no purpose of a managed key`)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  const publicKeyPem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const sealed = masterKey.encrypt(`key ${purpose}`, der)
  return {
    purpose,
    publicKeyPem,
    sign: (bytes) => sign('sha384', bytes, privateKey),
    keep: async (tx, atMs) => {
      await tx
        .insertInto('sealed_key')
        .values({
          purpose,
          public_key_pem: publicKeyPem,
          private_key_sealed: sealed,
          created_at: atMs,
        })
        .execute()
    },
  }
}

/** @throws PlatformError INTERNAL where it is not there or was changed */
export async function openManagedKey(
  masterKey: MasterKey,
  reader: Reader,
  purpose: string,
): Promise<ManagedKey> {
  const row: SealedKeyTable | undefined = await reader
    .selectFrom('sealed_key')
    .selectAll()
    .where('purpose', '=', purpose)
    .executeTakeFirst()
  if (row === undefined || !purpose.startsWith(MANAGED_PREFIX))
    throw new PlatformError('INTERNAL', `there is no key \`${purpose}\``)
  const der = masterKey.decrypt(`key ${purpose}`, row.private_key_sealed)
  const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
  const publicKeyPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString()
  // What others verify with is what we sign with, or nothing is signed.
  if (publicKeyPem !== row.public_key_pem || key.asymmetricKeyDetails?.namedCurve !== 'secp384r1')
    throw new PlatformError('INTERNAL', `the \`${purpose}\` key was changed in the database`)
  return { purpose, publicKeyPem, sign: (bytes) => sign('sha384', bytes, key) }
}
