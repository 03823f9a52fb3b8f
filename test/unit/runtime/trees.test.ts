import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { openArtifact } from '../../../services/artifact/index.ts'
import { bufferSource, sha256 } from '../../../services/model/index.ts'
import {
  findConflict,
  rehashTree,
  stampTree,
  unpack,
} from '../../../services/runtime/prepare/trees.ts'
import { buildZip } from '../../support/zip-builder.ts'

const zip = buildZip({
  entries: [
    { name: 'bin/run', content: '#!/bin/sh\n', mode: 0o104755 },
    { name: 'empty/', content: '' },
    { name: 'é.txt', content: 'wax' },
    { name: 'link', content: 'bin/run', mode: 0o120777 },
  ],
})

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-trees-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function unpacked(): Promise<{ codeSha256: string; tree: string }> {
  const { codeSha256, tree } = await openArtifact(bufferSource(zip))
  await unpack(bufferSource(zip), { codeSha256, tree }, dir)
  return { codeSha256, tree }
}

describe('unpacking', () => {
  test('makes exactly the entries, modes and links, and what lies there hashes to the admitted tree', async () => {
    const { tree } = await unpacked()

    expect(rehashTree(dir)).toBe(tree)
    expect(lstatSync(join(dir, 'bin/run')).mode & 0o7777).toBe(0o755)
    expect(lstatSync(join(dir, 'é.txt')).mode & 0o7777).toBe(0o644)
    expect(lstatSync(join(dir, 'bin')).mode & 0o7777).toBe(0o755)
    expect(readlinkSync(join(dir, 'link'))).toBe('bin/run')
    expect(readFileSync(join(dir, 'é.txt'), 'utf8')).toBe('wax')
  })

  test('refuses bytes with another digest, and a tree that is not the admitted one', async () => {
    const { codeSha256, tree } = await openArtifact(bufferSource(zip))
    const other = sha256('other')

    await expect(unpack(bufferSource(zip), { codeSha256: other, tree }, dir)).rejects.toMatchObject(
      {
        code: 'ACTIVATION_FAILED',
        detail: { expected: other, got: codeSha256 },
      },
    )
    await expect(unpack(bufferSource(zip), { codeSha256, tree: other }, dir)).rejects.toMatchObject(
      {
        code: 'ACTIVATION_FAILED',
      },
    )
  })
})

describe('a change to a prepared tree', () => {
  const changes: Readonly<Record<string, (root: string) => void>> = {
    'a byte of a file': (root) => writeFileSync(join(root, 'é.txt'), 'wox'),
    'a mode': (root) => chmodSync(join(root, 'é.txt'), 0o755),
    'a setuid bit': (root) => chmodSync(join(root, 'bin/run'), 0o4755),
    'a file more': (root) => writeFileSync(join(root, 'more'), ''),
    'a file less': (root) => rmSync(join(root, 'é.txt')),
    'an empty directory more': (root) => mkdirSync(join(root, 'more')),
    'another link target': (root) => {
      rmSync(join(root, 'link'))
      symlinkSync('é.txt', join(root, 'link'))
    },
    'a link in place of a file': (root) => {
      rmSync(join(root, 'é.txt'))
      symlinkSync('bin/run', join(root, 'é.txt'))
    },
    'a directory others may write': (root) => chmodSync(join(root, 'bin'), 0o777),
  }
  test.each(Object.entries(changes))('%s shows in digest and stamp', async (_name, change) => {
    const { tree } = await unpacked()
    const stamp = stampTree(dir)

    change(dir)

    expect(rehashTree(dir)).not.toBe(tree)
    expect(stampTree(dir).sha256).not.toBe(stamp.sha256)
  })

  test('the same bytes written again show in the stamp, and not in the digest', async () => {
    const { tree } = await unpacked()
    const stamp = stampTree(dir)

    writeFileSync(join(dir, 'é.txt'), 'wax')

    expect(stampTree(dir).sha256).not.toBe(stamp.sha256)
    expect(rehashTree(dir)).toBe(tree)
  })
})

test('a path that is a directory here and a file or link there is a conflict; equal kinds are none', () => {
  const [one, two] = [join(dir, 'one'), join(dir, 'two')]
  mkdirSync(join(one, 'lib'), { recursive: true })
  mkdirSync(join(two, 'lib'), { recursive: true })
  writeFileSync(join(one, 'lib/a'), '')
  writeFileSync(join(two, 'lib/a'), 'other')
  expect(findConflict([one, two])).toBeUndefined()

  mkdirSync(join(two, 'bin'))
  symlinkSync('lib', join(one, 'bin'))
  expect(findConflict([one, two])).toBe('bin')
})
