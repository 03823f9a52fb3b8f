import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { governance } from '../../support/governance.ts'
import { NO_PROD, OPEN, inForce } from '../../support/policy-sets.ts'

const app = await startTestApp()
const { admin } = app
afterAll(() => app[Symbol.asyncDispose]())

const files = (text: string) => [{ name: 'set.cedar', text }]

async function planOf(text: string, name: string): Promise<string> {
  const { status, body } = await governance<{ hash: string }>(admin, {
    method: 'POST',
    path: '/plans',
    body: { change: { kind: 'policy', files: files(text), name } },
  })
  expect(status).toBe(200)
  expect(body.hash).toMatch(/^[0-9a-f]{64}$/)
  return body.hash
}

const apply = async (text: string, name: string, plan: string) =>
  await governance(admin, {
    method: 'POST',
    path: '/policy-sets/admission',
    headers: { 'x-lacre-plan': plan },
    body: { name, files: files(text) },
  })

it('applies a set as it was planned, once, and no other set by that plan', async () => {
  const plan = await planOf(OPEN, 'open')
  const before = await inForce(admin)

  expect((await apply(NO_PROD, 'open', plan)).status).toBe(412)
  expect((await apply(OPEN, 'other', plan)).status).toBe(412)
  expect(await inForce(admin)).toEqual(before)
  expect((await apply(OPEN, 'open', plan)).status).toBe(201)
  expect((await apply(OPEN, 'open', plan)).status).not.toBe(201)
})

it('refuses a planned set once the world has moved', async () => {
  const plan = await planOf(NO_PROD, 'strict')
  const made = await governance(admin, {
    method: 'PUT',
    path: '/freezes/somewhere',
    body: { reason: 'moves the world' },
  })
  expect(made.status).toBe(200)

  expect((await apply(NO_PROD, 'strict', plan)).status).toBe(412)
})
