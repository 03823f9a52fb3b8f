import { CreateAliasCommand, PublishVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { addPerson } from '../../support/people.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client, admin } = app

// Whoever approves, freezes or asks does so for `shop` alone.
const text = `
  @id("admin") permit (principal in Lacre::Role::"admin", action, resource);
  @id("approves") permit (principal in Lacre::Role::"approver", action in [Lacre::Action::"approve", Lacre::Action::"withdraw"], resource in Lacre::Function::"shop");
  @id("asks") permit (principal in Lacre::Role::"deployer", action in [Lacre::Action::"lacre:RequestApproval", Lacre::Action::"lacre:RequestBreakGlass"], resource == Lacre::Alias::"shop:prod");
  @id("rules") permit (principal in Lacre::Role::"publisher-admin", action in Lacre::Action::"rules", resource in Lacre::Function::"shop");`
const applied = await governance(admin, {
  method: 'POST',
  path: '/policy-sets/authorization',
  body: { name: 'ours', files: [{ name: 'a.cedar', text }] },
})
expect(applied.status).toBe(201)
const approver = await addPerson(app, 'ann', { role: 'approver' })
const deployer = await addPerson(app, 'dan', { role: 'deployer' })
const keeper = await addPerson(app, 'kay', { role: 'publisher-admin' })

const names = ['shop', 'vault'] as const
for (const FunctionName of names) {
  await createActive(client, FunctionName)
  await client.send(new PublishVersionCommand({ FunctionName }))
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'aside', FunctionVersion: '1' }))
}

const move = (functionName: string, alias = 'prod') => ({
  functionName,
  alias,
  version: '1',
  reason: 'r',
})
const glass = (functionName: string) => ({ ...move(functionName), ticket: 'T-1', ttlMs: 60_000 })
const post = async (who: typeof admin, path: string, body?: unknown) =>
  await governance<{ id: string }>(who, { method: 'POST', path, body })

it('a request for approval is answered by who may do that for its alias, and by nobody else', async () => {
  const [own, other] = await Promise.all(
    names.map(async (name) => (await post(admin, '/approvals', move(name))).body.id),
  )
  const statuses = async (id = ''): Promise<number[]> => [
    (await post(approver, `/approvals/${id}/approve`, {})).status,
    (await post(approver, `/approvals/${id}/withdraw`)).status,
  ]

  expect(await statuses(own)).toEqual([200, 200])
  expect(await statuses(other)).toEqual([403, 403])
  expect(await statuses(`apr-${'0'.repeat(32)}`)).toEqual([403, 403])
  expect((await post(admin, `/approvals/apr-${'0'.repeat(32)}/approve`, {})).status).toBe(404)
})

it('break-glass is granted, ended and reviewed by who may do that for its alias', async () => {
  const [own, other] = await Promise.all(
    names.map(async (name) => (await post(admin, '/break-glass', glass(name))).body.id),
  )
  const statuses = async (id = ''): Promise<number[]> => [
    (await post(approver, `/break-glass/${id}/grant`)).status,
    (await post(approver, `/break-glass/${id}/end`)).status,
    (await post(approver, `/break-glass/${id}/review`, { note: 'seen' })).status,
  ]

  expect(await statuses(own)).toEqual([200, 200, 200])
  expect(await statuses(other)).toEqual([403, 403, 403])
})

it('is asked for by who may do that for the very alias', async () => {
  const asked = async (path: string, body: unknown): Promise<number> =>
    (await post(deployer, path, body)).status

  expect(await asked('/approvals', move('shop'))).toBe(201)
  expect(await asked('/break-glass', glass('shop'))).toBe(201)
  expect(await asked('/approvals', move('shop', 'aside'))).toBe(403)
  expect(await asked('/break-glass', glass('vault'))).toBe(403)
})

it('freezes, reactions and promotion rules of a function are set by who may do that for it', async () => {
  const put = async (path: string, body: unknown): Promise<number> =>
    (await governance(keeper, { method: 'PUT', path, body })).status
  const all = async (place: string): Promise<number[]> => [
    await put(`/freezes/${place}`, { reason: 'r' }),
    (await post(keeper, `/freezes/${place}/lift`)).status,
    await put(`/reactions/${place}`, { reaction: 'alert' }),
    (await post(keeper, `/reactions/${place}/remove`)).status,
    await put(`/promotion-rules/${place}`, { from: 'aside', soakMs: 1 }),
    (await post(keeper, `/promotion-rules/${place}/remove`)).status,
  ]

  expect(await all('shop%3Aprod')).toEqual([200, 200, 200, 200, 200, 200])
  expect(new Set(await all('vault%3Aprod'))).toEqual(new Set([403]))
  // A pattern reaches further than any one function.
  expect(await put('/promotion-rules/sh*%3Aprod', { from: 'aside', soakMs: 1 })).toBe(403)
})
