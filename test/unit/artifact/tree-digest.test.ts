import { expect, test } from 'vitest'

import { digestOf, treeDigest } from '../../../services/artifact/index.ts'
import { bufferSource, sha256, type ArtifactEntry } from '../../../services/model/index.ts'
import { open, openSpec } from './open.ts'
import { zipOf } from '../../support/zip-builder.ts'

const entries: ArtifactEntry[] = [
  { path: '\u{1f600}', kind: 'file', mode: 0o644, sizeBytes: 1, sha256: sha256('y') },
  { path: '\uff5e', kind: 'file', mode: 0o644, sizeBytes: 1, sha256: sha256('x') },
  { path: 'a.js', kind: 'file', mode: 0o644, sizeBytes: 7, sha256: sha256('content') },
  { path: 'l', kind: 'symlink', mode: 0, sizeBytes: 4, sha256: sha256('a.js') },
  { path: 'empty', kind: 'directory', mode: 0, sizeBytes: 0, sha256: sha256('') },
  { path: 'bin/run', kind: 'file', mode: 0o755, sizeBytes: 0, sha256: sha256('') },
]

// Computed with another program from RULES §3 alone (struct.pack in Python).
const TREE = 'ff5c54bc64a37a0cfdac85943427f03aefe4f39fb0ed01ddbe101b321829081c'
const EMPTY_TREE = '0ab5fa8b56e5aefea93e3007882ffac1e6b20cd7259ea28988c3c4a45438995b'

test('gives the tree digest that RULES §3 gives', () => {
  expect(treeDigest(entries)).toBe(TREE)
})

test('does not depend on the order of its entries', () => {
  expect(treeDigest([...entries].reverse())).toBe(TREE)
})

test('has a digest for the empty tree', () => {
  expect(treeDigest([])).toBe(EMPTY_TREE)
})

test('is the same for an opened zip with these contents', async () => {
  const artifact = await openSpec({
    entries: [
      { name: 'bin/', mode: 0o040700 },
      { name: 'bin/run', mode: 0o100711 },
      { name: 'a.js', content: 'content', method: 8 },
      { name: 'empty/' },
      { name: '\u{1f600}', content: 'y', mode: 0o104666 },
      { name: '\uff5e', content: 'x', central: { madeBy: 0, externalAttributes: 0 } },
      { name: 'l', content: 'a.js', mode: 0o120777 },
    ],
  })

  expect(artifact.tree).toBe(TREE)
  expect(artifact.entries.map((entry) => entry.path)).toEqual([
    'a.js',
    'bin/run',
    'empty',
    'l',
    '\uff5e',
    '\u{1f600}',
  ])
})

test.each([
  ['path', { path: 'b.js' }],
  ['kind', { kind: 'symlink' as const }],
  ['mode', { mode: 0o755 }],
  ['size', { sizeBytes: 8 }],
  ['content', { sha256: sha256('other') }],
])('changes with the %s of an entry', (_field, change) => {
  const changed = entries.map((entry) => (entry.path === 'a.js' ? { ...entry, ...change } : entry))

  expect(treeDigest(changed)).not.toBe(TREE)
})

test('names the digests of the bytes', async () => {
  const bytes = zipOf({ 'a.js': 'content' })

  const artifact = await open(bytes)

  expect(artifact.codeSha256).toBe(sha256(bytes))
  expect(artifact.sha256).toBe(sha256(bytes))
  expect(artifact).toMatchObject({ sizeBytes: bytes.length, unzippedBytes: 7, entryCount: 1 })
})

test('digests a source of any size with each algorithm', () => {
  const source = bufferSource(Buffer.alloc(2_500_000, 'x'))

  expect(Buffer.from(digestOf(source, 'sha256')).toString('hex')).toBe(
    sha256(Buffer.alloc(2_500_000, 'x')),
  )
  expect(digestOf(source, 'sha384')).toHaveLength(48)
  expect(digestOf(source, 'sha512')).toHaveLength(64)
})
