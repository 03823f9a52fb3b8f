import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  type UpdateAliasCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { lambdaClient, type AdminFile } from '../../support/client.ts'
import { createActive, refusalOf, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { addPerson } from '../../support/people.ts'
import { createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

interface Asked {
  readonly id: string
  readonly state: string
  readonly weight: number
  readonly approvals: readonly { readonly principal: string; readonly revokedAt: string | null }[]
  readonly error?: { readonly code: string; readonly message: string }
}

const app = await startTestApp({ policySet: 'separation-of-duties' })
afterAll(() => app[Symbol.asyncDispose]())

const deployer = await addPerson(app, 'dora')
const alice = await addPerson(app, 'alice')
const bob = await addPerson(app, 'bob')
const carol = await addPerson(app, 'carol')
const robot = await addPerson(app, 'robot', { kind: 'workload' })
const client = lambdaClient(deployer)
afterAll(() => client.destroy())

const ci = await createPublisher(app, 'ci')
const signerOf = (who: (AdminFile & { principal: string }) | null) =>
  governance(app.admin, {
    method: 'PUT',
    path: '/signer-owners',
    body: { signer: { kind: 'publisher', name: 'ci' }, owner: who?.principal ?? null },
  })
await signerOf(robot)

const ask = async (
  who: AdminFile,
  functionName: string,
  version: string,
  more: Record<string, unknown> = {},
) =>
  await governance<Asked>(who, {
    method: 'POST',
    path: '/approvals',
    body: { functionName, alias: 'prod', version, reason: 'release', ...more },
  })
const say = async (who: AdminFile, id: string, what: 'approve' | 'withdraw') =>
  await governance<Asked>(who, { method: 'POST', path: `/approvals/${id}/${what}` })
const read = async (id: string) =>
  (await governance<Asked>(app.admin, { path: `/approvals/${id}` })).body

const code = async (release: string) => {
  const zip = nodePackage(release)
  return await sealedZip(zip, await bundleSeal(zip, ci.privateKey))
}

/** A function with two versions, `prod` on the first with two approvals. */
async function twoVersions(name: string): Promise<void> {
  await createActive(app.client, name, {
    Code: { ZipFile: await code(`${name} one`) },
    Publish: true,
  })
  await updateAndWait(app.client, name, await code(`${name} two`))
  await app.client.send(new PublishVersionCommand({ FunctionName: name }))
  await approved(name, '1')
  await client.send(
    new CreateAliasCommand({ FunctionName: name, Name: 'prod', FunctionVersion: '1' }),
  )
}

async function approved(
  name: string,
  version: string,
  by = [alice, bob],
  more = {},
): Promise<string> {
  const { body, status } = await ask(deployer, name, version, more)
  if (status !== 201) throw new Error(JSON.stringify(body))
  for (const one of by) {
    const answer = await say(one, body.id, 'approve')
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  }
  return body.id
}

const move = (
  FunctionName: string,
  FunctionVersion: string,
  more: Partial<UpdateAliasCommandInput> = {},
  by = client,
) =>
  by.send(
    new UpdateAliasCommand({
      FunctionName,
      Name: 'prod',
      FunctionVersion,
      RoutingConfig: { AdditionalVersionWeights: {} },
      ...more,
    }),
  )
const canary = (version: string, weight: number) => ({
  RoutingConfig: { AdditionalVersionWeights: { [version]: weight } },
})

describe('an alias that two persons must approve', () => {
  it('moves with two approvals, names them in the decision, and the request is used', async () => {
    await twoVersions('moves')
    expect(await refusalOf(move('moves', '2'))).toMatchObject({
      name: 'AccessDeniedException',
      status: 403,
    })
    const id = await approved('moves', '2', [alice])
    expect((await refusalOf(move('moves', '2'))).status).toBe(403)
    await say(bob, id, 'approve')

    expect(await move('moves', '2')).toMatchObject({ FunctionVersion: '2' })
    expect(await read(id)).toMatchObject({
      state: 'used',
      settledBy: expect.stringMatching(/^dec-/) as string,
    })
  })

  it('does not move back and forth with one approval: each is used once', async () => {
    await twoVersions('once')
    await approved('once', '2')
    await move('once', '2')
    await approved('once', '1')
    await move('once', '1')

    expect((await refusalOf(move('once', '2'))).status).toBe(403)
  })

  it('counts no approval of the deployer himself, nor of who signed', async () => {
    await twoVersions('apart')
    await approved('apart', '2', [deployer, alice])
    expect((await refusalOf(move('apart', '2'))).status).toBe(403)

    const id =
      (
        await governance<{ requests: Asked[] }>(app.admin, {
          path: '/approvals',
          query: { functionName: 'apart', state: 'open' },
        })
      ).body.requests[0]?.id ?? ''
    await say(bob, id, 'approve')
    await signerOf(bob)
    expect((await refusalOf(move('apart', '2'))).status).toBe(403)
    await signerOf(null)
    expect((await refusalOf(move('apart', '2'))).status).toBe(403)
    await signerOf(robot)
    expect(await move('apart', '2')).toMatchObject({ FunctionVersion: '2' })
  })

  it('counts owners, not access keys', async () => {
    await twoVersions('keys')
    const { body } = await ask(deployer, 'keys', '2')
    await say(alice, body.id, 'approve')
    const made = await governance<{ accessKey: { id: string }; secretAccessKey: string }>(alice, {
      method: 'POST',
      path: '/access-keys',
    })
    const second = {
      ...alice,
      accessKeyId: made.body.accessKey.id,
      secretAccessKey: made.body.secretAccessKey,
    }

    expect(await say(second, body.id, 'approve')).toMatchObject({ status: 409 })
    expect((await refusalOf(move('keys', '2'))).status).toBe(403)
  })

  it('is moved by the requester alone, whoever approved', async () => {
    await twoVersions('requester')
    await approved('requester', '2', [alice, bob, carol])
    const other = lambdaClient(carol)

    expect((await refusalOf(move('requester', '2', {}, other))).status).toBe(403)
    other.destroy()
    expect(await move('requester', '2')).toMatchObject({ FunctionVersion: '2' })
  })

  it('wants the very weight that was approved', async () => {
    await twoVersions('weights')
    const id = await approved('weights', '2', [alice, bob], { weight: 0.3 })

    expect((await refusalOf(move('weights', '2'))).status).toBe(403)
    expect((await refusalOf(move('weights', '1', canary('2', 0.31)))).status).toBe(403)
    expect((await refusalOf(move('weights', '1', canary('2', 0.29)))).status).toBe(403)
    expect(await read(id)).toMatchObject({ state: 'open' })
    expect(await move('weights', '1', canary('2', 0.3))).toMatchObject({ FunctionVersion: '1' })
    expect(await read(id)).toMatchObject({ state: 'used' })
  })

  it('takes a canary of 10 % and takes it back without approval, and no hidden 95 %', async () => {
    await twoVersions('canary')

    expect((await refusalOf(move('canary', '1', canary('2', 0.11)))).status).toBe(403)
    expect((await refusalOf(move('canary', '2', canary('1', 0.05)))).status).toBe(403)
    expect(await move('canary', '1', canary('2', 0.1))).toMatchObject({ FunctionVersion: '1' })
    expect(await move('canary', '1')).toMatchObject({ FunctionVersion: '1' })
    expect((await refusalOf(move('canary', '2'))).status).toBe(403)
  })

  it('does not come back by deleting and making the alias again', async () => {
    await twoVersions('again')
    const { DeleteAliasCommand } = await import('@aws-sdk/client-lambda')
    await client.send(new DeleteAliasCommand({ FunctionName: 'again', Name: 'prod' }))

    const made = client.send(
      new CreateAliasCommand({ FunctionName: 'again', Name: 'prod', FunctionVersion: '1' }),
    )
    expect((await refusalOf(made)).status).toBe(403)
  })
})

describe('whose word does not count', () => {
  it.each([
    ['a workload', () => Promise.resolve(robot), 'not authorized to perform: lacre:Approve'],
    ['an owner made known after the request', () => addPerson(app, 'late'), 'before you were made'],
  ])('%s is refused', async (what, who, message) => {
    const name = `not-${what.split(' ')[1] ?? ''}`
    await twoVersions(name)
    const { body } = await ask(deployer, name, '2')

    const answer = await say(await who(), body.id, 'approve')

    expect(answer.status).toBe(403)
    expect(JSON.stringify(answer.body)).toContain(message)
    expect((await read(body.id)).approvals).toEqual([])
  })

  it('an owner who got the role after the request is refused, and not counted where he got in before', async () => {
    await twoVersions('role')
    const newcomer = await addPerson(app, 'nora')
    const { body } = await ask(deployer, 'role', '2')
    await say(alice, body.id, 'approve')
    await say(newcomer, body.id, 'approve')
    // As if her role were taken and given again.
    await app.deps.store.transaction(async (tx) => {
      await tx
        .insertInto('role_grant')
        .values({
          principal_id: newcomer.principal,
          role: 'admin',
          granted_at: Date.now(),
          granted_by: 'usr-admin',
        })
        .execute()
    })

    expect((await refusalOf(move('role', '2'))).status).toBe(403)
    await say(bob, body.id, 'approve')
    expect(await move('role', '2')).toMatchObject({ FunctionVersion: '2' })
    expect((await ask(deployer, 'role', '1')).status).toBe(201)
  })
})

describe('a request', () => {
  it('names only a move that could be', async () => {
    await twoVersions('pending')

    expect((await ask(deployer, 'pending', '1')).status).toBe(409)
    expect((await ask(deployer, 'pending', '9')).status).toBe(404)
    expect((await ask(deployer, 'nowhere', '1')).status).toBe(404)
    expect((await ask(deployer, 'pending', '2')).status).toBe(201)
    expect((await ask(deployer, 'pending', '2')).status).toBe(409)
    expect((await ask(deployer, 'pending', '2', { weight: 0.2 })).status).toBe(201)
  })

  it.each([
    ['a weight of nothing', { weight: 0 }],
    ['a weight above one', { weight: 1.1 }],
    ['$LATEST', { version: '$LATEST' }],
    ['a number as the alias', { alias: '7' }],
    ['no reason', { reason: '' }],
    ['a member nobody knows', { approved: true }],
    ['eight days', { forMs: 8 * 24 * 3_600_000 }],
  ])('with %s is refused and not stored', async (_what, more) => {
    const before = await app.deps.store.reader.selectFrom('approval_request').selectAll().execute()

    expect((await ask(deployer, 'pending', '2', more)).status).toBe(400)
    expect(
      await app.deps.store.reader.selectFrom('approval_request').selectAll().execute(),
    ).toEqual(before)
  })

  it('that is over counts no more', async () => {
    await twoVersions('over')
    await approved('over', '2', [alice, bob], { forMs: 1_500 })
    await new Promise((resolve) => setTimeout(resolve, 1_600))

    expect((await refusalOf(move('over', '2'))).status).toBe(403)
  })

  it('is taken back by its requester, and an approval by who gave it; nobody else', async () => {
    await twoVersions('back')
    const id = await approved('back', '2')
    expect((await say(carol, id, 'withdraw')).status).toBe(403)
    expect(
      (await say(bob, id, 'withdraw')).body.approvals.find(
        ({ principal }) => principal === bob.principal,
      )?.revokedAt,
    ).not.toBeNull()
    expect((await refusalOf(move('back', '2'))).status).toBe(403)
    expect((await say(bob, id, 'approve')).status).toBe(200)
    expect((await say(deployer, id, 'withdraw')).body.state).toBe('withdrawn')
    expect((await refusalOf(move('back', '2'))).status).toBe(403)
    expect((await say(bob, id, 'approve')).status).toBe(409)
  })
})

describe('races', () => {
  it('two approvals at once both stand', async () => {
    await twoVersions('both')
    const { body } = await ask(deployer, 'both', '2')

    const answers = await Promise.all([alice, bob].map((who) => say(who, body.id, 'approve')))

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect((await read(body.id)).approvals).toHaveLength(2)
    expect(await move('both', '2')).toMatchObject({ FunctionVersion: '2' })
  })

  it('an approval taken back while the alias moves has one outcome', async () => {
    await twoVersions('torn')
    for (let round = 0; round < 6; round += 1) {
      const { version: at } = await app.deps.store.reader
        .selectFrom('alias')
        .innerJoin('function', 'function.id', 'alias.function_id')
        .select('alias.version')
        .where('function.name', '=', 'torn')
        .executeTakeFirstOrThrow()
      const to = at === '1' ? '2' : '1'
      const id = await approved('torn', to)
      const [taken, moved] = await Promise.allSettled([say(bob, id, 'withdraw'), move('torn', to)])
      const { state, approvals } = await read(id)
      const revoked = approvals.some(({ revokedAt }) => revokedAt !== null)
      expect(moved.status === 'fulfilled').toBe(state === 'used')
      expect(revoked).toBe(state !== 'used')
      expect(taken.status === 'fulfilled' && taken.value.status).toBe(state === 'used' ? 409 : 200)
      if (state === 'open') await say(deployer, id, 'withdraw')
    }
  })

  it('of two movers with one approval one wins', async () => {
    await twoVersions('two')
    const id = await approved('two', '2')
    const again = lambdaClient(deployer)

    const results = await Promise.allSettled([
      move('two', '2', canary('1', 0.05)),
      move('two', '2'),
      move('two', '2', { Description: 'second' }, again),
    ])
    again.destroy()

    expect(results[0]?.status).toBe('rejected')
    // Whoever comes second finds the alias there already: his move brings nothing more.
    const used = await app.deps.store.reader
      .selectFrom('decision')
      .innerJoin('document', 'document.sha256', 'decision.facts')
      .select('document.body')
      .where('decision.outcome', '=', 'allow')
      .where('decision.resource', 'like', '%:two:prod')
      .where('decision.action', '=', 'lambda:UpdateAlias')
      .execute()
    expect(used.filter(({ body }) => body.includes(id))).toHaveLength(1)
  })
})
