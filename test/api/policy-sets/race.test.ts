import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  GetAliasCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { NO_PROD, OPEN, apply, inForce } from '../../support/policy-sets.ts'

const app = await startTestApp()
const { admin, client } = app
afterAll(() => app[Symbol.asyncDispose]())

const ROUNDS = 3

interface Outcome {
  readonly decision: {
    readonly outcome: string
    readonly policySet: { readonly number: number }
  }
}

async function outcomeOf(id: string): Promise<Outcome['decision']> {
  return (await governance<Outcome>(admin, { path: `/decisions/${id}` })).body.decision
}

/** Two versions and an alias on the first. */
async function twoVersions(name: string): Promise<void> {
  await createActive(client, name, { Publish: true })
  await client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: nodePackage(2) }))
  await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 30 }, { FunctionName: name })
  await client.send(new PublishVersionCommand({ FunctionName: name }))
  const second = { FunctionName: name, Qualifier: '2' }
  await waitUntilPublishedVersionActive({ client, maxWaitTime: 30 }, second)
  await client.send(
    new CreateAliasCommand({ FunctionName: name, Name: 'prod', FunctionVersion: '1' }),
  )
}

interface Entry {
  readonly type: string
  readonly action: string
  readonly decision: { readonly id: string } | null
}

async function entriesFrom(index: number): Promise<readonly Entry[]> {
  const rows = await app.deps.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .where('index', '>=', index)
    .orderBy('index')
    .execute()
  return rows.map(({ body }) => JSON.parse(body) as Entry)
}

/** Moves the alias to and fro until told to stop, and once more then; answers where it was left by those admitted. */
async function keepMoving(stop: AbortSignal): Promise<void> {
  for (let last = false, version = 1; !last; version = 3 - version) {
    last = stop.aborted
    const move = { FunctionName: 'raced', Name: 'prod', FunctionVersion: String(version) }
    const refused = await client.send(new UpdateAliasCommand(move)).then(
      () => undefined,
      (error: unknown) => (error as Error).name,
    )
    expect(refused === undefined || refused === 'AccessDeniedException').toBe(true)
  }
}

it('decides every move by the set that is in force where the ledger has it, and leaves one outcome', async () => {
  await twoVersions('raced')
  // What violates stays where it is: by default it would be frozen.
  const settled = await governance(admin, {
    method: 'PUT',
    path: '/reactions/raced',
    body: { reaction: 'record' },
  })
  expect(settled.status).toBe(200)
  for (let round = 0; round < ROUNDS; round += 1) {
    const open = (await apply(admin, `open-${round}`, OPEN)).body
    const from = (await entriesFrom(0)).length
    const stop = new AbortController()
    const moving = [keepMoving(stop.signal), keepMoving(stop.signal)]
    const closed = (await apply(admin, `closed-${round}`, NO_PROD)).body
    stop.abort()
    await Promise.all(moving)
    // What is found of it afterwards is another matter.
    const entries = (await entriesFrom(from)).filter(({ type }) => !type.startsWith('live.'))
    const at = entries.findIndex(({ action }) => action === 'lacre:ApplyPolicySet')
    const [before, after] = [entries.slice(0, at), entries.slice(at + 1)]

    expect(before.length).toBeGreaterThan(0)
    expect(after.length).toBeGreaterThan(0)
    expect(new Set(before.map(({ type }) => type))).toEqual(new Set(['change']))
    expect(new Set(after.map(({ type }) => type))).toEqual(new Set(['refusal']))
    for (const { decision } of before)
      expect((await outcomeOf(decision?.id ?? '')).policySet.number).toBe(open.version)
    for (const { decision } of after)
      expect((await outcomeOf(decision?.id ?? '')).policySet.number).toBe(closed.version)
    const { decision } = before.at(-1) ?? {}
    const alias = await app.deps.store.reader
      .selectFrom('alias')
      .select('decision_id')
      .where('name', '=', 'prod')
      .executeTakeFirstOrThrow()
    expect(alias.decision_id).toBe(decision?.id)
  }
})

it('lets one of several sets that are applied to the same version win, in order, without a gap', async () => {
  const before = await inForce(admin)
  const names = ['a', 'b', 'c', 'd']
  const answers = await Promise.all(
    names.map((name) => apply(admin, `racer-${name}`, OPEN, { ifVersion: before.version })),
  )

  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    201, 412, 412, 412,
  ])
  expect(await inForce(admin)).toMatchObject({ version: before.version + 1 })
})

it('decides a move again when a set comes between decision and commit', async () => {
  await apply(admin, 'open-between', OPEN)
  await client.send(
    new UpdateAliasCommand({ FunctionName: 'raced', Name: 'prod', FunctionVersion: '1' }),
  )
  // What looks at the live set by itself has its say before: the next transaction is the move's.
  await app.deps.verifier.settled()
  const { store } = app.deps
  const transaction = store.transaction.bind(store)
  let closing: Promise<unknown> | undefined
  // The first transaction of the move waits until the other set is in force.
  store.transaction = async (work) => {
    if (closing === undefined) {
      store.transaction = transaction
      closing = apply(admin, 'closed-between', NO_PROD)
      await closing
    }
    return await transaction(work)
  }
  const move = client.send(
    new UpdateAliasCommand({ FunctionName: 'raced', Name: 'prod', FunctionVersion: '2' }),
  )

  await expect(move).rejects.toMatchObject({ name: 'AccessDeniedException' })
  const alias = await client.send(new GetAliasCommand({ FunctionName: 'raced', Name: 'prod' }))
  expect(alias.FunctionVersion).toBe('1')
})
