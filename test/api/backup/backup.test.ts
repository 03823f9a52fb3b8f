import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { verifyDirectory } from '../../../services/audit/index.ts'
import { beginEpoch } from '../../../services/main.ts'
import { sha256 } from '../../../services/model/index.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { backUpTo, lastCheckpoint, restoreTo } from '../../support/backups.ts'
import { openConsole } from '../../support/console-client.ts'
import { createActive, invoke, updateAndWait } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'
import { tempDir } from '../../support/state.ts'
import { stored } from '../../support/stored.ts'

let app: TestApp
const place = tempDir()
const at = (name: string): string => join(place.path, name)

beforeAll(async () => {
  app = await startTestApp()
  await createActive(app.client, 'kept', { Publish: true })
  await updateAndWait(app.client, 'kept', nodePackage('two'))
}, 60_000)
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  place[Symbol.dispose]()
})

it('restores what was there, also under load, and the restored service goes on and says so', async () => {
  await openConsole(app.admin)
  let busy = true
  const load = (async () => {
    for (let n = 0; busy; n += 1)
      await app.client
        .send(new UpdateFunctionCodeCommand({ FunctionName: 'kept', ZipFile: nodePackage(`load ${n}`) }))
        .catch(() => undefined)
  })()
  const report = await backUpTo(app.dataDir, at('load'))
  busy = false
  await load
  await restoreTo({ from: at('load'), dataDir: at('load-data'), old: app.dataDir, checkpoint: report.manifest.ledger.checkpoint ?? '' })

  await using other = await startTestApp({ data: at('load-data'), masterKeyFile: join(app.dataDir, 'master.key') })

  expect((await invoke(other.client, 'kept', {}, '1')).payload).toMatchObject({ release: 1 })
  expect((await verifyDirectory({ dataDir: at('load-data'), database: 'lacre.db' })).findings).toEqual([])
  const rows = await other.deps.store.reader.selectFrom('ledger_entry').select('body').where('index', '>=', report.manifest.ledger.size).execute()
  const told = rows.map(({ body }) => JSON.parse(body) as { type: string; note?: unknown })
  expect(told[0]).toMatchObject({ type: 'restore', note: { backup: report.digest, by: 'a test' } })
  expect(existsSync(join(at('load-data'), 'restored.json'))).toBe(false)
  // Whoever signed out since is not signed in by it.
  const sessions = ({ deps }: typeof app) => deps.store.reader.selectFrom('console_session').selectAll().execute()
  expect([(await sessions(app)).length, (await sessions(other)).length]).toEqual([1, 0])
}) // prettier-ignore

it('holds no key, no admin.json and nothing that is not named; the same state is restored to the row', async () => {
  const before = await stored(app.deps)

  await backUpTo(app.dataDir, at('b1'))
  await app.deps.audit.checkpoint()
  await restoreTo({ from: at('b1'), dataDir: at('d1'), old: app.dataDir, checkpoint: lastCheckpoint(app.dataDir) })

  const names = readdirSync(at('b1'), { recursive: true }).map(String)
  expect(names.filter((name) => /admin|master|prepared|staging|logs/.test(name))).toEqual([])
  const secret = readFileSync(join(app.dataDir, 'master.key'), 'utf8').trim()
  for (const name of readdirSync(at('b1'), { recursive: true, withFileTypes: true }))
    if (name.isFile()) {
      const bytes = readFileSync(join(name.parentPath, name.name))
      expect(bytes.includes(secret) || bytes.includes(app.admin.secretAccessKey)).toBe(false)
    }
  await using other = await startTestApp({ data: at('d1'), masterKeyFile: join(app.dataDir, 'master.key') })
  expect(await stored(other.deps)).toEqual(before)
  expect(other.admin.secretAccessKey).toBe(app.admin.secretAccessKey)
}) // prettier-ignore

it('copies no blob twice, replaces one that rotted in the backup, and drops what is no longer named', async () => {
  const first = await backUpTo(app.dataDir, at('b2'))
  const [blob] = first.manifest.files.filter(({ path }) => path.startsWith('blobs/'))
  writeFileSync(join(at('b2'), blob!.path), 'rotten')

  await updateAndWait(app.client, 'kept', nodePackage('three'))
  const second = await backUpTo(app.dataDir, at('b2'))

  expect(second.copied.files).toBe(1 + 1 + 1)
  expect(second.reused.files).toBe(second.manifest.files.length - 3)
  expect(sha256(readFileSync(join(at('b2'), blob!.path)))).toBe(blob!.sha256)
  expect(readdirSync(join(at('b2'), 'databases')).length).toBe(2)
})

it('is one file where that is asked for', async () => {
  const report = await backUpTo(app.dataDir, at('one.tar'))
  await app.deps.audit.checkpoint()

  const restored = await restoreTo({ from: at('one.tar'), dataDir: at('one'), old: app.dataDir })

  expect(restored.digest).toBe(report.digest)
  expect(readdirSync(place.path).filter((name) => name.includes('unfinished'))).toEqual([])
})

it('refuses a backup that lacks what was signed, one without a checkpoint, another master key, a place that is used', async () => {
  await backUpTo(app.dataDir, at('old'))
  await updateAndWait(app.client, 'kept', nodePackage('four'))
  await app.deps.audit.checkpoint()
  writeFileSync(at('other.key'), Buffer.alloc(32, 9))
  const common = { from: at('old'), dataDir: at('new'), old: app.dataDir }
  const early = (await backUpTo(app.dataDir, at('b3'))).manifest.ledger.checkpoint ?? ''

  await expect(restoreTo(common)).rejects.toMatchObject({ code: 'LEDGER_BROKEN', message: expect.stringMatching(/a checkpoint was signed over/) })
  await expect(restoreTo({ ...common, checkpoint: 'no note' })).rejects.toMatchObject({ code: 'INVALID_PARAMETER' })
  await expect(restoreTo({ ...common, from: at('b3'), checkpoint: early, masterKeyFile: at('other.key') })).rejects.toMatchObject({ code: 'CONFIGURATION' })
  await expect(restoreTo({ ...common, from: at('b3'), dataDir: at('b3') })).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
  expect(readdirSync(place.path).filter((name) => name.startsWith('new'))).toEqual([])
}) // prettier-ignore

it('restores one that lacks what was signed where a new ledger is to begin, which nothing serves before it did', async () => {
  await backUpTo(app.dataDir, at('early'))
  await updateAndWait(app.client, 'kept', nodePackage('lost'))
  await app.deps.audit.checkpoint()
  const last = lastCheckpoint(app.dataDir)
  const dataDir = at('behind')
  const forged = last.replace(/\n\d+\n/, '\n999999\n')
  const unsigned = restoreTo({ from: at('early'), dataDir, old: app.dataDir, newEpoch: true, checkpoint: forged })
  await expect(unsigned).rejects.toMatchObject({ code: 'LEDGER_BROKEN', message: expect.stringMatching(/by no ledger key that the backup has/) })
  expect(existsSync(dataDir)).toBe(false)
  const report = await restoreTo({ from: at('early'), dataDir, old: app.dataDir, newEpoch: true })
  const options = { data: dataDir, masterKeyFile: join(app.dataDir, 'master.key') }

  expect(report.extendsCheckpoint).toBe(false)
  await expect(startTestApp(options)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  const { recovered } = await beginEpoch({ ...options, reason: 'the disk was lost' })

  expect(recovered.previous.checkpoint).toBe(last)
  await using restored = await startTestApp(options)
  const rows = await restored.deps.store.reader.selectFrom('ledger_entry').select('body').orderBy('index').execute()
  const types = rows.map(({ body }) => (JSON.parse(body) as { type: string }).type)
  expect(types[0]).toBe('ledger.begun')
  expect(types).toContain('restore')
  await expect(invoke(restored.client, 'kept')).rejects.toMatchObject({ name: 'AccessDeniedException' })
}, 60_000) // prettier-ignore

it('makes no backup of a damaged blob, but where that is wanted', async () => {
  const zip = nodePackage('to be damaged')
  await updateAndWait(app.client, 'kept', zip)
  const digest = sha256(zip)
  const path = join(app.dataDir, 'blobs', digest.slice(0, 2), digest)
  const whole = readFileSync(path)
  writeFileSync(path, Buffer.concat([whole.subarray(1), Buffer.from('x')]))

  const refused = backUpTo(app.dataDir, at('b4'))
  await expect(refused).rejects.toMatchObject({ code: 'LEDGER_BROKEN', detail: { blob: digest } })
  expect(existsSync(join(at('b4'), 'manifest.json'))).toBe(false)
  const { manifest } = await backUpTo(app.dataDir, at('b4'), { withoutDamaged: true })
  writeFileSync(path, whole)

  expect(manifest.damaged).toEqual([digest])
  await app.deps.audit.checkpoint()
  await restoreTo({ from: at('b4'), dataDir: at('d4'), old: app.dataDir })
  rmSync(at('d4'), { recursive: true })
})
