import { rmSync } from 'node:fs'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  DeleteFunctionCodeSigningConfigCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaServiceException,
} from '@aws-sdk/client-lambda'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { listFreezes } from '../../services/catalog/index.ts'
import { recordVerdicts } from '../../services/live/index.ts'
import {
  liftRefusal,
  readLive,
  readReactions,
  setReaction,
  settleHold,
} from '../../services/operations/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { makeViolating, revokePublisher, someone as caller } from '../support/violating.ts'

/** What is live is judged again when trust changes, and what is set follows; workers are the compiled ones. */

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({ reactionsMaxAliases: '10' })
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

const violating = (name: string) => makeViolating(app, name)

async function prod(functionName: string) {
  const rows = await readLive(app.deps, undefined)
  const row = rows.find((one) => one.functionName === functionName && one.alias === 'prod')
  if (row === undefined) throw new Error('it is not live')
  return row
}

async function invoked(FunctionName: string, Qualifier: string): Promise<number> {
  try {
    return (await app.client.send(new InvokeCommand({ FunctionName, Qualifier }))).StatusCode ?? 0
  } catch (error) {
    if (error instanceof LambdaServiceException) return error.$metadata.httpStatusCode ?? 0
    throw error
  }
}

async function entries(type: string): Promise<readonly { readonly note?: unknown }[]> {
  const rows = await app.deps.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .orderBy('index')
    .execute()
  return rows
    .map(({ body }) => JSON.parse(body) as { readonly type: string; readonly note?: unknown })
    .filter((entry) => entry.type === type)
}

test('as shipped a revocation freezes the alias and alerts, by the ledger too; what serves goes on', async () => {
  const { revokeBad } = await violating('frozen')
  expect((await prod('frozen')).compliance).toMatchObject({ state: 'compliant' })

  await revokeBad()

  expect((await prod('frozen')).compliance).toMatchObject({
    state: 'frozen',
    verdict: 'violating',
    causes: ['revocation'],
    reasons: [{ rule: 'signature.revocation' }],
  })
  expect(await listFreezes(app.deps.store.reader, ['frozen:prod'])).toHaveLength(1)
  expect(JSON.stringify((await entries('live.violation')).at(-1)?.note)).toContain('"frozen"')
  expect((await entries('live.reaction')).at(-1)?.note).toMatchObject({ done: 'freeze' })
  expect(await invoked('frozen', 'prod')).toBe(200)
}, 60_000)

test('keeps what was known before a revocation beside what is known since', async () => {
  const { revokeBad } = await violating('known')
  await revokeBad()
  const row = await prod('known')
  const verdicts = await app.deps.store.reader
    .selectFrom('live_verdict')
    .selectAll()
    .where('live_id', '=', row.liveId)
    .orderBy('id')
    .execute()

  const [born, before, now] = verdicts
  expect(verdicts.map(({ state }) => state)).toEqual(['compliant', 'compliant', 'violating'])
  expect(born).toMatchObject({ effective_to: null, recorded_to: now?.recorded_from })
  expect(before).toMatchObject({ effective_to: now?.effective_from, recorded_to: null })
  expect(now?.effective_from).toBeLessThan(now?.recorded_from ?? 0)
}, 60_000)

test('`revert` goes back to what was good there, by a decision', async () => {
  const { revokeBad } = await violating('reverted')
  await setReaction(app.deps, caller, { scope: 'reverted:prod', reaction: 'revert' })

  await revokeBad()

  expect(await prod('reverted')).toMatchObject({
    version: '1',
    outcome: 'allow',
    compliance: { state: 'reverted', verdict: 'compliant' },
  })
  expect(app.deps.live.generation('reverted')).toBe(1)
  expect(await invoked('reverted', 'prod')).toBe(200)
}, 60_000)

test('`revert` freezes where nothing compliant is there to go back to', async () => {
  const { revokeBad } = await violating('stuck')
  await setReaction(app.deps, caller, { scope: 'stuck', reaction: 'revert' })
  await revokePublisher(app, 'good_stuck')

  await revokeBad()

  expect(await prod('stuck')).toMatchObject({ version: '2', compliance: { state: 'frozen' } })
}, 60_000)

test('`revert` freezes where what it would go back to cannot be judged', async () => {
  const { revokeBad } = await violating('unreadable')
  await setReaction(app.deps, caller, { scope: 'unreadable', reaction: 'revert' })
  const { CodeSha256 = '' } = await app.client.send(
    new GetFunctionConfigurationCommand({ FunctionName: 'unreadable', Qualifier: '1' }),
  )
  const digest = Buffer.from(CodeSha256, 'base64').toString('hex')
  rmSync(join(app.dataDir, 'blobs', digest.slice(0, 2), digest))

  await revokeBad()

  expect(await prod('unreadable')).toMatchObject({ version: '2', compliance: { state: 'frozen' } })
  expect((await entries('live.reaction')).at(-1)?.note).toMatchObject({
    wanted: 'revert',
    done: 'freeze',
  })
}, 60_000)

test('`refuse` answers 403 by every name, and is lifted only for what is compliant', async () => {
  const { revokeBad } = await violating('refused')
  expect(await invoked('refused', '2')).toBe(200)
  await setReaction(app.deps, caller, { scope: 'refused:prod', reaction: 'refuse' })

  await revokeBad()

  expect((await prod('refused')).compliance.state).toBe('refused')
  expect(await invoked('refused', 'prod')).toBe(403)
  expect(await invoked('refused', '2')).toBe(403)
  expect(await invoked('refused', '1')).toBe(200)
  const lift = liftRefusal(app.deps, caller, { functionName: 'refused', version: '2' })
  await expect(lift).rejects.toMatchObject({ code: 'CODE_VERIFICATION_FAILED' })
  expect(await invoked('refused', '2')).toBe(403)
}, 60_000)

test('is lifted only when every name that it stands behind was found good', async () => {
  const { revokeBad } = await violating('lifted')
  await setReaction(app.deps, caller, { scope: 'lifted:prod', reaction: 'refuse' })
  await revokeBad()
  // Without a config nothing is asked of seals: a new way to it would be admitted.
  await app.client.send(new DeleteFunctionCodeSigningConfigCommand({ FunctionName: 'lifted' }))
  await app.deps.verifier.settled()
  const { liveId } = await prod('lifted')
  const found = async (state: 'violating' | 'compliant') => {
    const reasons = state === 'compliant' ? [] : [FLOOR]
    const verdict = { state, reasons, causes: [], untilMs: null, policySet: '', world: 1 }
    await app.deps.store.transaction((tx) =>
      recordVerdicts(
        tx,
        [{ ...verdict, liveId, bornMs: 0, sinceMs: undefined }],
        app.deps.clock.nowMs(),
      ),
    )
  }
  const lift = () => liftRefusal(app.deps, caller, { functionName: 'lifted', version: '2' })

  await found('violating')
  await expect(lift()).rejects.toMatchObject({
    code: 'POLICY_DENIED',
    message: expect.stringContaining('`lifted:prod` it is violating (stage.floor)') as string,
  })
  expect(await invoked('lifted', '2')).toBe(403)
  await found('compliant')
  await lift()
  expect(await invoked('lifted', '2')).toBe(200)
}, 60_000)

const FLOOR = { rule: 'stage.floor', subject: 'lifted:prod', expected: '2', got: '1' }

test('more than 10 aliases at once wait for a person, and are reacted to once he releases them', async () => {
  const { revokeBad } = await violating('many')
  for (let at = 0; at < 11; at += 1)
    await app.client.send(
      new CreateAliasCommand({ FunctionName: 'many', Name: `a${at}`, FunctionVersion: '2' }),
    )

  await revokeBad()

  const scopes = Array.from({ length: 11 }, (_, at) => `many:a${at}`)
  expect(await listFreezes(app.deps.store.reader, scopes)).toEqual([])
  expect((await prod('many')).compliance.state).toBe('violating')
  const [hold] = (await readReactions(app.deps)).holds
  expect(hold).toMatchObject({ state: 'open' })

  const { id = '', through = 0 } = hold ?? {}
  await settleHold(app.deps, caller, { id, through, state: 'released' })
  await app.deps.verifier.settled()

  expect(await listFreezes(app.deps.store.reader, scopes)).toHaveLength(11)
  expect((await prod('many')).compliance.state).toBe('frozen')
}, 60_000)

test('keeps no name waiting for others whose reaction fails again and again', async () => {
  const { revokeBad } = await violating('starved')
  for (let at = 0; at < 11; at += 1)
    await app.client.send(
      new CreateAliasCommand({ FunctionName: 'starved', Name: `a${at}`, FunctionVersion: '2' }),
    )
  await revokeBad()
  const [hold] = (await readReactions(app.deps)).holds
  const { id = '', through = 0 } = hold ?? {}
  const broken = new Database(join(app.dataDir, 'lacre.db'))
  broken.exec(`create trigger starve before insert on freeze
    when new.scope like 'starved:%' and new.scope <> 'starved:a10'
    begin select raise(abort, 'no freeze today'); end`)

  await settleHold(app.deps, caller, { id, through, state: 'released' })
  await app.deps.verifier.settled()

  expect(await listFreezes(app.deps.store.reader, ['starved:a10'])).toHaveLength(1)
  expect((await prod('starved')).compliance.state).toBe('violating')
  expect(app.deps.verifier.status().fault).toContain('no freeze today')
  broken.exec('drop trigger starve')
  broken.close()
  await expect
    .poll(async () => (await prod('starved')).compliance.state, { timeout: 30_000 })
    .toBe('frozen')
  await expect.poll(() => app.deps.verifier.status().fault, { timeout: 30_000 }).toBeUndefined()
}, 60_000)
