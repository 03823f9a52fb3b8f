import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { openStore } from '../../../services/store/index.ts'
import { tempDir } from '../../support/state.ts'

it('answers a full disk with a typed error, keeps what it had, and goes on when there is room', async (context) => {
  using dir = tempDir()
  const path = join(dir.path, 'small')
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return context.skip('no file system can be mounted here')
  }
  try {
    await using store = await openStore({ path: join(path, 'lacre.db') })
    const write = (name: string) =>
      store.transaction((tx) =>
        tx
          .insertInto('setting')
          .values({ name, value: 'x'.repeat(200_000) })
          .execute(),
      )
    await write('first')
    writeFileSync(join(path, 'ballast'), '')
    try {
      writeFileSync(join(path, 'ballast'), Buffer.alloc(3_000_000))
    } catch {
      // As full as it gets.
    }

    await expect(write('second')).rejects.toMatchObject({ code: 'OUT_OF_SPACE' })
    const names = await store.reader.selectFrom('setting').select('name').execute()
    expect(names).toEqual([{ name: 'first' }])
    rmSync(join(path, 'ballast'))
    await write('third')

    expect(store.integrity()).toEqual([])
    expect(await store.reader.selectFrom('setting').select('name').execute()).toHaveLength(2)
  } finally {
    execFileSync('umount', [path])
  }
})
