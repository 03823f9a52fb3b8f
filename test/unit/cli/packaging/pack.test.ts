import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { sha256 } from '../../../../services/model/index.ts'
import { sealBlockOf, zipOf } from '../../../support/zip-builder.ts'
import { openArtifact, withSealBlock } from '../../../../services/artifact/index.ts'
import { bufferSource } from '../../../../services/model/index.ts'
import { run } from '../captured.ts'

let folder = ''
let tree = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lacre-pack-'))
  tree = join(folder, 'tree')
  mkdirSync(tree)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (files: Readonly<Record<string, string>>, root = tree): void => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
}
const out = (name = 'out.zip'): string => join(folder, name)
const pack = (...args: string[]): ReturnType<typeof run> =>
  run(['pack', tree, '-o', out(), ...args])
const packed = (): Buffer => readFileSync(out())
const entries = async (): Promise<string[]> => {
  const { out: text } = await run(['inspect', out(), '--json'])
  const report = JSON.parse(text) as { entries: { path: string; kind: string; mode: string }[] }
  return report.entries.map(({ path, kind, mode }) => `${kind} ${mode} ${path}`)
}

test('packs files, modes, links and empty directories, in bytewise order', async () => {
  put({ 'z.js': '1', 'a/b.js': '2', '\u{1f600}': '3', '\uff5e': '4', 'A.js': '' })
  mkdirSync(join(tree, 'empty', 'inner'), { recursive: true })
  chmodSync(join(tree, 'z.js'), 0o700)
  symlinkSync('../z.js', join(tree, 'a', 'link'))

  expect((await pack()).code).toBe(0)

  expect(await entries()).toEqual([
    'file 0644 A.js',
    'file 0644 a/b.js',
    'symlink 0000 a/link',
    'directory 0000 empty/inner',
    'file 0755 z.js',
    'file 0644 \uff5e',
    'file 0644 \u{1f600}',
  ])
})

test.each([[[]], [['--store']]])('gives the same bytes for the same tree with %j', async (args) => {
  const zone = process.env['TZ']
  const digests = new Set<string>()
  try {
    for (const [at, TZ] of ['UTC', 'Asia/Tokyo', 'America/New_York'].entries()) {
      process.env['TZ'] = TZ
      rmSync(tree, { recursive: true })
      const files = { 'a.js': 'x'.repeat(200_000), 'b/c.js': 'y', 'd.js': '' }
      const names = Object.entries(files)
      put(Object.fromEntries(at === 1 ? names.reverse() : names))
      utimesSync(join(tree, 'a.js'), at * 1e8, at * 1e8)
      chmodSync(join(tree, 'a.js'), at === 0 ? 0o600 : 0o664)

      expect((await pack(...args)).code).toBe(0)
      digests.add(sha256(packed()))
    }
  } finally {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }

  expect(digests.size).toBe(1)
})

test('has one time for all entries: 1980, or SOURCE_DATE_EPOCH', async () => {
  put({ 'a.js': '1' })
  const time = (): number => packed().readUInt32LE(10)

  await pack()
  const plain = time()
  await run(['pack', tree, '-o', out()], { environment: { SOURCE_DATE_EPOCH: '1700000000' } })

  expect(plain).toBe(0x00210000)
  // 2023-11-14 22:13:20 UTC
  expect(time()).toBe(((43 << 25) | (11 << 21) | (14 << 16) | (22 << 11) | (13 << 5) | 10) >>> 0)
})

test.each(['yesterday', '-1', '1.5'])('refuses SOURCE_DATE_EPOCH %s', async (value) => {
  put({ 'a.js': '1' })

  const ran = await run(['pack', tree, '-o', out()], { environment: { SOURCE_DATE_EPOCH: value } })

  expect(ran.code).toBe(2)
  expect(existsSync(out())).toBe(false)
})

test('leaves out what .lacreignore names, and says so', async () => {
  put({
    '.lacreignore': '*.log\nnode_modules/\n',
    'a.js': '1',
    'b.log': '2',
    'node_modules/x/i.js': '3',
    '.git/HEAD': '4',
  })

  const ran = await pack()

  expect(ran.err).toBe('left out: .git/, .lacreignore, b.log, node_modules/\n')
  expect(await entries()).toEqual(['file 0644 a.js'])
})

test('never packs its own output, nor what an interrupted run left of it', async () => {
  put({ 'a.js': '1', 'o.zip.partial-0123456789ab': '2' })

  await run(['pack', tree, '-o', join(tree, 'o.zip')])
  const first = readFileSync(join(tree, 'o.zip'))
  await run(['pack', tree, '-o', join(tree, 'o.zip')])

  expect(readFileSync(join(tree, 'o.zip'))).toEqual(first)
  const check = await run(['inspect', join(tree, 'o.zip'), '--json'])
  expect(JSON.parse(check.out)).toMatchObject({ entries: [{ path: 'a.js' }] })
})

test('warns of secrets by name and by content', async () => {
  put({
    '.env': 'A=1',
    '.env.example': 'A=',
    'deep/id_ed25519': 'x',
    'server.txt': '-----BEGIN EC PRIVATE KEY-----\n',
    'cert.pem': '-----BEGIN CERTIFICATE-----\n',
    '.aws/credentials': '[default]\n',
    'notes.ini': 'aws_secret_access_key = x',
  })

  const ran = await pack()

  expect(ran.code).toBe(0)
  expect(ran.err.split('\n').map((line) => /`(.*)`/.exec(line)?.[1])).toEqual([
    '.aws/credentials',
    '.env',
    'deep/id_ed25519',
    'notes.ini',
    'server.txt',
    undefined,
  ])
})

test('packs a zip in a zip, stored too', async () => {
  put({ 'a.js': '1' })
  writeFileSync(join(tree, 'inner.zip'), zipOf({ 'x.js': 'x' }))

  expect((await pack('--store')).code).toBe(0)
  expect((await pack()).code).toBe(0)
})

test.each<[string, () => void, string]>([
  ['a symlink out of the tree', () => symlinkSync('../..', join(tree, 'l')), 'zip.symlink-outside'],
  ['an absolute symlink', () => symlinkSync('/etc/passwd', join(tree, 'l')), 'zip.symlink-target'],
  ['a fifo', () => execFileSync('mkfifo', [join(tree, 'p')]), 'zip.special-file'],
  ['a name with a backslash', () => put({ 'a\\b': '1' }), 'zip.name-backslash'],
  ['a name with an escape character', () => put({ 'a\u001bb': '1' }), 'zip.name-control'],
  ['a name that archiver would shorten', () => put({ 'data:x': '1' }), 'zip.name-encoding'],
  [
    'names that are one after NFC',
    () => put({ 'caf\u00e9': '1', 'cafe\u0301': '2' }),
    'zip.duplicate-name',
  ],
  ['an empty tree', () => {}, 'zip.empty'],
])('refuses %s and leaves nothing behind', async (_title, make, rule) => {
  make()
  writeFileSync(out(), 'what stood here before')

  const ran = await pack('--json')

  expect(ran.code).toBe(1)
  expect(JSON.parse(ran.err)).toMatchObject({ error: { detail: { rule } } })
  expect(packed().toString()).toBe('what stood here before')
  expect(readdirSync(folder).sort()).toEqual(['out.zip', 'tree'])
})

test('refuses a tree that is too large before it writes it', async () => {
  put({ 'a.bin': '' })
  execFileSync('truncate', ['-s', '262144000', join(tree, 'a.bin')])

  const ran = await pack()

  expect(ran).toMatchObject({
    code: 1,
    err: 'error: Unzipped size must be smaller than 262144000 bytes (zip.unzipped-size)\n',
  })
})

test('answers 3 where the directory or the place of the output is missing', async () => {
  put({ 'a.js': '1' })

  expect((await run(['pack', join(folder, 'nowhere'), '-o', out()])).code).toBe(3)
  expect((await run(['pack', tree, '-o', join(folder, 'no', 'where.zip')])).code).toBe(3)
  expect((await run(['pack', join(tree, 'a.js'), '-o', out()])).code).toBe(3)
})

test('checks a zip: 0 and its digest, or 1 and the rule', async () => {
  put({ 'a.js': '1' })
  const report = JSON.parse((await pack('--json')).out) as { sha256: string }
  const bad = out('bad.zip')
  writeFileSync(bad, Buffer.concat([packed(), Buffer.from('x')]))

  const good = await run(['check', out()])

  expect(good).toMatchObject({ code: 0, err: '' })
  expect(good.out).toContain(report.sha256)
  expect(await run(['check', bad])).toMatchObject({ code: 1, out: '' })
  expect(JSON.parse((await run(['check', out(), '--json'])).out)).toMatchObject({
    accepted: true,
    sealed: false,
    sha256: report.sha256,
  })
})

test('inspects the seals of a zip, also a malformed block', async () => {
  const original = await openArtifact(bufferSource(zipOf({ 'a.js': '1' })))
  const sealed = (id: number): Uint8Array => {
    const source = withSealBlock(original, sealBlockOf([{ id, payload: Buffer.from('{}') }]))
    return source.read(0, source.sizeBytes)
  }
  writeFileSync(out(), sealed(1))
  writeFileSync(out('odd.zip'), sealed(9))

  const good = JSON.parse((await run(['inspect', out(), '--json'])).out) as unknown

  expect(good).toMatchObject({
    sha256: original.sha256,
    seals: [{ format: 'bundle', sizeBytes: 2, sha256: sha256('{}') }],
  })
  expect((await run(['inspect', out()])).out).toContain('bundle')
  expect((await run(['inspect', out('odd.zip')])).out).toContain('malformed: ')
})

test('inspects without fooling the terminal', async () => {
  const ran = await run(['inspect', join(folder, 'no\u001b[2J.zip')], { tty: true })

  expect(ran.err).toBe(`error: \`${folder}/no\\u001b[2J.zip\`: no such file or directory\n`)
})
