import { describe, expect, it } from 'vitest'

import {
  accessKeyBox,
  findUnopenable,
  loadMasterKey,
  webhookSecretBox,
} from '../../../services/keys/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { MASTER_KEY, openState, tempDir } from '../../support/state.ts'

describe('the secret of an access key', () => {
  it('opens beside its own id and beside no other', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    const box = accessKeyBox(state.keys)
    const sealed = box.seal('secret', 'AKIAONE')

    expect(box.open(sealed, 'AKIAONE')).toBe('secret')
    expect(() => box.open(sealed, 'AKIATWO')).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }) as Error,
    )
  })

  it('opens as it was sealed before ids were bound', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    const old = state.keys.seal('access-key', Buffer.from('secret'))

    expect(accessKeyBox(state.keys).open(old, 'AKIAONE')).toBe('secret')
  })
})

describe('a managed key', () => {
  it('is P-384, opens for its own purpose, and is refused where it was exchanged', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    const [one, two] = ['managed.one', 'managed.two'].map((purpose) =>
      state.keys.makeManaged(purpose),
    )
    await state.store.transaction(async (tx) => {
      await one?.keep(tx, 1)
      await two?.keep(tx, 1)
    })
    const sealed = async (purpose: string) =>
      await state.store.reader
        .selectFrom('sealed_key')
        .select('private_key_sealed')
        .where('purpose', '=', purpose)
        .executeTakeFirstOrThrow()

    expect((await state.keys.managed('managed.one')).publicKeyPem).toBe(one?.publicKeyPem)

    const swapped = await sealed('managed.two')
    await state.store.transaction(async (tx) => {
      await tx.updateTable('sealed_key').set(swapped).where('purpose', '=', 'managed.one').execute()
    })

    await expect(state.keys.managed('managed.one')).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(state.keys.managed('managed.none')).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(state.keys.signer('managed.two')).rejects.toMatchObject({ code: 'INTERNAL' })
  })
})

describe('before a database is gone on with', () => {
  it.each(['secret_sealed', 'previous_sealed'] as const)(
    'a webhook is named whose %s opens for another one only',
    async (column) => {
      using dir = tempDir()
      await using state = await openState(dir.path)
      const box = webhookSecretBox(state.keys)
      const sealed = {
        secret_sealed: box.seal('new', 'whk-1'),
        previous_sealed: box.seal('old', 'whk-1'),
      }
      const rows = { url: 'https://a.example', filter: '{}', state: 'enabled', disabled_reason: null, previous_until: 2, created_at: 1 } as const // prettier-ignore
      await state.store.transaction(async (tx) => {
        await tx.insertInto('webhook').values({ id: 'whk-1', name: 'one', ...rows, ...sealed }).execute() // prettier-ignore
      })
      const masterKey = loadMasterKey({
        dataDir: dir.path,
        random: systemRandom,
        value: MASTER_KEY,
      })

      expect(await findUnopenable(state.store.reader, masterKey)).toEqual([])
      await state.store.transaction(async (tx) => {
        await tx
          .updateTable('webhook')
          .set({ [column]: box.seal('new', 'whk-2') })
          .execute()
      })
      expect(await findUnopenable(state.store.reader, masterKey)).toEqual([
        'secret of webhook whk-1',
      ])
    },
  )
})
