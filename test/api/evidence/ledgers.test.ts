import { CreateAliasCommand } from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { readConfig } from '../../../services/config.ts'
import { parseManifest, verifyEvidence } from '../../../services/evidence/index.ts'
import { parseVerifierKey } from '../../../services/ledger/index.ts'
import {
  bufferSource,
  systemClock,
  systemRandom,
  toIsoTime,
} from '../../../services/model/index.ts'
import { rotateLedgerKey } from '../../../services/offline-ledger.ts'
import { TEST_OPTIONS, startTestApp } from '../../support/app.ts'
import { repack, unpack } from '../../support/evidence-archive.ts'
import { askArchive } from '../../support/evidence-story.ts'
import { createActive } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'
import { OPEN, apply } from '../../support/policy-sets.ts'
import { tempDir } from '../../support/state.ts'

const dir = tempDir()
afterAll(() => dir[Symbol.dispose]())
const beforeMs = Date.now() - 1_000

{
  await using app = await startTestApp({ data: dir.path })
  await createActive(app.client, 'old', { Publish: true })
  for (const Name of ['prod', 'still'])
    await app.client.send(
      new CreateAliasCommand({ FunctionName: 'old', Name, FunctionVersion: '1' }),
    )
}
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
await rotateLedgerKey(readConfig({ ...TEST_OPTIONS, data: dir.path }, {}), {
  clock: systemClock,
  random: systemRandom,
  log,
})
const app = await startTestApp({ data: dir.path })
afterAll(() => app[Symbol.asyncDispose]())
const { body } = await app.deps.store.reader
  .selectFrom('ledger_entry')
  .select('body')
  .where('index', '=', 0)
  .executeTakeFirstOrThrow()
const begunMs = (JSON.parse(body) as { at: number }).at
/** An instant that lies between what was done and what follows. */
async function tick(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 3))
  const now = Date.now()
  await new Promise((resolve) => setTimeout(resolve, 3))
  return now
}
const emptyMs = await tick()
await createActive(app.client, 'ground', { Publish: true })
await app.client.send(
  new CreateAliasCommand({ FunctionName: 'ground', Name: 'prod', FunctionVersion: '1' }),
)
// What decided until then was put in force under the ledger before.
await apply(app.admin, 'open', OPEN)
const groundMs = await tick()
await createActive(app.client, 'new', { Publish: true, Code: { ZipFile: nodePackage('new') } })
const movedMs = await tick()
await app.client.send(
  new CreateAliasCommand({ FunctionName: 'new', Name: 'prod', FunctionVersion: '1' }),
)

const ask = async (of: string, fromMs: number, more: Readonly<Record<string, string>> = {}) =>
  await askArchive(app.admin, `/api/v1/evidence/${of}`, { from: toIsoTime(fromMs), ...more })

it.each<[string, string, number, string]>([
  [
    'a window that begins before the ledger in force',
    'new/prod',
    beforeMs,
    'the window begins before it',
  ],
  ['what went live before it', 'old/prod', begunMs, 'went live before it'],
])('refuses %s, and says why', async (_, of, fromMs, why) => {
  for (const entries of ['window', 'opening', 'own']) {
    const { status, bytes } = await ask(of, fromMs, { entries })

    expect([status, bytes.toString()]).toEqual([400, expect.stringContaining(why)])
    expect(bytes.toString()).toContain(`succeeded another one at ${toIsoTime(begunMs)}`)
  }
})

it('refuses to show what went live in it by rows that stand in an earlier one', async () => {
  const { status, bytes } = await ask('ground/prod', begunMs, { entries: 'own' })

  expect([status, bytes.toString()]).toEqual([
    400,
    expect.stringMatching(/artifact .*, which belongs to it, was last changed before it/),
  ])
})

it('shows what began in it, and nothing of indexes that meant other entries', async () => {
  const { status, bytes } = await ask('new/prod', groundMs)
  const logKey = parseVerifierKey(app.deps.audit.verifierKey)

  expect(status).toBe(200)
  expect(await verifyEvidence(bufferSource(bytes), { logKey })).toMatchObject({
    answer: 'authenticated',
    findings: [],
    told: { intervals: 1 },
  })
})

it('refuses to have it complete since an opening that may lie in an earlier one', async () => {
  const { status, bytes } = await ask('new/prod', movedMs, { entries: 'opening' })

  expect([status, bytes.toString()]).toEqual([
    400,
    expect.stringContaining('nothing shows what was live'),
  ])
})

it('is found out where an archive says more of earlier ledgers than it can', async () => {
  const { bytes } = await ask('new/prod', begunMs, { to: toIsoTime(emptyMs) })
  const files = await unpack(bytes)
  const { scope } = parseManifest(files.get('manifest.json') ?? Buffer.alloc(0))
  const messages = async (change: Partial<typeof scope>) =>
    (
      await verifyEvidence(bufferSource(repack(files, () => ({ scope: { ...scope, ...change } }))))
    ).findings.map(({ message }) => message)

  expect(await messages({ fromMs: beforeMs })).toContain(
    'the window begins before this ledger, which succeeds another',
  )
  expect(await messages({ entries: 'opening' })).toContain(
    'what was live at the start may have begun in the ledger that this one succeeds',
  )
})
