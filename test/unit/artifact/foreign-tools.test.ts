import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { treeDigest, withSealBlock } from '../../../services/artifact/index.ts'
import { sha256, type ArtifactEntry } from '../../../services/model/index.ts'
import { sealBlockOf } from '../../support/zip-builder.ts'
import { open } from './open.ts'

const has = (tool: string): boolean => spawnSync('which', [tool]).status === 0
const deep = 'x'.repeat(300_000)
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lacre-tools-'))
  mkdirSync(join(folder, 'in', 'deep', 'empty'), { recursive: true })
  writeFileSync(join(folder, 'in', 'index.js'), 'exports.handler = async () => 1\n')
  writeFileSync(join(folder, 'in', 'run'), '#!/bin/sh\n')
  chmodSync(join(folder, 'in', 'run'), 0o755)
  writeFileSync(join(folder, 'in', 'deep', 'large.txt'), deep)
  writeFileSync(join(folder, 'in', 'deep', 'nothing'), '')
  symlinkSync('../index.js', join(folder, 'in', 'deep', 'link'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const entry = (
  path: string,
  content: string,
  more: Partial<ArtifactEntry> = {},
): ArtifactEntry => ({
  path,
  kind: 'file',
  mode: 0o644,
  sizeBytes: Buffer.byteLength(content),
  sha256: sha256(content),
  ...more,
})
/** What every tool has to give: with the link as a link, or followed; with or without the execute bit. */
const expectedTree = (keeps: { readonly links: boolean; readonly modes: boolean }): string =>
  treeDigest([
    entry('index.js', 'exports.handler = async () => 1\n'),
    entry('run', '#!/bin/sh\n', { mode: keeps.modes ? 0o755 : 0o644 }),
    entry('deep/large.txt', deep),
    entry('deep/nothing', ''),
    entry('deep/empty', '', { kind: 'directory', mode: 0 }),
    keeps.links
      ? entry('deep/link', '../index.js', { kind: 'symlink', mode: 0 })
      : entry('deep/link', 'exports.handler = async () => 1\n'),
  ])

const PYTHON = 'import shutil,sys; shutil.make_archive(sys.argv[1][:-4], "zip", ".")'
const PYTHON_STREAM = `
import os, sys, zipfile
class Pipe:
    def __init__(self, file): self.file = file
    def write(self, data): return self.file.write(data)
    def flush(self): self.file.flush()
with open(sys.argv[1], "wb") as file, zipfile.ZipFile(Pipe(file), "w", int(sys.argv[2])) as out:
    for root, folders, files in os.walk("."):
        for name in files: out.write(os.path.join(root, name))
    out.write("deep/empty", "deep/empty/")
`
const all = { links: true, modes: true }
const followed = { links: false, modes: true }
const plain = { links: false, modes: false }

const tools: [title: string, tool: string, args: string[], keeps: typeof all][] = [
  ['zip -y', 'zip', ['-qry', 'OUT', '.'], all],
  ['zip', 'zip', ['-qr', 'OUT', '.'], followed],
  ['zip -0 -X', 'zip', ['-qr0X', 'OUT', '.'], followed],
  ['zip through descriptors', 'zip', ['-qr', '-fd', 'OUT', '.'], followed],
  ['7z', '7z', ['a', '-bso0', '-snl', '-tzip', 'OUT', '.'], all],
  ['7z stored', '7z', ['a', '-bso0', '-snl', '-tzip', '-mm=Copy', 'OUT', '.'], all],
  ['bsdtar', 'bsdtar', ['--format', 'zip', '-cf', 'OUT', 'index.js', 'run', 'deep'], all],
  [
    'bsdtar stored',
    'bsdtar',
    [
      '--format',
      'zip',
      '--options',
      'zip:compression=store',
      '-cf',
      'OUT',
      'index.js',
      'run',
      'deep',
    ],
    all,
  ],
  ['jar', 'jar', ['cfM', 'OUT', '.'], plain],
  ['jar stored', 'jar', ['cfM0', 'OUT', '.'], plain],
  ['python zipfile', 'python3', ['-c', PYTHON, 'OUT'], followed],
  ['python zipfile to a pipe', 'python3', ['-c', PYTHON_STREAM, 'OUT', '8'], followed],
  ['python zipfile to a pipe, stored', 'python3', ['-c', PYTHON_STREAM, 'OUT', '0'], followed],
]

for (const [title, tool, args, keeps] of tools) {
  test.skipIf(!has(tool))(`accepts what ${title} writes, and sees the same tree`, async () => {
    const out = join(folder, `${title.replaceAll(' ', '-')}.zip`)
    execFileSync(
      tool,
      args.map((arg) => arg.replace('OUT', out)),
      { cwd: join(folder, 'in') },
    )

    const artifact = await open(readFileSync(out))

    expect(artifact.tree).toBe(expectedTree(keeps))
  })
}

const readers: [tool: string, args: string[]][] = [
  ['unzip', ['-qt']],
  ['7z', ['t', '-bso0']],
  ['bsdtar', ['-tf']],
  ['jar', ['tf']],
  ['python3', ['-m', 'zipfile', '-t']],
]

for (const [tool, args] of readers) {
  test.skipIf(!has(tool) || !has('zip'))(`${tool} reads a zip with a seal block`, async () => {
    const out = join(folder, `sealed-for-${tool}.zip`)
    execFileSync('zip', ['-qry', out, '.'], { cwd: join(folder, 'in') })
    const block = sealBlockOf([{ id: 1, payload: Buffer.from('{}') }])
    const sealed = withSealBlock(await open(readFileSync(out)), block)
    writeFileSync(out, sealed.read(0, sealed.sizeBytes))

    const { status } = spawnSync(tool, [...args, out])

    expect(status).toBe(0)
  })
}
