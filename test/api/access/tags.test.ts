import {
  CreateCodeSigningConfigCommand,
  DeleteFunctionCommand,
  ListTagsCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { compilePolicySet } from '../../../services/policy/index.ts'
import { startTestApp } from '../../support/app.ts'
import { lambdaClient } from '../../support/client.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { addPerson } from '../../support/people.ts'
import { askInstead } from '../../support/policies.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { admin } = app

// The shipped roles, but nobody below an administrator changes what is tagged `stage: prod`.
const text = `
  @id("admin") permit (principal in Lacre::Role::"admin", action, resource);
  @id("deployer") permit (principal in Lacre::Role::"deployer",
    action in [Lacre::Action::"read", Lacre::Action::"deploy", Lacre::Action::"activate", Lacre::Action::"trust"], resource);
  @id("prod") forbid (principal,
    action in [Lacre::Action::"lambda:CreateFunction", Lacre::Action::"lambda:UpdateFunctionCode"], resource is Lacre::Function)
  when { resource.hasTag("stage") && resource.getTag("stage") == "prod" }
  unless { principal in Lacre::Role::"admin" };`
const applied = await governance(admin, {
  method: 'POST',
  path: '/policy-sets/authorization',
  body: { name: 'ours', files: [{ name: 'a.cedar', text }] },
})
expect(applied.status).toBe(201)
const deployer = lambdaClient(await addPerson(app, 'dan', { role: 'deployer' }))
afterAll(() => deployer.destroy())

const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:000000000000:function:${name}`
const tagsOf = async (name: string) =>
  (await app.client.send(new ListTagsCommand({ Resource: arnOf(name) }))).Tags

it('that a policy reads is given at creation by who may tag alone; others by whoever creates', async () => {
  await createActive(deployer, 'plain', { Tags: { owner: 'dan' } })
  const refused = await refusalOf(createActive(deployer, 'posing', { Tags: { stage: 'dev' } }))
  const config = (Tags: Record<string, string>) =>
    deployer.send(new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: ['arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody/0123456789'] },
      Tags,
    })) // prettier-ignore

  expect(await tagsOf('plain')).toEqual({ owner: 'dan' })
  expect(refused).toMatchObject({ name: 'AccessDeniedException', status: 403 })
  expect(refused.message).toContain('lambda:TagResource on Function `posing`')
  expect(await refusalOf(config({ stage: 'prod' }))).toMatchObject({ status: 403 })
  await expect(config({ owner: 'dan' })).resolves.toBeDefined()
})

it('that a policy reads outlives its function and meets the one made again', async () => {
  await createActive(app.client, 'shop', { Tags: { stage: 'prod', owner: 'ann' } })
  await deployer.send(new DeleteFunctionCommand({ FunctionName: 'shop' }))

  const again = await refusalOf(createActive(deployer, 'shop'))
  await createActive(app.client, 'shop', { Tags: { owner: 'bob' } })
  const kept = await tagsOf('shop')
  await app.client.send(new DeleteFunctionCommand({ FunctionName: 'shop' }))
  await createActive(app.client, 'shop', { Tags: { stage: 'dev' } })

  expect(again).toMatchObject({ name: 'AccessDeniedException', status: 403 })
  // What no policy reads went with the function, as on AWS.
  expect(kept).toEqual({ stage: 'prod', owner: 'bob' })
  expect(await tagsOf('shop')).toEqual({ stage: 'dev' })
})

it('is asked about as a tag of the admission set, too', async () => {
  const set = compilePolicySet([{ name: 'a.cedar', text: `
    permit (principal, action, resource);
    @id("no-tags") forbid (principal, action == Lacre::Action::"lambda:TagResource", resource);` }]) // prettier-ignore
  const giveBack = askInstead(app, { name: 'no-tags', set })
  try {
    const tagged = await refusalOf(createActive(app.client, 'one', { Tags: { owner: 'ann' } }))

    expect(tagged).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    expect(tagged.decisionId).toMatch(/^dec-/)
    await expect(createActive(app.client, 'one')).resolves.toBeDefined()
  } finally {
    giveBack()
  }
})
