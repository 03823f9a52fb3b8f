import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { openArtifact } from '../../../services/artifact/index.ts'
import { openSource } from '../../../services/blobs/index.ts'
import { bufferSource, systemRandom } from '../../../services/model/index.ts'
import { PreparedTrees } from '../../../services/runtime/prepare/prepared-trees.ts'
import { perform, type Task } from '../../../services/runtime/prepare/tasks.ts'
import { MemoryLog, tempDir } from '../../support/state.ts'
import { buildZip } from '../../support/zip-builder.ts'

const zipOf = (more: number): Buffer =>
  buildZip({
    entries: ['index.js', ...Array.from({ length: more }, (_, at) => `lib/${at}.js`)].map(
      (name) => ({ name, content: 'verified' }),
    ),
  })

/** Trees under `dir`, and what somebody does there after each task of the worker that unpacks. */
async function openTrees(dir: string, meanwhile: (task: Task) => void = () => undefined, more = 0) {
  const zip = zipOf(more)
  const { codeSha256, tree } = await openArtifact(bufferSource(zip))
  writeFileSync(join(dir, codeSha256), zip)
  const log = new MemoryLog()
  const trees = new PreparedTrees({
    dir: join(dir, 'prepared'),
    blobs: { open: (digest) => openSource(join(dir, digest)) },
    random: systemRandom,
    log,
    checking: { run: perform },
    unpacking: {
      run: async (task) => {
        const result = await perform(task)
        meanwhile(task)
        return result
      },
    },
  })
  return { trees, wanted: { codeSha256, tree }, log }
}

test('a file that is written to right after it was unpacked is found before it is used', async () => {
  using dir = tempDir()
  const { trees, wanted } = await openTrees(dir.path, (task) => {
    if (task.kind === 'unpack') writeFileSync(join(task.dir, 'index.js'), 'changed!')
  })

  await expect(trees.ensure(wanted)).rejects.toMatchObject({ code: 'ACTIVATION_FAILED' })

  const names = readdirSync(join(dir.path, 'prepared'))
  expect(names).toEqual([expect.stringMatching(/^changed-/)])
})

test.each([
  ['small', 0],
  ['large', 40],
])(
  'a %s tree is unchanged until somebody writes there, and as long as it is there',
  async (_size, more) => {
    using dir = tempDir()
    const { trees, wanted } = await openTrees(dir.path, undefined, more)
    const prepared = await trees.ensure(wanted)
    expect(await trees.isUnchanged(prepared)).toBe(true)

    writeFileSync(join(prepared.dir, 'index.js'), 'changed!')

    expect(await trees.isUnchanged(prepared)).toBe(false)
    expect(await trees.isUnchanged({ ...prepared, dir: join(dir.path, 'gone') })).toBe(false)
  },
)

test('a tree that was changed is set aside and made anew from the blob', async () => {
  using dir = tempDir()
  const { trees, wanted, log } = await openTrees(dir.path)
  const first = await trees.ensure(wanted)
  mkdirSync(join(first.dir, 'more'))

  const second = await trees.ensure(wanted)

  expect(second.stamp.sha256).not.toBe(first.stamp.sha256)
  expect(existsSync(join(second.dir, 'more'))).toBe(false)
  expect(log.lines.map(({ message }) => message)).toContain('prepared tree was changed')
})
