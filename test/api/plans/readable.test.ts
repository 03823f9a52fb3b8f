import { CreateAliasCommand, PublishVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import type { AdminFile } from '../../support/client.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { plan, type EffectAnswer, type PlanAnswer } from '../../support/planning.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client, admin } = app

const DAY_MS = 86_400_000
const soon = new Date(Date.now() + 3 * DAY_MS).toISOString()

// `shop` and `vault` each serve sealed code in `prod`, by publishers of their own.
for (const FunctionName of ['shop', 'vault']) {
  const { arn, privateKey } = await createPublisher(app, `${FunctionName}_team`)
  const zip = nodePackage(FunctionName)
  await createActive(client, FunctionName, {
    Code: { ZipFile: await sealedZip(zip, await bundleSeal(zip, privateKey, { notAfter: soon })) },
    CodeSigningConfigArn: await createConfig(app, 'Enforce', arn),
  })
  await client.send(new PublishVersionCommand({ FunctionName }))
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'prod', FunctionVersion: '1' }))
}
await app.deps.store.transaction(async (tx) => {
  const asked = {
    version: '1', release: 'a'.repeat(64), weight: 1, requester: 'usr-admin', reason: 'r', opened_at: 1, alias: 'prod',
    state: 'open' as const, expires_at: Date.now() + DAY_MS,
  } // prettier-ignore
  for (const function_name of ['shop', 'vault'])
    await tx
      .insertInto('approval_request')
      .values({ ...asked, function_name, id: `apr-${function_name}` })
      .execute()
})
const team = await member()

async function member(): Promise<AdminFile> {
  const text = `
    @id("admin") permit (principal in Lacre::Role::"admin", action, resource);
    @id("plans") permit (principal in Lacre::Role::"shop-team", action == Lacre::Action::"lacre:MakePlan", resource);
    @id("reads") permit (principal in Lacre::Role::"shop-team", action in Lacre::Action::"read", resource in Lacre::Function::"shop");
    @id("configs") permit (principal in Lacre::Role::"shop-team", action in Lacre::Action::"read", resource is Lacre::CodeSigningConfig);
    @id("its-publisher") permit (principal in Lacre::Role::"shop-team", action in Lacre::Action::"read", resource == Lacre::Publisher::"shop_team");
    @id("sets") permit (principal in Lacre::Role::"shop-team", action in Lacre::Action::"read", resource is Lacre::PolicySet);`
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const answer = await governance<T>(admin, { method: 'POST', path, body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
    return answer.body
  }
  await post('/policy-sets/authorization', { name: 'ours', files: [{ name: 'a.cedar', text }] })
  await post('/principals', { kind: 'user', name: 'tess', roles: ['shop-team'] })
  const made = await post<{ accessKey: { id: string }; secretAccessKey: string }>('/access-keys', {
    principal: 'tess',
  })
  return { ...admin, accessKeyId: made.accessKey.id, secretAccessKey: made.secretAccessKey }
}

const told = ({ functionName, alias, role }: EffectAnswer): string =>
  `${functionName}:${alias} ${role}`
const nothingPasses = {
  kind: 'policy',
  files: [{ name: 'none.cedar', text: 'forbid (principal, action, resource);' }],
}

it('tells of what is live as much as its reader may read, and counts the rest', async () => {
  const { plan: whole } = await plan(app, nothingPasses)
  const { plan: own } = await plan({ admin: team }, nothingPasses)

  expect(whole.effects.affected.map(told).toSorted()).toEqual([
    'shop:$LATEST latest',
    'shop:prod alias',
    'vault:$LATEST latest',
    'vault:prod alias',
  ])
  expect(own.effects.affected.map(told).toSorted()).toEqual([
    'shop:$LATEST latest',
    'shop:prod alias',
  ])
  expect(own.effects).toMatchObject({ judged: 4, notReadable: 2, leftOut: 0 })
  expect(whole.effects).toMatchObject({ judged: 4, notReadable: 0, leftOut: 0 })
  expect(JSON.stringify(own)).not.toContain('vault')
})

it('tells what ends by itself of what its reader may read', async () => {
  const ends = ({ expiring = [] }: PlanAnswer): string[] =>
    expiring.map((one) => `${one.kind} ${one.place ?? one.publisher?.split('/')[0]}`).toSorted()
  const { plan: whole } = await plan(app, { kind: 'expiry', days: 5 })
  const { plan: own } = await plan({ admin: team }, { kind: 'expiry', days: 5 })

  expect(ends(whole)).toEqual([
    'approval shop:prod',
    'approval vault:prod',
    'seal shop_team',
    'seal vault_team',
  ])
  expect(ends(own)).toEqual(['approval shop:prod', 'seal shop_team'])
  expect(JSON.stringify(own)).not.toContain('vault')
})

it('of what its reader may not read is refused whole', async () => {
  const move = (functionName: string): unknown => ({
    kind: 'lambda', operation: 'UpdateAlias', functionName, alias: 'prod', body: { FunctionVersion: '1' },
  }) // prettier-ignore

  const own = await plan({ admin: team }, move('shop'))
  const other = await plan({ admin: team }, move('vault'))
  const trust = await plan({ admin: team }, { kind: 'revocation', target: { kind: 'publisher', name: 'vault_team' } }) // prettier-ignore

  expect(own).toMatchObject({ status: 200, plan: { decisions: [{ outcome: 'allow' }] } })
  for (const refused of [other, trust]) {
    expect(refused).toMatchObject({
      status: 403,
      plan: { error: { message: expect.stringContaining('you may not read') } },
    })
  }
})
