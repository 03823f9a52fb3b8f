import assert from 'node:assert/strict'

import { PlatformError, type Random } from '../model/index.ts'
import type { AccessKeyTable, Reader, Writer } from '../store/index.ts'
import { checkAdministered } from './administrators.ts'
import { listPrincipals } from './principals.ts'

/** Encrypts and decrypts secrets under the master key; `app.ts` makes it of `keys`. */
export interface SecretBox {
  /** Bound to the key's id: a box put beside another id does not open. */
  seal(plain: string, accessKeyId: string): string
  /** @throws PlatformError INTERNAL where the sealed text was changed or belongs to another key */
  open(sealed: string, accessKeyId: string): string
}

export interface AccessKey {
  readonly id: string
  readonly principalId: string
  readonly status: 'Active' | 'Inactive'
  readonly createdAtMs: number
}

/** What a client signs with: made once, shown once. */
export interface AccessKeyPair {
  readonly id: string
  readonly secret: string
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** `AKIA` and 16 characters, and a secret of 240 random bits in 40 characters: the shapes AWS tools expect. */
export function newAccessKeyPair(random: Random): AccessKeyPair {
  let id = 'AKIA'
  for (const byte of random.bytes(16)) id += BASE32.charAt(byte % 32)
  return { id, secret: Buffer.from(random.bytes(30)).toString('base64') }
}

/** @throws PlatformError RESOURCE_NOT_FOUND where there is no such principal */
export async function createAccessKey(
  tx: Writer,
  key: { id: string; secretSealed: string; principalId: string; createdAtMs: number },
): Promise<AccessKey> {
  const owner = await tx
    .selectFrom('principal')
    .select('id')
    .where('id', '=', key.principalId)
    .executeTakeFirst()
  if (owner === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', `there is no principal \`${key.principalId}\``)
  const row: AccessKeyTable = {
    id: key.id,
    principal_id: key.principalId,
    secret_sealed: key.secretSealed,
    status: 'Active',
    created_at: key.createdAtMs,
  }
  await tx.insertInto('access_key').values(row).execute()
  return toAccessKey(row)
}

/** Oldest first; never a secret. */
export async function listAccessKeys(reader: Reader): Promise<AccessKey[]> {
  const rows = await reader
    .selectFrom('access_key')
    .select(['id', 'principal_id', 'status', 'created_at'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(toAccessKey)
}

/**
 * The keys as they would be without this one.
 * @throws PlatformError RESOURCE_NOT_FOUND
 */
export function withDisabled(keys: readonly AccessKey[], id: string): readonly AccessKey[] {
  if (!keys.some((key) => key.id === id))
    throw new PlatformError('RESOURCE_NOT_FOUND', `there is no access key \`${id.slice(0, 128)}\``)
  return keys.map((key) => (key.id === id ? { ...key, status: 'Inactive' } : key))
}

/** @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (nobody could administer any more) */
export async function disableAccessKey(tx: Writer, id: string): Promise<AccessKey> {
  const keys = withDisabled(await listAccessKeys(tx), id)
  checkAdministered(await listPrincipals(tx), keys)
  await tx.updateTable('access_key').set({ status: 'Inactive' }).where('id', '=', id).execute()
  const key = keys.find((one) => one.id === id)
  assert(key, 'a key that was found is gone')
  return key
}

function toAccessKey(row: Omit<AccessKeyTable, 'secret_sealed'>): AccessKey {
  return {
    id: row.id,
    principalId: row.principal_id,
    status: row.status,
    createdAtMs: row.created_at,
  }
}
