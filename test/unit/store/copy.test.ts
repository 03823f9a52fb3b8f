import { join } from 'node:path'

import { expect, it } from 'vitest'

import {
  copyDatabases,
  keepFiles,
  openReader,
  openStore,
  removeFiles,
} from '../../../services/store/index.ts'
import { tempDir } from '../../support/state.ts'

it('copies two databases as they were at one instant, while both are written to', async () => {
  using dir = tempDir()
  const paths = ['a.db', 'b.db'].map((name) => join(dir.path, name))
  await using first = await openStore({ path: paths[0]! })
  await using second = await openStore({ path: paths[1]! })
  let stop = false
  let count = 0
  // The second never has a number that the first does not have yet.
  const writing = (async () => {
    while (!stop) {
      count += 1
      for (const store of [first, second])
        await store.transaction((tx) =>
          tx
            .insertInto('setting')
            .values({ name: String(count), value: 'x' })
            .execute(),
        )
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  const counts: (readonly [number, number])[] = []
  for (let round = 0; round < 8; round += 1) {
    const copies = paths.map((from, at) => ({ from, to: join(dir.path, `${round}-${at}.db`) }))
    await copyDatabases(copies)
    const rows: number[] = []
    for (const { to } of copies) {
      await using copy = openReader(to)
      rows.push((await copy.selectFrom('setting').select('name').execute()).length)
    }
    counts.push([rows[0]!, rows[1]!])
  }
  stop = true
  await writing

  for (const [a, b] of counts) expect(a - b === 0 || a - b === 1, `${a} and ${b}`).toBe(true)
  expect(counts.at(-1)![0]).toBeGreaterThan(counts[0]![0])
})

it('removes no files while anybody keeps them', () => {
  using dir = tempDir()
  {
    using _one = keepFiles(dir.path)
    using _two = keepFiles(dir.path)
    expect(removeFiles(dir.path)).toBeUndefined()
  }
  using free = removeFiles(dir.path)

  expect(free).toBeDefined()
  expect(removeFiles(dir.path)).toBeUndefined()
})
