import { expect, it } from 'vitest'

import { lockDataDirectory } from '../../../services/store/index.ts'
import { kill, linesOf, startProgram } from '../../support/child.ts'
import { tempDir } from '../../support/state.ts'

it('lets one process have a data directory, names it, and outlives no kill', async () => {
  using dir = tempDir()
  const other = startProgram('hold-lock.mjs', dir.path)
  try {
    for await (const line of linesOf(other)) if (line === 'held') break

    await expect(lockDataDirectory(dir.path)).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_IN_USE',
      message: expect.stringContaining(`(${other.pid})`),
    })
    await kill(other)
    using lock = await lockDataDirectory(dir.path)
    expect(lock.dir).toBe(dir.path)
  } finally {
    await kill(other)
  }
}, 20_000)

it('is held once within a process, too, and again after it was let go', async () => {
  using dir = tempDir()
  {
    using _first = await lockDataDirectory(dir.path)
    await expect(lockDataDirectory(dir.path)).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_IN_USE',
    })
  }

  using second = await lockDataDirectory(dir.path)

  expect(second.dir).toBe(dir.path)
})
