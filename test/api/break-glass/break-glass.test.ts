import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  PublishVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { endOverdueBreakGlass, freeze, setFloor } from '../../../services/operations/index.ts'
import { askInstead } from '../../support/policies.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'
import { startTestApp } from '../../support/app.ts'
import type { AdminFile } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { createActive, refusalOf, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { CALLER } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { addPerson } from '../../support/people.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

interface Glass {
  readonly id: string
  readonly until: string | null
  readonly ended: string | null
  readonly endedBy: string | null
  readonly reviewedBy: string | null
  readonly quorum: number | null
}
interface Check {
  readonly rule: string
  readonly status: string
  readonly got: string
  readonly exceptions?: readonly string[]
}

const app = await startTestApp({ policySet: 'separation-of-duties' })
afterAll(() => app[Symbol.asyncDispose]())
const alice = await addPerson(app, 'alice')
const bob = await addPerson(app, 'bob')
const carol = await addPerson(app, 'carol')
const robot = await addPerson(app, 'robot', { kind: 'workload' })

const HOUR_MS = 3_600_000
const ask = async (who: AdminFile, functionName: string, more: Record<string, unknown> = {}) =>
  await governance<Glass>(who, {
    method: 'POST',
    path: '/break-glass',
    body: {
      functionName,
      alias: 'prod',
      version: '2',
      reason: 'checkout is down',
      ticket: 'INC-7',
      ttlMs: HOUR_MS,
      ...more,
    },
  })
const act = async (who: AdminFile, id: string, what: string, body?: object) =>
  await governance<Glass>(who, { method: 'POST', path: `/break-glass/${id}/${what}`, body })
const read = async (id: string) =>
  (await governance<Glass>(app.admin, { path: `/break-glass/${id}` })).body
const move = async (FunctionName: string, FunctionVersion: string) =>
  await app.client.send(
    new UpdateAliasCommand({
      FunctionName,
      Name: 'prod',
      FunctionVersion,
      RoutingConfig: { AdditionalVersionWeights: {} },
    }),
  )
const aliasOf = async (name: string): Promise<string | undefined> =>
  (
    await app.deps.store.reader
      .selectFrom('alias')
      .innerJoin('function', 'function.id', 'alias.function_id')
      .select('alias.version')
      .where('function.name', '=', name)
      .executeTakeFirst()
  )?.version
const redOf = async (name: string) => {
  const { body } = await governance<{
    live: { functionName: string; alias: string; breakGlass: { id: string; endedAt: unknown }[] }[]
  }>(app.admin, { path: '/live' })
  return body.live.find((row) => row.functionName === name && row.alias === 'prod')?.breakGlass
}
const freezeOf = async (name: string) =>
  await app.deps.store.reader
    .selectFrom('freeze')
    .selectAll()
    .where('scope', '=', `${name}:prod`)
    .execute()
/** Tables whose rows the last entry of the end of an exception holds. */
const touchedByEnd = async (name: string): Promise<string[]> => {
  const rows = await app.deps.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .where('body', 'like', `%"action":"lacre:EndBreakGlass"%:${name}:prod%`)
    .execute()
  const { changes } = JSON.parse(rows.at(-1)?.body ?? '') as { changes: { table: string }[] }
  return changes.map(({ table }) => table).toSorted()
}
const worldOf = async (): Promise<number> =>
  (await app.deps.store.reader.selectFrom('world').select('counter').executeTakeFirstOrThrow())
    .counter
const checksOf = async (name: string): Promise<readonly Check[]> => {
  const row = await app.deps.store.reader
    .selectFrom('decision')
    .select('id')
    .where('resource', 'like', `%:${name}:prod`)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirstOrThrow()
  const { body } = await governance<{ decision: { outcome: string; checks: Check[] } }>(app.admin, {
    path: `/decisions/${row.id}`,
  })
  return body.decision.checks
}

/** Three versions, `prod` on the first, which two approved. */
async function versions(name: string, config?: string): Promise<void> {
  await createActive(app.client, name, {
    Code: { ZipFile: nodePackage(`${name} 1`) },
    Publish: true,
    ...(config === undefined ? {} : { CodeSigningConfigArn: config }),
  })
  for (const release of ['2', '3']) {
    await updateAndWait(app.client, name, nodePackage(`${name} ${release}`))
    await app.client.send(new PublishVersionCommand({ FunctionName: name }))
  }
  await letIn(name)
}

/** As it was done before the set was in force. */
async function underParity(work: () => Promise<unknown>): Promise<void> {
  const giveBack = askInstead(app, loadShippedPolicies('default'))
  try {
    await work()
  } finally {
    giveBack()
  }
}

async function letIn(name: string, version = '1'): Promise<void> {
  await underParity(() =>
    app.client.send(
      new CreateAliasCommand({ FunctionName: name, Name: 'prod', FunctionVersion: version }),
    ),
  )
}

async function granted(name: string, more: Record<string, unknown> = {}): Promise<string> {
  const { body, status } = await ask(alice, name, more)
  if (status !== 201) throw new Error(JSON.stringify(body))
  const grant = await act(bob, body.id, 'grant')
  if (grant.status !== 200) throw new Error(JSON.stringify(grant.body))
  return body.id
}

describe('an exception in force', () => {
  it('lets the one release into the one alias, and the decision warns and names it', async () => {
    await versions('broken')
    expect((await refusalOf(move('broken', '2'))).status).toBe(403)
    const { body } = await ask(alice, 'broken')
    expect((await refusalOf(move('broken', '2'))).status).toBe(403)
    await act(bob, body.id, 'grant')

    expect((await refusalOf(move('broken', '3'))).status).toBe(403)
    expect(await move('broken', '2')).toMatchObject({ FunctionVersion: '2' })
    expect(await checksOf('broken')).toContainEqual(
      expect.objectContaining({
        rule: 'policy.two-approvals',
        status: 'warned',
        exceptions: [body.id],
        got: expect.stringContaining(`waived by break-glass ${body.id}`) as string,
      }),
    )
    const other = app.client.send(
      new CreateAliasCommand({ FunctionName: 'broken', Name: 'other', FunctionVersion: '2' }),
    )
    expect((await refusalOf(other)).status).toBe(403)
  })

  it('ends when a person says so: the alias goes back, and stays red until another reviewed it', async () => {
    await versions('ended')
    const id = await granted('ended')
    await move('ended', '2')
    expect(await redOf('ended')).toMatchObject([{ id, endedAt: null }])
    expect((await act(carol, id, 'review', { note: 'early' })).status).toBe(409)

    expect((await act(carol, id, 'end')).body).toMatchObject({
      ended: 'reverted',
      endedBy: carol.principal,
    })
    expect(await aliasOf('ended')).toBe('1')
    expect((await refusalOf(move('ended', '2'))).status).toBe(403)
    expect(await redOf('ended')).toMatchObject([{ id }])
    expect((await act(alice, id, 'review', { note: 'mine' })).status).toBe(403)
    expect((await act(robot, id, 'review', { note: 'robot' })).status).toBe(403)
    expect((await act(carol, id, 'review', { note: 'seen' })).body.reviewedBy).toBe(carol.principal)
    expect(await redOf('ended')).toEqual([])
    expect((await act(carol, id, 'end')).status).toBe(409)
  })

  it('outlives its function: the name stays red', async () => {
    await versions('gone')
    const id = await granted('gone')
    await move('gone', '2')
    await app.client.send(new DeleteFunctionCommand({ FunctionName: 'gone' }))
    expect((await act(carol, id, 'end')).body.ended).toBe('unused')
    await createActive(app.client, 'gone', { Publish: true })
    await letIn('gone', '4')

    expect(await redOf('gone')).toMatchObject([{ id }])
  })

  it('ends by itself: the alias goes back to what was live in it by an allowed decision', async () => {
    await versions('expires')
    const id = await granted('expires', { ttlMs: 1_500 })
    await move('expires', '2')
    const third = await granted('expires', { ttlMs: 1_500, version: '3' })
    await move('expires', '3')

    await eventually(async () => (await read(third)).ended).toBe('reverted')
    expect(await aliasOf('expires')).toBe('1')
    expect(await read(id)).toMatchObject({ ended: 'unused', endedBy: 'system' })
    expect((await refusalOf(move('expires', '3'))).status).toBe(403)
    expect(await redOf('expires')).toHaveLength(2)
  })

  it('freezes where nothing compliant was live before: the release stays, and somebody is told', async () => {
    await createActive(app.client, 'stays', { Publish: true })
    const id = await granted('stays', { version: '1', ttlMs: 1_500 })
    await app.client.send(
      new CreateAliasCommand({ FunctionName: 'stays', Name: 'prod', FunctionVersion: '1' }),
    )
    const world = await worldOf()

    await eventually(async () => (await read(id)).ended).toBe('frozen')
    expect(await aliasOf('stays')).toBe('1')
    expect(await freezeOf('stays')).toEqual([
      expect.objectContaining({
        frozen_by: 'system',
        reason: `break-glass ${id} ended and no compliant version is there to go back to`,
      }),
    ])
    expect(await worldOf()).toBeGreaterThan(world)
    // The end and the freeze are one entry: neither is there without the other.
    expect(await touchedByEnd('stays')).toEqual(['break_glass', 'freeze'])
    const told = app.complaints.filter((line) => line.includes(id))
    expect(told).toEqual([expect.stringContaining('no compliant version')])
    // What an exception let in is no right to stay by: the next move is asked as if it came in.
    expect((await refusalOf(move('stays', '1'))).status).toBe(403)
    expect(await checksOf('stays')).toContainEqual(
      expect.objectContaining({ rule: 'stage.freeze', status: 'failed' }),
    )
  })

  it('does not go back below the floor, and keeps the reason of whoever froze before', async () => {
    const floored = await createPublisher(app, 'floored')
    const sealed = async (counter: string) => {
      const zip = nodePackage(`floored ${counter}`)
      return await sealedZip(zip, await bundleSeal(zip, floored.privateKey, { counter }))
    }
    await createActive(app.client, 'floored', {
      Code: { ZipFile: await sealed('1') },
      Publish: true,
      CodeSigningConfigArn: await createConfig(app, 'Enforce', floored.arn),
    })
    await updateAndWait(app.client, 'floored', await sealed('2'))
    await app.client.send(new PublishVersionCommand({ FunctionName: 'floored' }))
    await letIn('floored')
    const id = await granted('floored')
    await move('floored', '2')
    await setFloor(app.deps, CALLER, {
      functionName: 'floored',
      alias: 'prod',
      soakMs: HOUR_MS,
      raise: { publisher: 'floored', counter: '2' },
    })
    await freeze(app.deps, CALLER, { scope: 'floored:prod', reason: 'incident' })

    expect((await act(bob, id, 'end')).body.ended).toBe('frozen')
    expect(await aliasOf('floored')).toBe('2')
    expect(await freezeOf('floored')).toEqual([
      expect.objectContaining({
        frozen_by: bob.principal,
        reason: expect.stringMatching(new RegExp(`${id} .*; frozen before: incident$`)) as string,
      }),
    ])
  })

  it('goes back through a freeze, and the decision says what was waived and why', async () => {
    await versions('iced')
    const id = await granted('iced')
    await move('iced', '2')
    await freeze(app.deps, CALLER, { scope: 'iced', reason: 'incident' })

    expect((await act(carol, id, 'end')).body.ended).toBe('reverted')
    expect(await aliasOf('iced')).toBe('1')
    expect(await checksOf('iced')).toContainEqual(
      expect.objectContaining({ rule: 'stage.freeze', status: 'skipped' }),
    )
  })

  it('makes approvals void for the release that leaves, and is followed by no move back for want of them', async () => {
    await versions('voids')
    const { body } = await governance<{ id: string }>(app.admin, {
      method: 'POST',
      path: '/approvals',
      body: { functionName: 'voids', alias: 'prod', version: '3', weight: 0.05, reason: 'x' },
    })
    await app.client.send(
      new UpdateAliasCommand({
        FunctionName: 'voids',
        Name: 'prod',
        FunctionVersion: '1',
        RoutingConfig: { AdditionalVersionWeights: { '3': 0.1 } },
      }),
    )
    const id = await granted('voids')
    await move('voids', '2')
    const states = async () =>
      (await governance<{ state: string }>(app.admin, { path: `/approvals/${body.id}` })).body.state

    expect(await states()).toBe('void')
    expect((await act(carol, id, 'end')).body.ended).toBe('reverted')
    // Version 3 was a canary there: never what the alias stood for.
    expect(await aliasOf('voids')).toBe('1')
  })

  it('is no reason to go back where the release is live by its own right', async () => {
    await versions('own')
    const id = await granted('own')
    await underParity(() => move('own', '2'))

    expect((await act(carol, id, 'end')).body.ended).toBe('unused')
    expect(await aliasOf('own')).toBe('2')
  })
})

describe('who may', () => {
  it('the requester is not the second person, a workload neither, nor who came later', async () => {
    await versions('second')
    const { body } = await ask(alice, 'second')
    const late = await addPerson(app, 'late')

    for (const who of [alice, robot, late])
      expect((await act(who, body.id, 'grant')).status).toBe(403)
    expect((await ask(robot, 'second')).status).toBe(403)
    expect((await act(bob, body.id, 'grant')).body).toMatchObject({ quorum: 2 })
    expect((await act(carol, body.id, 'grant')).status).toBe(409)
  })

  it('a renewal takes another pair, whichever of the two asks', async () => {
    await versions('renewed')
    await granted('renewed')
    const again = await ask(alice, 'renewed')
    const turned = await ask(bob, 'renewed')

    expect((await act(bob, again.body.id, 'grant')).status).toBe(403)
    expect((await act(alice, turned.body.id, 'grant')).status).toBe(403)
    expect((await act(carol, again.body.id, 'grant')).status).toBe(200)
  })

  it('while a renewal is in force the end of the first moves nothing', async () => {
    await versions('overlaps')
    const first = await granted('overlaps', { ttlMs: 2_500 })
    await move('overlaps', '2')
    const { body } = await ask(alice, 'overlaps')
    await act(carol, body.id, 'grant')

    await eventually(async () => (await read(first)).ended).toBe('replaced')
    expect(await aliasOf('overlaps')).toBe('2')
    expect((await act(carol, body.id, 'end')).body.ended).toBe('reverted')
    expect(await aliasOf('overlaps')).toBe('1')
  })

  it('only the requester takes a request back, and nobody grants it then', async () => {
    await versions('withdrawn')
    const { body } = await ask(alice, 'withdrawn')

    expect((await act(bob, body.id, 'end')).status).toBe(403)
    expect((await act(alice, body.id, 'end')).body.ended).toBe('withdrawn')
    expect((await act(bob, body.id, 'grant')).status).toBe(409)
  })

  it.each([
    ['more than a day', { ttlMs: 24 * HOUR_MS + 1 }],
    ['no time', { ttlMs: 0 }],
    ['no ticket', { ticket: '' }],
    ['no reason', { reason: '' }],
    ['integrity in its scope', { scope: ['policy', 'integrity'] }],
    ['the same thing twice', { scope: ['policy', 'policy'] }],
    ['every version', { version: '*' }],
  ])('a request with %s is refused and not stored', async (_what, more) => {
    const count = async () =>
      (await app.deps.store.reader.selectFrom('break_glass').select('id').execute()).length
    const before = await count()

    expect((await ask(alice, 'second', more)).status).toBe(400)
    expect(await count()).toBe(before)
  })
})

describe('what is never softened', () => {
  it('only what the scope names: a seal by a stranger under Enforce needs `mismatch` in it', async () => {
    const trusted = await createPublisher(app, 'trusted')
    const config = await createConfig(app, 'Enforce', trusted.arn)
    const sealed = async (release: string) => {
      const zip = nodePackage(release)
      return await sealedZip(zip, await bundleSeal(zip, trusted.privateKey))
    }
    await createActive(app.client, 'scoped', {
      Code: { ZipFile: await sealed('1') },
      Publish: true,
    })
    await updateAndWait(app.client, 'scoped', await sealed('2'))
    await app.client.send(new PublishVersionCommand({ FunctionName: 'scoped' }))
    await letIn('scoped')
    const stranger = await createPublisher(app, 'stranger')
    const strict = await createConfig(app, 'Enforce', stranger.arn)
    await app.client.send(
      new PutFunctionCodeSigningConfigCommand({
        FunctionName: 'scoped',
        CodeSigningConfigArn: config,
      }),
    )
    const id = await granted('scoped', { ttlMs: 2_000 })
    await app.client.send(
      new PutFunctionCodeSigningConfigCommand({
        FunctionName: 'scoped',
        CodeSigningConfigArn: strict,
      }),
    )

    expect((await refusalOf(move('scoped', '2'))).name).toBe('CodeVerificationFailedException')
    await act(alice, id, 'end')
    const { body } = await ask(alice, 'scoped', { scope: ['policy', 'mismatch'] })
    await act(carol, body.id, 'grant')
    expect(await move('scoped', '2')).toMatchObject({ FunctionVersion: '2' })
    // The first version violates the new config as well: there is nothing to go back to.
    expect((await act(bob, body.id, 'end')).body.ended).toBe('frozen')
  })
})

describe('a service that was down', () => {
  it('ends what ran out at its start, once', async () => {
    await versions('late')
    const id = await granted('late', { ttlMs: 1_000 })
    await move('late', '2')
    await app.deps.store.transaction((tx) => tx.deleteFrom('jobs').where('key', '=', id).execute())
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect((await read(id)).ended).toBeNull()
    expect((await refusalOf(move('late', '3'))).status).toBe(403)

    await Promise.all([endOverdueBreakGlass(app.deps), endOverdueBreakGlass(app.deps)])

    expect(await read(id)).toMatchObject({ ended: 'reverted', endedBy: 'system' })
    expect(await aliasOf('late')).toBe('1')
  })
})
