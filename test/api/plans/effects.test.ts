import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { liveFacts } from '../../../services/operations/index.ts'
import { startTestApp } from '../../support/app.ts'
import { createActive, updateAndWait } from '../../support/functions.ts'
import { governance, liveTable } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { plan, type EffectAnswer } from '../../support/planning.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app

const DAY_MS = 86_400_000
const old = await createPublisher(app, 'old_team')
const current = await createPublisher(app, 'new_team')
const config = await createConfig(app, 'Enforce', old.arn, current.arn)
const sealed = async (release: string, by: typeof old, notAfter?: string): Promise<Buffer> => {
  const zip = nodePackage(release)
  const predicate: Record<string, string> = notAfter === undefined ? {} : { notAfter }
  return await sealedZip(zip, await bundleSeal(zip, by.privateKey, predicate))
}
const soon = new Date(Date.now() + 3 * DAY_MS).toISOString()

// `signed:prod` serves version 2 and served 1; a canary of 3; `free` has no config and no seal.
const FunctionName = 'signed'
await createActive(client, FunctionName, {
  Code: { ZipFile: await sealed('one', old) },
  CodeSigningConfigArn: config,
})
await client.send(new PublishVersionCommand({ FunctionName }))
await client.send(new CreateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion: '1' }))
await updateAndWait(client, FunctionName, await sealed('two', current))
await client.send(new PublishVersionCommand({ FunctionName }))
await updateAndWait(client, FunctionName, await sealed('three', current, soon))
await client.send(new PublishVersionCommand({ FunctionName }))
await client.send(
  new UpdateAliasCommand({
    FunctionName,
    Name: 'prod',
    FunctionVersion: '2',
    RoutingConfig: { AdditionalVersionWeights: { 3: 0.1 } },
  }),
)
await createActive(client, 'free')
await client.send(new PublishVersionCommand({ FunctionName: 'free' }))
await client.send(
  new CreateAliasCommand({ FunctionName: 'free', Name: 'prod', FunctionVersion: '1' }),
)

/** `signed:prod`'s first and second version and the one before, `free:prod`, and both `$LATEST`. */
const LIVE = 6
const told = ({ functionName, alias, role, version, kind }: EffectAnswer): string =>
  `${functionName}:${alias} ${role} ${version} ${kind}`
const effects = async (change: unknown): Promise<string[]> =>
  (await plan(app, change)).plan.effects.affected.map(told).toSorted()

describe('a revocation', () => {
  it('names every alias, canary and way back that it would take away, and no other', async () => {
    const change = { kind: 'revocation', target: { kind: 'publisher', name: 'new_team' } }

    const { plan: made } = await plan(app, change)

    expect(made.effects.affected.map(told).toSorted()).toEqual([
      'signed:$LATEST latest $LATEST refused',
      'signed:prod alias 2 refused',
      'signed:prod canary 3 refused',
    ])
    expect([made.effects.judged, made.effects.unaffected]).toEqual([LIVE, LIVE - 3])
  })

  it('says which rollback target becomes unusable, and why', async () => {
    const { plan: made } = await plan(app, {
      kind: 'revocation',
      target: { kind: 'publisher', name: 'old_team' },
    })

    expect(made.effects.counts).toEqual({ alias: 0, canary: 0, rollback: 1, latest: 0 })
    const [effect] = made.effects.affected
    expect(effect).toMatchObject({
      role: 'rollback',
      version: '1',
      now: { outcome: 'allow', verdict: 'trusted' },
      after: { outcome: 'deny', verdict: 'untrusted' },
    })
    expect(effect?.why.map((one) => one.rule)).toContain('signature.revocation')
  })

  it('of a version, and of a key, is planned likewise', async () => {
    const version = current.arn.split('/').at(-1)
    const byVersion = await effects({
      kind: 'revocation',
      target: { kind: 'publisher-version', name: 'new_team', version },
    })
    const { createPublicKey } = await import('node:crypto')
    const pem = createPublicKey(current.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const byKey = await effects({
      kind: 'revocation',
      target: { kind: 'key', pem: pem.export({ type: 'spki', format: 'pem' }).toString() },
    })

    expect(byVersion).toHaveLength(3)
    expect(byKey).toEqual(byVersion)
  })

  it('of one seal touches what that seal stands on, and one of a stranger nothing', async () => {
    const facts = await app.deps.store.snapshot((reader) =>
      liveFacts(app.deps, reader, { functionName: FunctionName, alias: 'prod', role: 'canary' }),
    )
    const seal = facts?.subjects[0]?.verdict.seals[0]?.digest

    expect(await effects({ kind: 'revocation', target: { kind: 'seal', sha256: seal } })).toEqual([
      'signed:$LATEST latest $LATEST refused',
      'signed:prod canary 3 refused',
    ])
    expect(
      await effects({ kind: 'revocation', target: { kind: 'seal', sha256: 'ab'.repeat(32) } }),
    ).toEqual([])
  })

  it('is planned as it then comes: what was named refused is refused, and nothing else', async () => {
    const { arn, privateKey } = await createPublisher(app, 'passing')
    const passing = { name: 'passing', arn, privateKey }
    await createActive(client, 'brief', {
      Code: { ZipFile: await sealed('brief', passing) },
      CodeSigningConfigArn: await createConfig(app, 'Enforce', arn),
    })
    await client.send(new PublishVersionCommand({ FunctionName: 'brief' }))
    const brief = { FunctionName: 'brief', Name: 'prod' }
    await client.send(new CreateAliasCommand({ ...brief, FunctionVersion: '1' }))
    const target = { kind: 'publisher', name: 'passing' }
    const { plan: made } = await plan(app, { kind: 'revocation', target })

    await governance(app.admin, {
      method: 'POST',
      path: '/revocations',
      body: { target, reason: 'test' },
      headers: { 'x-lacre-plan': made.hash ?? '' },
    })

    expect(made.effects.affected.map(told)).toContain('brief:prod alias 1 refused')
    await expect(
      client.send(new UpdateAliasCommand({ ...brief, FunctionVersion: '1' })),
    ).rejects.toMatchObject({ name: 'CodeVerificationFailedException' })
    expect(
      await effects({ kind: 'revocation', target: { kind: 'publisher', name: 'old_team' } }),
    ).toEqual(['signed:prod rollback 1 refused'])
  })
})

describe('a publisher', () => {
  it('whose version is cancelled takes nothing away from what it signed', async () => {
    const version = current.arn.split('/').at(-1)

    const { status, plan: made } = await plan(app, {
      kind: 'publisher-cancel',
      name: 'new_team',
      version,
    })

    expect(status).toBe(200)
    expect(made.hash).toMatch(/^[0-9a-f]{64}$/)
    const refused = made.effects.affected.filter(({ kind }) => kind === 'refused')
    expect(refused).toEqual([])
  })

  it('that is new, or has a new version, is planned with its document', async () => {
    const pem = current.privateKey.asymmetricKeyType === 'ec' ? undefined : ''
    expect(pem).toBeUndefined()
    const { keyPair } = await import('../../support/publisher-keys.ts')
    const publisher = { pem: keyPair().publicPem }

    const made = await plan(app, { kind: 'publisher', name: 'brand_new', publisher })
    const version = await plan(app, { kind: 'publisher-version', name: 'new_team', publisher })
    const taken = await plan(app, { kind: 'publisher', name: 'new_team', publisher })

    expect([made.status, version.status, taken.status]).toEqual([200, 200, 409])
    expect(made.plan.hash).not.toBe(version.plan.hash)
    const list = await governance<{ publishers: { name: string }[] }>(app.admin, {
      path: '/publishers',
    })
    expect(list.body.publishers.map(({ name }) => name)).not.toContain('brand_new')
  })
})

describe('a set of policies', () => {
  const permit = '@id("all") permit (principal, action, resource);'
  const sealedProd = `@id("prod-sealed")
    @reason("prod serves sealed code alone") @fix("seal the zip")
    forbid (principal, action in [Lacre::Action::"activate"], resource)
    when { resource is Lacre::Alias && resource.name == "prod" }
    unless { context.verdict == "trusted" };`
  const policies = (...texts: string[]) => ({
    kind: 'policy',
    files: texts.map((text, at) => ({ name: `${at}.cedar`, text })),
  })

  it('is judged over all that is live: what it would refuse is told with its reason', async () => {
    const { plan: made } = await plan(app, policies(permit, sealedProd))

    const refused = made.effects.affected.filter(({ kind }) => kind === 'refused')
    expect(refused.map(told)).toContain('free:prod alias 1 refused')
    expect(refused.map(told)).not.toContain('signed:prod alias 2 refused')
    const [free] = refused.filter(({ functionName }) => functionName === 'free')
    expect(free?.why).toMatchObject([
      { rule: 'policy.prod-sealed', fix: 'seal the zip', got: expect.stringContaining('unsigned') },
    ])
    expect(made.effects.policySet).toMatch(/^candidate@/)
  })

  it('says what was not judged anew, since the world has moved since it was decided', async () => {
    await createPublisher(app, 'moves_the_world')

    const { plan: made } = await plan(app, policies(permit, sealedProd))

    expect(made.effects.notReevaluated).toBe(made.effects.judged)
    const [free] = made.effects.affected.filter(({ functionName }) => functionName === 'free')
    expect(free?.now).toMatchObject({ outcome: 'allow', evaluated: false })
  })

  it('that permits nothing would refuse everything, and one that is broken is no plan', async () => {
    const { plan: none } = await plan(
      app,
      policies('@id("x") forbid (principal, action, resource);'),
    )
    const broken = await plan(app, policies('permit (principal'))
    const unknown = await plan(
      app,
      policies('permit (principal, action, resource) when { context.nothing == 1 };'),
    )

    expect(none.effects.affected.every(({ after }) => after.outcome === 'deny')).toBe(true)
    expect(none.effects.unaffected).toBe(none.effects.judged - none.effects.affected.length)
    expect([broken.status, unknown.status]).toEqual([400, 400])
  })
})

describe('time', () => {
  it('tells what expires within days, and what that does to what is live', async () => {
    const near = await plan(app, { kind: 'expiry', days: 2 })
    const far = await plan(app, { kind: 'expiry', days: 5 })

    expect([near.plan.effects.affected, near.plan.expiring]).toEqual([[], []])
    expect(far.plan.effects.affected.map(told).toSorted()).toEqual([
      'signed:$LATEST latest $LATEST refused',
      'signed:prod canary 3 refused',
    ])
    expect(far.plan.expiring).toMatchObject([{ kind: 'seal', expiresAt: soon, uses: 2 }])
    expect(far.plan).toMatchObject({ hash: null, decisions: [] })
  })

  it('tells what people granted that ends within days', async () => {
    const prod = { function_name: 'signed', alias: 'prod', release: 'a'.repeat(64), reason: 'r' }
    const inDays = (days: number): number => Date.now() + days * DAY_MS
    await app.deps.store.transaction(async (tx) => {
      const asked = { ...prod, version: '1', weight: 1, requester: 'usr-admin', opened_at: 1, state: 'open' as const } // prettier-ignore
      await tx
        .insertInto('approval_request')
        .values([
          { ...asked, id: 'apr-soon', expires_at: inDays(4) },
          { ...asked, id: 'apr-late', expires_at: inDays(6) },
        ])
        .execute()
      await tx
        .insertInto('floor_exception')
        .values({
          ...prod,
          id: 'fx-soon',
          granted_at: 1,
          granted_by: 'usr-admin',
          expires_at: inDays(4.5),
        })
        .execute()
      const glass = { ...prod, version: '1', ticket: 't', scope: '["policy"]', ttl_ms: 1, requester: 'usr-admin', requested_at: 1, quorum: 1, second: 'usr-admin' } // prettier-ignore
      await tx
        .insertInto('break_glass')
        .values([
          { ...glass, id: 'bg-soon', granted_at: inDays(0.5), until: inDays(1) },
          {
            ...glass,
            id: 'bg-over',
            granted_at: inDays(0.5),
            until: inDays(1),
            ended_at: 2,
            ended: 'withdrawn',
            ended_by: 'usr-admin',
          },
        ])
        .execute()
    })
    const { plan: made } = await plan(app, { kind: 'expiry', days: 5 })

    expect(made.expiring).toMatchObject([
      { kind: 'break-glass', name: 'bg-soon' },
      { kind: 'seal' },
      { kind: 'approval', name: 'apr-soon', place: 'signed:prod', publisher: null, uses: null },
      { kind: 'floor-exception', name: 'fx-soon' },
    ])
  })

  it('tells of a freeze window that ends within days', async () => {
    const day = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10)
    const put = (name: string, until: string): Promise<unknown> =>
      governance(app.admin, {
        method: 'PUT',
        path: `/freeze-windows/${name}`,
        body: {
          timeZone: 'UTC', scope: 'elsewhere', holidays: [],
          ranges: [{ kind: 'dated', from: `${day(-1)}T00:00`, to: `${until}T00:00` }],
        },
      })
    await put('ending', day(2))
    await put('long', day(40))

    const { plan: made } = await plan(app, { kind: 'expiry', days: 5 })

    expect(made.expiring?.filter(({ kind }) => kind === 'freeze-window')).toMatchObject([
      { name: 'ending', place: 'elsewhere', expiresAt: `${day(2)}T00:00:00.000Z` },
    ])
  }) // prettier-ignore

  it.each([0, -1, 3_651, 1.5])('refuses %s days', async (days) => {
    expect((await plan(app, { kind: 'expiry', days })).status).toBe(400)
  })
})

it('looks at exactly what is live and can be gone back to', async () => {
  const { plan: made } = await plan(app, { kind: 'expiry', days: 1 })
  const rows = (await liveTable(app.admin)).filter(({ alias }) => !/^\d+$/.test(alias))
  const earlier = 1

  expect(made.effects.judged).toBe(rows.length + earlier)
})

it('leaves everything as it was', async () => {
  const state = async () => [
    await app.deps.store.reader.selectFrom('world').selectAll().execute(),
    await app.deps.store.reader.selectFrom('decision').select('id').execute(),
    await liveTable(app.admin),
  ]
  const before = await state()

  await plan(app, { kind: 'revocation', target: { kind: 'publisher', name: 'old_team' } })
  await plan(app, { kind: 'expiry', days: 30 })

  expect(await state()).toEqual(before)
})
