import {
  CreateAliasCommand,
  DeleteAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { expect, it } from 'vitest'

import { systemClock, systemRandom } from '../../../services/model/index.ts'
import { rotateLedgerKey } from '../../../services/offline-ledger.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { lambdaClient, type AdminFile } from '../../support/client.ts'
import { createActive, refusalOf, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { addPerson } from '../../support/people.ts'
import { plan } from '../../support/planning.ts'
import { createPublisher } from '../../support/publishing.ts'
import { MemoryLog, tempDir } from '../../support/state.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

const FunctionName = 'kept'

interface Change {
  readonly alias: string
  readonly by: { readonly principal: { readonly name: string } | null }
}
interface Event {
  readonly kind: string
  readonly principal: { readonly name: string } | null
}

it('keeps across a new key of the ledger what releases had, and who did what', async () => {
  using dir = tempDir()
  const options = { data: dir.path, policySet: 'separation-of-duties' }
  const people: Record<string, AdminFile & { principal: string }> = {}
  const begunAt = new Date().toISOString()
  {
    await using app = await startTestApp(options)
    for (const name of ['dora', 'alice', 'bob']) people[name] = await addPerson(app, name)
    const robot = await addPerson(app, 'robot', { kind: 'workload' })
    const ci = await createPublisher(app, 'ci')
    const code = async (release: string) => {
      const zip = nodePackage(release)
      return await sealedZip(zip, await bundleSeal(zip, ci.privateKey))
    }
    const body = { signer: { kind: 'publisher', name: 'ci' }, owner: robot.principal }
    await governance(app.admin, { method: 'PUT', path: '/signer-owners', body })
    await createActive(app.client, FunctionName, {
      Code: { ZipFile: await code('one') },
      Publish: true,
    })
    await updateAndWait(app.client, FunctionName, await code('two'))
    await app.client.send(new PublishVersionCommand({ FunctionName }))
    const dora = as(app.admin, people['dora'])
    const approve = async (version: string): Promise<void> => {
      const asked = await governance<{ id: string }>(dora.file, {
        method: 'POST',
        path: '/approvals',
        body: { functionName: FunctionName, alias: 'prod', version, reason: 'release' },
      })
      for (const name of ['alice', 'bob']) {
        const path = `/approvals/${asked.body.id}/approve`
        await governance(as(app.admin, people[name]).file, { method: 'POST', path })
      }
    }
    await approve('1')
    await dora.client.send(new CreateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion: '1' }))
    await fill(app, (await sizeOf(app)) + 20)
    await approve('2')
    await move(dora.client, '2')
    dora.client.destroy()
  }
  const around = { clock: systemClock, random: systemRandom, log: new MemoryLog() }
  const config = { dataDir: dir.path, masterKey: undefined, checkpointDir: undefined }
  const { epoch } = await rotateLedgerKey(config, around)
  const rotatedAt = new Date().toISOString()

  await using app = await startTestApp(options)
  const { reader } = app.deps.store
  const ended = await reader.selectFrom('past_ledger').select('size').executeTakeFirstOrThrow()
  const [first] = await reader
    .selectFrom('live_interval')
    .select(['from_index', 'to_index'])
    .where('alias', '=', 'prod')
    .orderBy('id')
    .execute()
  // The new ledger comes to a place at which version 1 was live in the old one.
  await fill(app, (first?.from_index ?? 0) + 1)
  const place = await sizeOf(app)
  const dora = as(app.admin, people['dora'])
  const canary = await move(dora.client, '2', { '1': 0.1 })
  const back = await refusalOf(move(dora.client, '1'))
  // What was closed in the old ledger has larger places than what is closed now.
  await createPublisher(app, 'to_revoke')
  const target = { kind: 'publisher', name: 'to_revoke' }
  const { plan: planned } = await plan(app, { kind: 'revocation', target })
  await dora.client.send(new DeleteAliasCommand({ FunctionName, Name: 'prod' }))
  const held = await governance(app.admin, {
    method: 'POST',
    path: '/revocations',
    body: { target, reason: 'test' },
    headers: { 'x-lacre-plan': planned.hash ?? '' },
  })
  // And to the places that entries of the old one had, by somebody else.
  await fill(app, ended.size)
  const events = await governance<{ events: Event[] }>(app.admin, {
    path: `/history/functions/${FunctionName}`,
    query: { alias: 'prod' },
  })
  const diff = await governance<{ changes: Change[] }>(app.admin, {
    path: '/history/diff',
    query: { from: begunAt, to: rotatedAt },
  })
  dora.client.destroy()

  expect(epoch).toBe(2)
  expect(place).toBeGreaterThan(first?.from_index ?? Infinity)
  expect(place).toBeLessThan(first?.to_index ?? 0)
  expect(canary).toMatchObject({ FunctionVersion: '2' })
  // Version 1 left before the rotation: what it had then gives it nothing now.
  expect(back.status).toBe(403)
  const changes = events.body.events.filter(({ kind }) => kind === 'change')
  expect(changes.map(({ principal }) => principal?.name)).toEqual(Array(4).fill('dora'))
  expect(held.status).toBe(412)
  expect(diff.body.changes.find(({ alias }) => alias === 'prod')?.by.principal?.name).toBe('dora')
}, 180_000) // prettier-ignore

const sizeOf = async ({ deps }: Pick<TestApp, 'deps'>): Promise<number> =>
  (await deps.store.reader.selectFrom('ledger_head').select('size').executeTakeFirstOrThrow()).size

let filled = 0
/** Entries by the admin until there are so many. */
async function fill(app: TestApp, size: number): Promise<void> {
  for (; (await sizeOf(app)) < size; filled += 1) {
    const body = { reason: 'filling' }
    await governance(app.admin, { method: 'PUT', path: `/freezes/other-${filled}`, body })
  }
}

function as(admin: AdminFile, person: AdminFile | undefined) {
  const { accessKeyId = '', secretAccessKey = '' } = person ?? {}
  const file = { ...admin, accessKeyId, secretAccessKey }
  return { file, client: lambdaClient(file) }
}

async function move(client: LambdaClient, FunctionVersion: string, weights = {}) {
  const RoutingConfig = { AdditionalVersionWeights: weights }
  return await client.send(
    new UpdateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion, RoutingConfig }),
  )
}
