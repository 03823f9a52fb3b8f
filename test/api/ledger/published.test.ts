import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  leafHash,
  parseCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '../../../services/ledger/index.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { governance } from '../../support/governance.ts'
import { appendEntries, ledgerCommand } from '../../support/ledger.ts'
import { signWithSmithy } from '../../support/signers.ts'

const goPath = '/usr/share/gocode'
const hasGo =
  spawnSync('go', ['version']).status === 0 &&
  existsSync(`${goPath}/src/golang.org/x/mod/sumdb/tlog`)

let app: TestApp
let dir: string
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-published-'))
  app = await startTestApp({ openTlog: true })
  // More than a tile's worth.
  await appendEntries(app.deps, 300)
}, 120_000)
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

interface CheckpointBody {
  readonly size: number
  readonly note: string
  readonly verifierKey: string
  readonly tlog: string
}

const checkpoint = async (): Promise<CheckpointBody> =>
  (await governance<CheckpointBody>(app.admin, { path: '/ledger/checkpoint' })).body

const tlog = async (path: string): Promise<Response> => await fetch(`${app.url}/tlog/1/${path}`)

describe('tiles', () => {
  it('answers checkpoint, tiles and bundles in their one form, tiles for ever', async () => {
    const { size, note } = await checkpoint()
    const first = await tlog('tile/0/000')
    const partial = await tlog(`tile/0/001.p/${size - 256}`)
    const above = await tlog('tile/1/000.p/1')
    const bundle = await tlog('tile/entries/000')
    const newest = await tlog('checkpoint')

    expect(await newest.text()).toBe(note)
    expect(newest.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(newest.headers.get('cache-control')).toContain('no-cache')
    expect(first.headers.get('cache-control')).toContain('immutable')
    expect(first.headers.get('content-type')).toBe('application/octet-stream')
    expect((await first.arrayBuffer()).byteLength).toBe(8_192)
    expect((await partial.arrayBuffer()).byteLength).toBe((size - 256) * 32)
    expect((await above.arrayBuffer()).byteLength).toBe(32)
    const bytes = Buffer.from(await bundle.arrayBuffer())
    const body = bytes.subarray(2, 2 + bytes.readUInt16BE(0))
    expect(JSON.parse(body.toString('utf8'))).toMatchObject({ v: 1, index: 0 })
  })

  it.each([
    'tile/0/0', 'tile/0/0000', 'tile/00/000', 'tile/0/x000/000', 'tile/0/002', 'tile/7/000', 'tile/1/000',
    'tile/0/001', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/entries/x001', 'tile/entries/001',
    'tile/0/001.p/255', 'checkpoint/', 'tile/-1/000', 'tile/0/..%2f000', 'tile/0/%2e%2e/000',
  ])('has nothing at %s', async (path) => {
    const answer = await tlog(path)

    expect(answer.status).toBe(404)
    expect(answer.headers.get('cache-control') ?? '').not.toContain('immutable')
  }) // prettier-ignore

  it('has nothing of a ledger that is not there', async () => {
    for (const epoch of ['0', '2', '01', 'x', '99999999999'])
      expect((await fetch(`${app.url}/tlog/${epoch}/checkpoint`)).status).toBe(404)
  })

  it('is closed without the setting, and open to whoever may read the ledger', async () => {
    await using closed = await startTestApp()
    const anybody = await fetch(`${closed.url}/tlog/1/checkpoint`)
    await closed.deps.audit.checkpoint()
    const { host } = new URL(closed.url)
    const { url, headers } = await signWithSmithy(closed.admin, {
      method: 'GET',
      path: '/tlog/1/checkpoint',
      query: {},
      headers: { host },
      region: closed.admin.region,
      body: '',
    })
    const { host: _, ...sent } = headers
    const signed = await fetch(`${closed.url}${url}`, { headers: sent })

    expect(anybody.status).toBe(403)
    expect(signed.status).toBe(200)
    expect(parseCheckpoint(await signed.text()).size).toBeGreaterThan(0)
  })

  it.skipIf(!hasGo)('is read by Go, which knows nothing of us', { timeout: 240_000 }, async () => {
    const program = join(dir, 'tlog')
    execFileSync(
      'go',
      ['build', '-o', program, join(import.meta.dirname, '../../clients/tlog/main.go')],
      {
        env: { ...process.env, GO111MODULE: 'off', GOPATH: goPath, GOCACHE: join(dir, 'go-cache') },
      },
    )
    const old = await checkpoint()
    writeFileSync(join(dir, 'old'), old.note)
    await appendEntries(app.deps, 5)
    const now = await checkpoint()
    const run = promisify(execFile)
    const args = [`${app.url}/tlog/1`, now.verifierKey, join(dir, 'old')]
    const { stdout } = await run(program, args)
    const other = now.verifierKey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')
    const wrong = await run(program, [args[0] ?? '', other]).then(
      () => 0,
      () => 1,
    )

    expect(JSON.parse(stdout)).toEqual({
      origin: parseCheckpoint(now.note).origin,
      size: now.size,
      entries: now.size,
      extends: old.size,
    })
    expect(now.size).toBeGreaterThan(old.size)
    expect(wrong).toBe(1)
  })
})

describe('proofs', () => {
  it('proves an entry, and one checkpoint from another', async () => {
    const old = parseCheckpoint((await checkpoint()).note)
    await appendEntries(app.deps, 3)
    const now = parseCheckpoint((await checkpoint()).note)
    const consistency = await governance<{ proof: string[]; from: { root: string } }>(app.admin, {
      path: '/ledger/proofs/consistency',
      query: { from: String(old.size), to: String(now.size) },
    })
    const inclusion = await governance<{ proof: string[]; body: string }>(app.admin, {
      path: '/ledger/proofs/inclusion',
      query: { index: '7', size: String(now.size) },
    })
    const { proof, body } = inclusion.body

    expect(consistency.body.from.root).toBe(old.root)
    expect(
      verifyConsistency({
        first: old.size,
        second: now.size,
        firstRoot: old.root,
        secondRoot: now.root,
        proof: consistency.body.proof,
      }),
    ).toBe(true)
    expect(
      verifyInclusion({
        index: 7,
        size: now.size,
        root: now.root,
        leafHash: leafHash(body),
        proof,
      }),
    ).toBe(true)
  })

  it.each([
    ['consistency', { from: '999999' }, 400],
    ['consistency', { from: '0', to: '999999' }, 404],
    ['consistency', { from: '-1' }, 400],
    ['consistency', {}, 400],
    ['inclusion', { index: '999999' }, 404],
    ['inclusion', { index: '1', size: '1e9' }, 400],
    ['inclusion', { index: '1', other: '1' }, 400],
  ] as const)('refuses a %s of %j with %i', async (kind, query, status) => {
    const answer = await governance(app.admin, { path: `/ledger/proofs/${kind}`, query })

    expect(answer.status).toBe(status)
  })
})

describe('`lacre ledger`', () => {
  const at = (name: string): string => join(dir, name)

  it('keeps a checkpoint, proves what came since, and verifies it offline', async () => {
    const { verifierKey } = await checkpoint()
    writeFileSync(at('log.key'), verifierKey)
    const first = await ledgerCommand(
      'checkpoint',
      '--data',
      app.dataDir,
      '--out',
      at('kept'),
      '--log-key',
      at('log.key'),
    )
    const kept = readFileSync(at('kept'), 'utf8')
    writeFileSync(at('kept-before'), kept)
    await appendEntries(app.deps, 2)
    const proven = await ledgerCommand(
      'prove',
      '--data',
      app.dataDir,
      '--from',
      at('kept'),
      '-o',
      at('since.proof'),
    )
    const entry = await ledgerCommand(
      'prove',
      '--data',
      app.dataDir,
      '--entry',
      '5',
      '-o',
      at('entry.proof'),
    )
    const again = await ledgerCommand(
      'checkpoint',
      '--data',
      app.dataDir,
      '--out',
      at('kept'),
      '--log-key',
      at('log.key'),
    )
    const verify = (...more: string[]) => ledgerCommand('verify', '--json', ...more)
    const since = ['--proof', at('since.proof'), '--checkpoint', at('kept-before')]
    const sound = await verify(...since, '--log-key', at('log.key'))
    const alone = await verify(...since)
    const included = await verify('--proof', at('entry.proof'), '--log-key', at('log.key'))
    writeFileSync(
      at('forged.proof'),
      readFileSync(at('entry.proof'), 'utf8').replace('index 5', 'index 6'),
    )
    const forged = await verify('--proof', at('forged.proof'), '--log-key', at('log.key'))

    expect([first, proven, entry, again].map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(readFileSync(at('kept'), 'utf8')).not.toBe(kept)
    expect([sound.code, alone.code, included.code, forged.code]).toEqual([0, 5, 0, 1])
    expect(JSON.parse(included.out)).toMatchObject({
      kind: 'inclusion',
      index: 5,
      answer: 'authenticated',
    })
  })

  it('does not replace a checkpoint by one that does not extend it', async () => {
    const { size, note } = await checkpoint()
    const longer = note.replace(`\n${size}\n`, `\n${size + 40}\n`)
    writeFileSync(at('ahead'), longer)
    const answer = await ledgerCommand('checkpoint', '--data', app.dataDir, '--out', at('ahead'))

    expect(answer.code).toBe(1)
    expect(readFileSync(at('ahead'), 'utf8')).toBe(longer)
  })
})
