import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { Unreadable, copyStretch, hashStretch } from '../../../services/backup/files.ts'
import { sha256 } from '../../../services/model/index.ts'
import { tempDir } from '../../support/state.ts'

it('tells a file that the disk does not give back from a disk that takes no more', async () => {
  using dir = tempDir()
  const handle = await open('/proc/self/mem', 'r')
  const to = await open(join(dir.path, 'to'), 'wx')
  const full = await open('/dev/full', 'w')
  const sound = await open(new URL(import.meta.url))
  try {
    // Nothing is mapped at the beginning: EIO.
    const stretch = { handle, offset: 0, sizeBytes: 10 }
    await expect(hashStretch(stretch)).rejects.toBeInstanceOf(Unreadable)
    await expect(copyStretch(stretch, to)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      cause: { code: 'EIO' },
    })
    const { size: sizeBytes } = await sound.stat()
    await expect(copyStretch({ handle: sound, offset: 0, sizeBytes }, full)).rejects.toMatchObject({
      code: 'OUT_OF_SPACE',
    })
    expect(await hashStretch({ handle: sound, offset: 0, sizeBytes })).toBe(
      sha256(await readFile(new URL(import.meta.url))),
    )
  } finally {
    for (const one of [handle, to, full, sound]) await one.close()
  }
})
