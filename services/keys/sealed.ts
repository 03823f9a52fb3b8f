import { PlatformError } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { accessKeyBox } from './access-key-box.ts'
import { decryptSecret, openRow } from './keys.ts'
import type { MasterKey } from './master-key.ts'
import { webhookSecretBox } from './webhook-secret-box.ts'

/** Every sealed secret in a database: a name for people, and how it is opened. */
interface Sealed {
  readonly name: string
  readonly box: string
  /** @throws PlatformError CONFIGURATION, INTERNAL */
  open(masterKey: MasterKey): void
}

/** Ids of the master keys that sealed what is in the database; normally one. */
export async function sealingKeys(reader: Reader): Promise<string[]> {
  const ids = (await listSealed(reader)).map(({ box }) => box.split('.')[1] ?? '')
  return [...new Set(ids)].toSorted()
}

/** What in the database this master key does not open, by name. @throws PlatformError CONFIGURATION: another master key */
export async function findUnopenable(reader: Reader, masterKey: MasterKey): Promise<string[]> {
  return (await listSealed(reader))
    .filter((sealed) => {
      try {
        sealed.open(masterKey)
        return false
      } catch (error) {
        if (error instanceof PlatformError && error.code === 'CONFIGURATION') throw error
        return true
      }
    })
    .map(({ name }) => name)
}

async function listSealed(reader: Reader): Promise<Sealed[]> {
  const keys = await reader.selectFrom('sealed_key').selectAll().execute()
  const accessKeys = await reader.selectFrom('access_key').select(['id', 'secret_sealed']).execute()
  const webhooks = await reader
    .selectFrom('webhook')
    .select(['id', 'secret_sealed', 'previous_sealed'])
    .execute()
  return [
    ...keys.map((row) => ({
      name: `key ${row.purpose}`,
      box: row.private_key_sealed,
      open: (masterKey: MasterKey): void => void openRow(masterKey, row),
    })),
    ...accessKeys.map(({ id, secret_sealed: box }) => ({
      name: `secret of access key ${id}`,
      box,
      open: (masterKey: MasterKey): void => void accessKeyBox(boxesOf(masterKey)).open(box, id),
    })),
    ...webhooks.flatMap(({ id, secret_sealed: now, previous_sealed: before }) =>
      [now, ...(before === null ? [] : [before])].map((box) => ({
        name: `secret of webhook ${id}`,
        box,
        open: (masterKey: MasterKey): void =>
          void webhookSecretBox(boxesOf(masterKey)).open(box, id),
      })),
    ),
  ]
}

/** It only opens. */
function boxesOf(masterKey: MasterKey) {
  const open = (purpose: string, sealed: string) => decryptSecret(masterKey, purpose, sealed)
  return { open, seal: () => '' }
}
