import { join } from 'node:path'

import { CreateAliasCommand, LambdaServiceException } from '@aws-sdk/client-lambda'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { sha256, type VerdictReason } from '../../services/model/index.ts'
import { revoke } from '../../services/operations/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { createActive } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { liveStates } from '../support/live-states.ts'
import { nodePackage } from '../support/packages.ts'
import { createConfig, createPublisher } from '../support/publishing.ts'
import { makeViolating, revokePublisher, someone } from '../support/violating.ts'
import { bundleSeal } from '../support/zip-seals.ts'

/** More than one transaction takes. */
const ALIASES = 120

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({ reactionsMaxAliases: '0' })
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

async function deploy(FunctionName: string, Name: string): Promise<boolean> {
  try {
    const alias = { FunctionName, Name, FunctionVersion: '2' }
    await app.client.send(new CreateAliasCommand(alias))
    return true
  } catch (error) {
    if (error instanceof LambdaServiceException && error.name.includes('CodeVerification'))
      return false
    throw error
  }
}

async function deployMany(functionName: string): Promise<void> {
  for (let at = 0; at < ALIASES; at += 1) await deploy(functionName, `a${at}`)
  await app.deps.verifier.settled()
}

/** By the rows: how many of its aliases are live, and those that nobody says of that they violate. */
async function standing(functionName: string): Promise<{ live: number; missed: string[] }> {
  const all = await liveStates(app.deps.store.reader)
  const rows = all.filter((row) => row.function_name === functionName && row.version === '2')
  const missed = rows.filter(({ state }) => state !== 'violating')
  return { live: rows.length, missed: missed.map(({ alias }) => alias) }
}

async function verifiedWorld(): Promise<{ world: number; verified: number }> {
  const { reader } = app.deps.store
  const { counter } = await reader.selectFrom('world').select('counter').executeTakeFirstOrThrow()
  const { verified } = await reader
    .selectFrom('live_verification')
    .select((select) => select.fn.max<number>('world').as('verified'))
    .executeTakeFirstOrThrow()
  return { world: counter, verified }
}

test('misses no alias of many, however they are deployed beside the revocation', async () => {
  await makeViolating(app, 'many')
  await deployMany('many')
  let deployed = 0
  let revoked = false
  const deploying = (async () => {
    for (let at = 0; !revoked || at % 10 > 0; at += 1)
      if (await deploy('many', `d${at}`)) deployed += 1
  })()

  const subject = { kind: 'publisher', name: 'bad_many' } as const
  await revoke(app.deps, someone, { subject, effectiveAtMs: undefined, reason: 'stolen' })
  revoked = true
  await deploying
  await app.deps.verifier.settled()

  // `prod` and the version's own number beside them.
  expect(await standing('many')).toEqual({ live: ALIASES + deployed + 2, missed: [] })
  const { world, verified } = await verifiedWorld()
  expect(verified).toBe(world)
}, 120_000)

test('what a look could not write down is written after it, and only then is the world verified', async () => {
  await makeViolating(app, 'stuck')
  await deployMany('stuck')
  const broken = new Database(join(app.dataDir, 'lacre.db'))
  broken.exec(`create trigger stuck before insert on live_verdict when new.state = 'violating' and
    (select count(*) from live_verdict as verdict join live_interval as live on live.id = verdict.live_id
      where live.function_name = 'stuck' and verdict.state = 'violating') >= 60
    begin select raise(abort, 'no more today'); end`)

  await revokePublisher(app, 'bad_stuck')

  const { missed } = await standing('stuck')
  expect(missed.length).toBeGreaterThan(0)
  expect(missed.length).toBeLessThan(ALIASES)
  expect(app.deps.verifier.status().fault).toContain('no more today')
  const stopped = await verifiedWorld()
  expect(stopped.verified).toBeLessThan(stopped.world)
  broken.exec('drop trigger stuck')
  broken.close()
  await expect.poll(async () => (await standing('stuck')).missed, { timeout: 30_000 }).toEqual([])
  await expect
    .poll(async () => (await verifiedWorld()).verified, { timeout: 30_000 })
    .toBe(stopped.world)
}, 120_000)

test('counts the seals that lie beside the bytes, when all that is live is judged', async () => {
  const publisher = await createPublisher(app, 'beside')
  const config = await createConfig(app, 'Enforce', publisher.arn)
  const zip = nodePackage('beside')
  const path = `/artifacts/${sha256(zip)}`
  await governance(app.admin, { method: 'PUT', path, raw: zip })
  const seal = await bundleSeal(zip, publisher.privateKey)
  const seals = [{ format: 'bundle', body: Buffer.from(seal).toString('base64') }]
  await governance(app.admin, { method: 'PUT', path: `${path}/seals`, body: { seals } })
  await createActive(app.client, 'beside', {
    Code: { S3Bucket: 'lacre', S3Key: sha256(zip) },
    CodeSigningConfigArn: config,
  })
  const states = async () =>
    (
      await app.deps.store.reader
        .selectFrom('live_interval as live')
        .innerJoin('live_verdict as verdict', 'verdict.live_id', 'live.id')
        .select('verdict.state')
        .where('live.function_name', '=', 'beside')
        .where('live.to_ms', 'is', null)
        .where('verdict.recorded_to', 'is', null)
        .where('verdict.effective_to', 'is', null)
        .execute()
    ).map(({ state }) => state)

  // Another one comes: the world moves, and all is judged again.
  await createPublisher(app, 'another')
  await app.deps.verifier.settled()

  expect((await verifiedWorld()).verified).toBe((await verifiedWorld()).world)
  expect(await states()).toEqual(['compliant'])
  await revokePublisher(app, 'beside')
  expect(await states()).toEqual(['violating'])
}, 120_000)

test('code that is judged once is told of under the version that has it, whichever serve it', async () => {
  const { revokeBad } = await makeViolating(app, 'shared')
  await revokeBad()

  const rows = await app.deps.store.reader
    .selectFrom('live_interval as live')
    .innerJoin('live_verdict as verdict', 'verdict.live_id', 'live.id')
    .select(['live.version', 'verdict.state', 'verdict.reasons'])
    .where('live.function_name', '=', 'shared')
    .where('live.to_ms', 'is', null)
    .where('verdict.recorded_to', 'is', null)
    .where('verdict.effective_to', 'is', null)
    .execute()
  const told = rows.map(({ version, state, reasons }) => {
    const subjects = (JSON.parse(reasons) as VerdictReason[]).map(({ subject }) => subject)
    return `${version} ${state} ${[...new Set(subjects)].map((arn) => arn.split(':').at(-1)).join()}`
  })

  // Version 2 and $LATEST have the same bytes; version 1 has others, by somebody else.
  expect([...new Set(told)].toSorted()).toEqual([
    '$LATEST violating $LATEST',
    '1 compliant ',
    '2 violating 2',
  ])
}, 60_000)
