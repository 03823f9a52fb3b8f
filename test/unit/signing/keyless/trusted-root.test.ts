import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { startSigstore } from '../../../support/sigstore-services.ts'
import { TufRepository } from '../../../support/tuf-repository.ts'
import { keyPair } from '../../../support/pki.ts'
import { run } from '../../cli/captured.ts'

const table = [
  {
    name: 'trusted-root',
    summary: '',
    load: () => import('../../../../cli/commands/trusted-root.ts'),
  },
]
const ROOT = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'

let dir = ''
const at = (name: string): string => join(dir, name)

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-tuf-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const fetchFrom = async (mirror: string, args: readonly string[] = []) =>
  await run(
    [
      'trusted-root',
      'fetch',
      '--mirror',
      mirror,
      '--root',
      at('root.json'),
      '--cache',
      at('cache'),
      '-o',
      at('out.json'),
      ...args,
    ],
    { table },
  )

test('fetches the target of a signed repository, and again when it has changed', async () => {
  const repository = new TufRepository()
  writeFileSync(at('root.json'), repository.root())
  repository.publish({ targets: { 'trusted_root.json': ROOT } })
  await using server = await repository.serve()

  const first = await fetchFrom(server.url)
  const text = readFileSync(at('out.json'), 'utf8')
  repository.publish({ version: 2, targets: { 'trusted_root.json': `${ROOT}\n` } })
  const second = await fetchFrom(server.url)

  expect([first.code, second.code]).toEqual([0, 0])
  expect(text).toBe(ROOT)
  expect(readFileSync(at('out.json'), 'utf8')).toBe(`${ROOT}\n`)
})

test('follows the keys of a repository that signed its next root with both', async () => {
  const repository = new TufRepository()
  writeFileSync(at('root.json'), repository.root())
  repository.files.set('/2.root.json', repository.root({ version: 2 }))
  repository.publish({ targets: { 'trusted_root.json': ROOT } })
  await using server = await repository.serve()

  expect((await fetchFrom(server.url)).code).toBe(0)
  expect(server.requests.map(({ path }) => path)).toContain('/3.root.json')
})

const stranger = keyPair('ed25519', 'stranger').privateKey
const PAST = '2020-01-01T00:00:00Z'
const other = (repository: TufRepository) => repository.publish({ version: 2, targets: {} })

test.each<[string, (repository: TufRepository) => void, string]>([
  [
    'an older state than it has seen',
    (repository) => repository.publish({ version: 1, targets: { 'trusted_root.json': ROOT } }),
    'tuf-rollback',
  ],
  [
    'a timestamp that has expired',
    (repository) => repository.publish({ version: 3, expires: { timestamp: PAST } }),
    'tuf-expired',
  ],
  [
    'a snapshot that has expired',
    (repository) => repository.publish({ version: 3, expires: { snapshot: PAST } }),
    'tuf-expired',
  ],
  [
    'targets that have expired',
    (repository) => repository.publish({ version: 3, expires: { targets: PAST } }),
    'tuf-expired',
  ],
  [
    'a timestamp that somebody else signed',
    (repository) => repository.publish({ version: 3, forged: { timestamp: stranger } }),
    'tuf-signature',
  ],
  [
    'a snapshot that somebody else signed',
    (repository) => repository.publish({ version: 3, forged: { snapshot: stranger } }),
    'tuf-signature',
  ],
  [
    'targets that somebody else signed',
    (repository) => repository.publish({ version: 3, forged: { targets: stranger } }),
    'tuf-signature',
  ],
  [
    'a next root that somebody else signed',
    (repository) =>
      void repository.files.set(
        '/2.root.json',
        repository.root({ version: 2, forged: { root: stranger } }),
      ),
    'tuf-signature',
  ],
  [
    'a next root that skips a version',
    (repository) => void repository.files.set('/2.root.json', repository.root({ version: 4 })),
    'tuf-rollback',
  ],
  [
    'a target with other bytes than are signed',
    (repository) => {
      repository.publish({ version: 3, targets: { 'trusted_root.json': `${ROOT} ` } })
      for (const path of repository.files.keys())
        if (path.startsWith('/targets/')) repository.files.set(path, `${ROOT}X`)
    },
    'tuf-digest',
  ],
  ['a repository without the target', other, 'tuf-no-target'],
  [
    'metadata that is no JSON',
    (repository) => void repository.files.set('/timestamp.json', '<html>'),
    'tuf-malformed',
  ],
])('refuses %s and leaves what it fetched before', async (_title, spoil, reason) => {
  const repository = new TufRepository()
  writeFileSync(at('root.json'), repository.root())
  repository.publish({ version: 2, targets: { 'trusted_root.json': ROOT } })
  await using server = await repository.serve()
  await fetchFrom(server.url)
  spoil(repository)
  if (reason === 'tuf-no-target') repository.publish({ version: 3, targets: {} })

  const refused = await fetchFrom(server.url)

  expect(refused.err).toContain(`(${reason})`)
  expect(refused.code).toBe(1)
  expect(readFileSync(at('out.json'), 'utf8')).toBe(ROOT)
})

test('does not take over the cache of another first root', async () => {
  const [mine, theirs] = [new TufRepository(), new TufRepository()]
  writeFileSync(at('root.json'), theirs.root())
  theirs.publish({ targets: { 'trusted_root.json': ROOT } })
  await using server = await theirs.serve()
  await fetchFrom(server.url)
  writeFileSync(at('root.json'), mine.root())

  const refused = await fetchFrom(server.url)

  expect(refused.code).toBe(1)
  expect(refused.err).toContain('(tuf-signature)')
  expect(readdirSync(at('cache'))).toHaveLength(2)
})

test('starts from no root but the one it is given, and from one that is a root', async () => {
  const repository = new TufRepository()
  repository.publish({ targets: { 'trusted_root.json': ROOT } })
  writeFileSync(at('root.json'), repository.files.get('/timestamp.json') ?? '')
  await using server = await repository.serve()

  expect((await fetchFrom(server.url)).code).toBe(1)
  expect(existsSync(at('out.json'))).toBe(false)
  expect(server.requests).toEqual([])
})

test.each([
  ['a server that is not there', 'http://127.0.0.1:9', 4],
  ['plain http to elsewhere', 'http://tuf.example', 2],
])('answers %s with its exit code', async (_title, mirror, code) => {
  writeFileSync(at('root.json'), new TufRepository().root())

  expect((await fetchFrom(mirror)).code).toBe(code)
  expect(existsSync(at('out.json'))).toBe(false)
})

test.each(['../x', 'a/../x', '/x', 'a//x', '.', 'x'.repeat(129)])(
  'refuses a target that is no path below its folder: %s',
  async (target) => {
    writeFileSync(at('root.json'), new TufRepository().root())

    const refused = await fetchFrom('http://127.0.0.1:9', ['--target', target])

    expect(refused.code).toBe(2)
  },
)

test('shows whom a trusted root trusts', async () => {
  await using sigstore = await startSigstore()
  writeFileSync(at('trusted_root.json'), JSON.stringify(sigstore.trustedRoot))

  const shown = await run(['trusted-root', 'show', at('trusted_root.json'), '--json'], { table })

  const { members } = JSON.parse(shown.out) as { members: { kind: string; name: string }[] }
  expect(members.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'certificate authority sigstore.mock, sigstore, https://fulcio.test',
    'log https://rekor.test',
    'log https://tiles.test',
    'certificate log https://ct.test',
  ])
  expect((await run(['trusted-root', 'show', at('trusted_root.json')], { table })).code).toBe(0)
  writeFileSync(at('other.json'), '{}')
  expect((await run(['trusted-root', 'show', at('other.json')], { table })).code).toBe(2)
})
