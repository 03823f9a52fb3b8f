import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

import { DeleteFunctionCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { sha256 } from '../../../services/model/index.ts'
import { collectGarbage } from '../../../services/operations/index.ts'
import { keepFiles } from '../../../services/store/index.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { backUpTo } from '../../support/backups.ts'
import { eventually } from '../../support/eventually.ts'
import { createActive, invoke, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { tempDir } from '../../support/state.ts'

/** Also what was written in this very moment, by a clock that is not quite ours. */
const OF_NOW = -60_000

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

const pathOf = (digest: string): string => join(app.dataDir, 'blobs', digest.slice(0, 2), digest)
function orphan(bytes: Uint8Array): string {
  const digest = sha256(bytes)
  mkdirSync(dirname(pathOf(digest)), { recursive: true })
  writeFileSync(pathOf(digest), bytes)
  return digest
}
const gc = async (body: object) =>
  await governance<{ blobs: string[]; prepared: string[]; message?: string }>(app.admin, {
    method: 'POST',
    path: '/gc',
    body,
  })
interface Scrub {
  running: unknown
  last: { damaged: string[]; missing: string[]; ok: boolean; quarantined: string[] } | null
}
async function scrubbed(): Promise<NonNullable<Scrub['last']>> {
  await governance(app.admin, { method: 'POST', path: '/scrub' })
  let state: Scrub | undefined
  await eventually(async () => {
    state = (await governance<Scrub>(app.admin, { path: '/scrub' })).body
    return state.running
  }).toBeNull()
  return state!.last!
}
async function lastEntry(): Promise<{ type: string; note: Record<string, string[]> }> {
  const { reader } = app.deps.store
  const row = await reader.selectFrom('ledger_entry').select('body').orderBy('index', 'desc').limit(1).executeTakeFirstOrThrow()
  return JSON.parse(row.body) as { type: string; note: Record<string, string[]> }
} // prettier-ignore

it('takes orphans away after their grace, tells the ledger, and keeps what was ever admitted', async () => {
  const [first, second] = [nodePackage('one'), nodePackage('two')]
  await createActive(app.client, 'gone', { Code: { ZipFile: first } })
  await updateAndWait(app.client, 'gone', second)
  await app.client.send(new DeleteFunctionCommand({ FunctionName: 'gone' }))
  const left = orphan(Buffer.from('left'))

  expect((await gc({ dryRun: true, graceMs: 0 })).body).toMatchObject({ blobs: [left] })
  expect((await gc({})).body).toMatchObject({ blobs: [] })
  expect(existsSync(pathOf(left))).toBe(true)
  const { body } = await gc({ graceMs: 0 })

  expect(body.blobs).toEqual([left])
  expect(body.prepared).toEqual(expect.arrayContaining([sha256(second)]))
  expect(existsSync(pathOf(left))).toBe(false)
  expect([first, second].map((zip) => existsSync(pathOf(sha256(zip))))).toEqual([true, true])
  expect(existsSync(join(app.dataDir, 'prepared', sha256(second)))).toBe(false)
  const { reader } = app.deps.store
  const told = await reader.selectFrom('ledger_entry').select('body').where('body', 'like', '%"type":"garbage"%').execute()
  expect(told.map(({ body }) => body).join()).toContain(left)
  // Code that comes back is prepared again.
  await createActive(app.client, 'back', { Code: { ZipFile: second } })
  expect((await invoke(app.client, 'back')).payload).toMatchObject({ release: 'two' })
}) // prettier-ignore

it('removes nothing while a backup is being made', async () => {
  const left = orphan(Buffer.from('backed up'))
  {
    using _kept = keepFiles(app.dataDir)
    const refused = await gc({ graceMs: 0 })
    expect([refused.status, existsSync(pathOf(left))]).toEqual([503, true])
  }

  expect((await gc({ graceMs: 0 })).body.blobs).toEqual([left])
})

it('drops uploads and temporary files that nobody uses any more, and no others', async () => {
  const staging = join(app.dataDir, 'staging')
  const temporary = join(app.dataDir, 'blobs', 'temporary')
  for (const dir of [staging, temporary]) {
    writeFileSync(join(dir, sha256('old')), 'old')
    utimesSync(join(dir, sha256('old')), 1, 1)
    writeFileSync(join(dir, sha256('new')), 'new')
  }

  await gc({})

  expect(readdirSync(staging)).toEqual([sha256('new')])
  expect(readdirSync(temporary)).toEqual([sha256('new')])
})

it('never takes the bytes of a deployment between their being put and the commit that names them', async () => {
  const { blobs } = app.deps
  const put = blobs.put.bind(blobs)
  const seen: boolean[] = []
  // At the worst of all moments: the bytes are there, no row names them yet.
  blobs.put = async (accepted) => {
    const hold = await put(accepted)
    const found = await collectGarbage(app.deps, { dryRun: true, graceMs: OF_NOW })
    const gone = await collectGarbage(app.deps, { dryRun: false, graceMs: OF_NOW })
    seen.push(found.blobs.includes(accepted.identity.codeSha256) && gone.blobs.length === 0)
    return hold
  }
  const zips = [nodePackage('race 1'), nodePackage('race 2')]

  for (const [index, ZipFile] of zips.entries()) {
    // There already, and named by nobody: what `put` finds, and the collector wants.
    if (index === 1) orphan(ZipFile)
    await createActive(app.client, `race-${index}`, { Code: { ZipFile } })
  }
  blobs.put = put

  expect(seen).toEqual([true, true])
  expect(zips.map((zip) => existsSync(pathOf(sha256(zip))))).toEqual([true, true])
})

it('writes the bytes anew for a deployment that comes while they are being removed', async () => {
  const zip = nodePackage('removed meanwhile')
  orphan(zip)
  const digest = sha256(zip)
  const removal = app.deps.blobs.claim(digest)

  const deployed = createActive(app.client, 'meanwhile', { Code: { ZipFile: zip } })
  await removal?.remove()
  removal?.[Symbol.dispose]()
  await deployed

  expect(await app.deps.blobs.examine(digest)).toBe('sound')
})

it('finds a damaged blob, sets it aside, serves it to nobody, and takes the same bytes again', async () => {
  const zip = nodePackage('damaged')
  await createActive(app.client, 'damaged', { Code: { ZipFile: zip } })
  const digest = sha256(zip)
  const whole = readFileSync(pathOf(digest))
  const changed = Buffer.from(whole)
  changed[7] = (changed[7] ?? 0) ^ 1
  writeFileSync(pathOf(digest), changed)

  const found = await scrubbed()

  expect(found).toMatchObject({ ok: false, damaged: [digest], quarantined: [digest] })
  expect(existsSync(pathOf(digest))).toBe(false)
  expect(readdirSync(join(app.dataDir, 'quarantine'))[0]).toContain(digest)
  expect(await lastEntry()).toMatchObject({ type: 'scrub', note: { quarantined: [digest] } })
  expect(await scrubbed()).toMatchObject({ ok: false, damaged: [], missing: [digest] })
  await app.client.send(new UpdateFunctionCodeCommand({ FunctionName: 'damaged', ZipFile: zip }))
  expect(await scrubbed()).toMatchObject({ ok: true, damaged: [], missing: [] })
})

it('tells what cannot be read and leaves it where it is, finds the rest, and backs up what is left', async () => {
  const [unread, wrong] = [nodePackage('unreadable'), nodePackage('beside it')]
  for (const [name, ZipFile] of [['unreadable', unread], ['beside-it', wrong]] as const)
    await createActive(app.client, name, { Code: { ZipFile } }) // prettier-ignore
  const path = pathOf(sha256(unread))
  rmSync(path)
  symlinkSync(path, path)
  writeFileSync(pathOf(sha256(wrong)), 'others')

  const found = await scrubbed()
  using place = tempDir()
  const refused = backUpTo(app.dataDir, join(place.path, 'b'))
  await expect(refused).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  const { manifest } = await backUpTo(app.dataDir, join(place.path, 'c'), { withoutDamaged: true })

  expect(found).toMatchObject({ ok: false, unreadable: [sha256(unread)], damaged: [sha256(wrong)], missing: [], quarantined: [sha256(wrong)] }) // prettier-ignore
  expect(lstatSync(path).isSymbolicLink()).toBe(true)
  expect(manifest.damaged.toSorted()).toEqual([sha256(unread), sha256(wrong)].toSorted())
  for (const [name, ZipFile] of [['unreadable', unread], ['beside-it', wrong]] as const)
    await app.client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile })) // prettier-ignore
  expect(await scrubbed()).toMatchObject({ ok: true, unreadable: [], damaged: [], missing: [] })
})

it('says in the ledger what is set aside before it is', async () => {
  const zip = nodePackage('told first')
  await createActive(app.client, 'told-first', { Code: { ZipFile: zip } })
  writeFileSync(pathOf(sha256(zip)), 'others')
  const { blobs } = app.deps
  const claim = blobs.claim.bind(blobs)
  const told: unknown[] = []
  blobs.claim = (digest) => {
    const claimed = claim(digest)
    const setAside = async (): Promise<string> => {
      told.push(await lastEntry())
      return (await claimed?.setAside()) ?? ''
    }
    return claimed && { ...claimed, setAside, [Symbol.dispose]: () => claimed[Symbol.dispose]() }
  }
  const { quarantined } = (await scrubbed()) as { quarantined: string[] }
  blobs.claim = claim

  expect(quarantined).toEqual([sha256(zip)])
  expect(told).toMatchObject([{ type: 'scrub', note: { quarantined } }])
  await app.client.send(new UpdateFunctionCodeCommand({ FunctionName: 'told-first', ZipFile: zip }))
})
