import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

import type { RowRef } from './audit/index.ts'
import { createAccessKey, newAccessKeyPair } from './auth/index.ts'
import { accessKeyBox } from './keys/index.ts'
import { PlatformError, type Place } from './model/index.ts'
import { record, type Deps } from './operations/index.ts'
import type { Store } from './store/index.ts'

/** The first slice's one user. */
const ADMIN_ID = 'usr-admin'
const ADMIN_KEY_SETTING = 'admin-access-key'

export interface AdminKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/**
 * Account and region stand in every ARN: a directory belongs to one place.
 * @throws PlatformError CONFIGURATION
 */
export async function checkPlace(store: Store, place: Place): Promise<void> {
  const wanted = `${place.account}/${place.region}`
  const row = await store.reader
    .selectFrom('setting')
    .select('value')
    .where('name', '=', 'place')
    .executeTakeFirst()
  if (row === undefined || row.value === wanted) return
  throw new PlatformError(
    'CONFIGURATION',
    `the data directory belongs to account and region \`${row.value}\`, not \`${wanted}\``,
  )
}

/**
 * The admin's access key: made at the first start, with its ledger entry; found again later. `undefined` once it or
 * he was disabled: a key that somebody took away is not handed out again.
 */
export async function ensureAdmin(deps: Deps): Promise<AdminKey | undefined> {
  const { store, keys } = deps
  const known = await store.reader
    .selectFrom('setting')
    .innerJoin('access_key', 'access_key.id', 'setting.value')
    .innerJoin('principal', 'principal.id', 'access_key.principal_id')
    .select(['access_key.id', 'access_key.secret_sealed', 'access_key.status'])
    .select('principal.disabled_at')
    .where('setting.name', '=', ADMIN_KEY_SETTING)
    .executeTakeFirst()
  if (known?.status === 'Inactive' || (known?.disabled_at ?? null) !== null) return undefined
  if (known !== undefined) {
    const secretAccessKey = accessKeyBox(keys).open(known.secret_sealed, known.id)
    return { accessKeyId: known.id, secretAccessKey }
  }
  const pair = newAccessKeyPair(deps.random)
  await createAdmin(deps, pair)
  return { accessKeyId: pair.id, secretAccessKey: pair.secret }
}

async function createAdmin(deps: Deps, pair: { id: string; secret: string }): Promise<void> {
  const { account, region } = deps.place
  const secretSealed = accessKeyBox(deps.keys).seal(pair.secret, pair.id)
  const event = { type: 'installation', action: 'lacre:Install', resource: `principal/${ADMIN_ID}` }
  await record(deps, event, async (tx, atMs) => {
    await tx
      .insertInto('setting')
      .values([
        { name: 'place', value: `${account}/${region}` },
        { name: ADMIN_KEY_SETTING, value: pair.id },
      ])
      .execute()
    await tx
      .insertInto('principal')
      .values({ id: ADMIN_ID, kind: 'user', name: 'admin', roles: '["admin"]', created_at: atMs })
      .execute()
    await createAccessKey(tx, {
      id: pair.id,
      secretSealed,
      principalId: ADMIN_ID,
      createdAtMs: atMs,
    })
    const touched: RowRef[] = [
      { table: 'setting', key: { name: 'place' } },
      { table: 'setting', key: { name: ADMIN_KEY_SETTING } },
      { table: 'principal', key: { id: ADMIN_ID } },
      { table: 'access_key', key: { id: pair.id } },
    ]
    return { result: undefined, touched }
  })
}

/** `DIR/admin.json`: made anew at each start, since the endpoint may have changed; mode 0600, O_EXCL (RULES §9). */
export function writeAdminFile(
  path: string,
  content: Place & Partial<AdminKey> & { readonly endpoint: string },
): void {
  const temporary = `${path}.new`
  rmSync(temporary, { force: true })
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  const file = openSync(temporary, flags, 0o600)
  try {
    writeSync(file, `${JSON.stringify(content, null, 2)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
