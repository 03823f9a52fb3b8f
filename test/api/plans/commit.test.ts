import {
  CreateAliasCommand,
  GetAliasCommand,
  GetFunctionCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { parseSha256, type Principal } from '../../../services/model/index.ts'
import { revoke, type Deps } from '../../../services/operations/index.ts'
import { startTestApp } from '../../support/app.ts'
import { lambdaClient } from '../../support/client.ts'
import { createActive, refusalOf, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { heldTo, plan, type PlanAnswer } from '../../support/planning.ts'
import { createPublisher } from '../../support/publishing.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app
const FunctionName = 'shop'
await createActive(client, FunctionName, { Code: { ZipFile: nodePackage('one') } })
await client.send(new PublishVersionCommand({ FunctionName }))
await updateAndWait(client, FunctionName, nodePackage('two'))
await client.send(new PublishVersionCommand({ FunctionName }))
await client.send(new CreateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion: '1' }))

const move = (version: string) => ({
  kind: 'lambda',
  operation: 'UpdateAlias',
  functionName: FunctionName,
  alias: 'prod',
  body: { FunctionVersion: version },
})
const other = async (): Promise<string> => {
  const { FunctionVersion: at } = await client.send(
    new GetAliasCommand({ FunctionName, Name: 'prod' }),
  )
  return at === '1' ? '2' : '1'
}
const served = async (): Promise<string | undefined> =>
  (await client.send(new GetAliasCommand({ FunctionName, Name: 'prod' }))).FunctionVersion
const pointTo = (hash: string, FunctionVersion: string) =>
  heldTo(app, hash).send(new UpdateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion }))
const hashOf = (answer: PlanAnswer): string => {
  if (answer.hash === null) throw new Error(`no hash: ${JSON.stringify(answer)}`)
  return answer.hash
}
const adminOf = async (): Promise<Principal> => {
  const row = await app.deps.store.reader
    .selectFrom('principal')
    .selectAll()
    .executeTakeFirstOrThrow()
  return { id: row.id, kind: row.kind, name: row.name, roles: ['admin'], claims: {} }
}
const entries = async (): Promise<number> =>
  (await app.deps.store.reader.selectFrom('ledger_entry').select('index').execute()).length

describe('a plan', () => {
  it('changes nothing, keeps no decision and leaves no ledger entry', async () => {
    const before = await entries()

    const { plan: made } = await plan(app, move('2'))

    expect(made.decisions.map((one) => one.outcome)).toEqual(['allow'])
    expect(await served()).toBe('1')
    expect(await entries()).toBe(before)
  })

  it('tells what the alias serves, what it would, and whether there is a way back', async () => {
    const { plan: made } = await plan(app, move('2'))

    expect(
      made.effects.affected.map(({ role, version, toVersion, after }) => ({
        role,
        version,
        toVersion,
        outcome: after.outcome,
      })),
    ).toEqual([
      { role: 'alias', version: '1', toVersion: '2', outcome: 'allow' },
      { role: 'rollback', version: '1', toVersion: '1', outcome: 'allow' },
    ])
  })

  it('has the same hash as long as it would do the same in the same world', async () => {
    const first = await plan(app, move('2'))
    const second = await plan(app, move('2'))
    const another = await plan(app, move('1'))

    expect(second.plan.hash).toBe(first.plan.hash)
    expect(another.plan.hash).not.toBe(first.plan.hash)
  })

  it('is committed by its hash, which the ledger entry names', async () => {
    const version = await other()
    const hash = hashOf((await plan(app, move(version))).plan)

    await pointTo(hash, version)

    expect(await served()).toBe(version)
    const last = await app.deps.store.reader
      .selectFrom('ledger_entry')
      .select('body')
      .orderBy('index', 'desc')
      .executeTakeFirstOrThrow()
    expect(JSON.parse(last.body)).toMatchObject({ note: { plan: hash } })
  })
})

describe('a commit that is not what was planned', () => {
  it('is refused with 412, and nothing is changed or recorded', async () => {
    const version = await other()
    const hash = hashOf((await plan(app, move(version))).plan)
    const before = [await served(), await entries()]

    const refused = await refusalOf(
      heldTo(app, hash).send(
        new UpdateAliasCommand({
          FunctionName,
          Name: 'prod',
          FunctionVersion: version,
          Description: 'not planned',
        }),
      ),
    )

    expect(refused).toMatchObject({ name: 'PreconditionFailedException', status: 412 })
    expect([await served(), await entries()]).toEqual(before)
  })

  it('is refused for another operation, also one that takes no plan', async () => {
    const hash = hashOf((await plan(app, move(await other()))).plan)
    const calls = [
      heldTo(app, hash).send(
        new CreateAliasCommand({ FunctionName, Name: 'stage', FunctionVersion: '1' }),
      ),
      governance(app.admin, { path: '/publishers' }).then(() =>
        heldTo(app, hash).send(
          new UpdateFunctionCodeCommand({ FunctionName, ZipFile: nodePackage('three') }),
        ),
      ),
    ]

    for (const call of calls) expect(await refusalOf(call)).toMatchObject({ status: 412 })
  })

  it('is refused where the world has moved since, whoever moved it', async () => {
    const version = await other()
    const hash = hashOf((await plan(app, move(version))).plan)

    await createPublisher(app, 'meanwhile')

    const before = await served()
    const refused = await refusalOf(pointTo(hash, version))
    expect(refused).toMatchObject({ name: 'PreconditionFailedException', status: 412 })
    expect(refused.message).toContain('has changed since')
    expect(await served()).toBe(before)
  })

  it('is refused where the alias was moved there and back meanwhile', async () => {
    const [at, to] = [await served(), await other()]
    const hash = hashOf((await plan(app, move(to))).plan)

    for (const FunctionVersion of [to, at])
      await client.send(new UpdateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion }))

    expect(await refusalOf(pointTo(hash, to))).toMatchObject({ status: 412 })
    expect(await served()).toBe(at)
  })

  it('is refused after 15 minutes', async () => {
    const version = await other()
    const hash = hashOf((await plan(app, move(version))).plan)
    await app.deps.store.transaction(async (tx) => {
      const row = await tx
        .selectFrom('plan')
        .selectAll()
        .where('hash', '=', hash)
        .executeTakeFirstOrThrow()
      expect(row.expires_at - row.created_at).toBe(15 * 60_000)
      await tx
        .updateTable('plan')
        .set({ expires_at: app.deps.clock.nowMs() })
        .where('hash', '=', hash)
        .execute()
    })

    expect(await refusalOf(pointTo(hash, version))).toMatchObject({ status: 412 })
  })

  it('is refused for a hash that nobody planned, and for what is none', async () => {
    const version = await other()

    expect(await refusalOf(pointTo('ab'.repeat(32), version))).toMatchObject({ status: 412 })
    expect(await refusalOf(pointTo('yes', version))).toMatchObject({ status: 400 })
  })
})

describe('code', () => {
  const zip = nodePackage('planned')
  const upload = async (): Promise<string> => {
    const { createHash } = await import('node:crypto')
    const digest = createHash('sha256').update(zip).digest('hex')
    await governance(app.admin, { method: 'PUT', path: `/artifacts/${digest}`, raw: zip })
    return digest
  }

  it('is planned by its digest and committed as planned; other code is not', async () => {
    const digest = await upload()
    const { plan: made } = await plan(app, {
      kind: 'lambda',
      operation: 'UpdateFunctionCode',
      functionName: FunctionName,
      alias: 'prod',
      body: { S3Bucket: 'lacre', S3Key: digest },
    })
    const held = heldTo(app, hashOf(made))

    const refused = await refusalOf(
      held.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: nodePackage('else') })),
    )
    expect(refused.status).toBe(412)
    const updated = await held.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip }))

    expect(made.decisions.map((one) => one.outcome)).toEqual(['allow', 'allow'])
    expect(updated.CodeSha256).toBe(Buffer.from(digest, 'hex').toString('base64'))
  })

  it('in the plan itself is refused with where to put it', async () => {
    const { status, plan: answer } = await plan(app, {
      kind: 'lambda',
      operation: 'UpdateFunctionCode',
      functionName: FunctionName,
      body: { ZipFile: zip.toString('base64') },
    })

    expect([status, answer.error?.message]).toEqual([400, expect.stringContaining('by digest')])
  })

  it('publishing is planned and committed', async () => {
    const before = (await client.send(new ListVersionsByFunctionCommand({ FunctionName }))).Versions
    const { plan: made } = await plan(app, {
      kind: 'lambda',
      operation: 'PublishVersion',
      functionName: FunctionName,
    })

    await heldTo(app, hashOf(made)).send(new PublishVersionCommand({ FunctionName }))

    const after = (await client.send(new ListVersionsByFunctionCommand({ FunctionName }))).Versions
    expect(after?.length).toBe((before?.length ?? 0) + 1)
    const nothing = await plan(app, {
      kind: 'lambda',
      operation: 'PublishVersion',
      functionName: FunctionName,
    })
    expect(nothing.plan).toMatchObject({ hash: null, decisions: [] })
  })
})

describe('races', () => {
  it('lets one of several movers with the same plan win', async () => {
    const version = await other()
    const hash = hashOf((await plan(app, move(version))).plan)

    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => pointTo(hash, version)),
    )

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ name: 'PreconditionFailedException' })
    expect(await served()).toBe(version)
  })

  it('never commits a plan beside a change of trust that came first', async () => {
    for (let round = 0; round < 5; round += 1) {
      const version = await other()
      const from = await served()
      const { plan: made } = await plan(app, move(version))
      const [moved] = await Promise.allSettled([
        pointTo(hashOf(made), version),
        createPublisher(app, `racer_${round}`),
      ])

      const entry = await app.deps.store.reader
        .selectFrom('ledger_entry')
        .select('body')
        .where('body', 'like', `%${made.hash ?? ''}%`)
        .executeTakeFirst()
      if (moved.status === 'fulfilled') {
        expect(JSON.parse(entry?.body ?? '{}')).toMatchObject({ world: made.world })
        expect(await served()).toBe(version)
      } else {
        expect(moved.reason).toMatchObject({ name: 'PreconditionFailedException' })
        expect([entry, await served()]).toEqual([undefined, from])
      }
    }
  })

  it('computes the plan again inside the transaction: what went live after the judgement counts', async () => {
    await createPublisher(app, 'judged_late')
    const subject = { kind: 'publisher', name: 'judged_late' } as const
    const { plan: made } = await plan(app, { kind: 'revocation', target: subject })
    const principal = await adminOf()
    const { store } = app.deps
    let moved = false
    const late: Deps = {
      ...app.deps,
      store: {
        ...store,
        reader: store.reader,
        snapshot: (work) => store.snapshot(work),
        // Judged already, not committed yet.
        transaction: async (work) => {
          if (!moved) {
            moved = true
            await client.send(
              new UpdateAliasCommand({
                FunctionName,
                Name: 'prod',
                FunctionVersion: await other(),
              }),
            )
          }
          return await store.transaction(work)
        },
      },
    }
    const hold = { kind: 'hold', hash: parseSha256(hashOf(made)) } as const

    await expect(
      revoke(
        late,
        { principal, requestId: 'late', plan: hold },
        { subject, effectiveAtMs: undefined, reason: 'test' },
      ),
    ).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })

    expect(moved).toBe(true)
    const revoked = await store.reader.selectFrom('revocation').select('id').execute()
    expect(revoked).toEqual([])
  })

  it('refuses a planned revocation once anything else has become live', async () => {
    const { arn } = await createPublisher(app, 'to_revoke')
    const change = { kind: 'revocation', target: { kind: 'publisher', name: 'to_revoke' } }
    const { plan: made } = await plan(app, change)
    await client.send(
      new UpdateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion: await other() }),
    )
    const revokeHeld = (hash: string) =>
      governance<{ error?: { code: string } }>(app.admin, {
        method: 'POST',
        path: '/revocations',
        body: { target: change.target, reason: 'test' },
        headers: { 'x-lacre-plan': hash },
      })

    const stale = await revokeHeld(hashOf(made))
    const again = await revokeHeld(hashOf((await plan(app, change)).plan))

    expect(arn).not.toBe('')
    expect([stale.status, stale.body.error?.code]).toEqual([412, 'PRECONDITION_FAILED'])
    expect(again.status).toBe(201)
  })
})

it('refuses a header of ours that came unsigned: anybody on the way could have taken it off', async () => {
  const unsigned = lambdaClient(app.admin)
  unsigned.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { headers: Record<string, string> }
      request.headers['x-lacre-plan'] = 'ab'.repeat(32)
      return await next(args)
    },
    // After the signature.
    { step: 'deserialize', name: 'lateHeader' },
  )

  const refused = await refusalOf(unsigned.send(new GetFunctionCommand({ FunctionName })))

  expect(refused).toMatchObject({ name: 'InvalidSignatureException', status: 403 })
})
