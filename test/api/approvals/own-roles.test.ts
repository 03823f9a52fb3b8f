import { PublishVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { approvalFacts } from '../../../services/operations/approving.ts'
import { counts } from '../../../services/policy/approvals.ts'
import { startTestApp } from '../../support/app.ts'
import type { AdminFile } from '../../support/client.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { addPerson } from '../../support/people.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client, admin, deps } = app

// A role of the installation's own approves, for `shop` alone and not what is tagged otherwise; `approver` does not.
const sets = {
  board: `
    @id("admin") permit (principal in Lacre::Role::"admin", action, resource);
    @id("reads") permit (principal in Lacre::Role::"approver", action in Lacre::Action::"read", resource);
    @id("board") permit (principal in Lacre::Role::"board", action in Lacre::Action::"approve", resource in Lacre::Function::"shop");
    @id("interns") permit (principal, action in Lacre::Action::"read", resource) unless { principal in Lacre::Role::"intern" };`,
  nobody: `
    @id("admin") permit (principal in Lacre::Role::"admin", action, resource);
    @id("reads") permit (principal in Lacre::Role::"board", action in Lacre::Action::"read", resource);`,
}
const post = async (who: AdminFile, path: string, body: unknown = {}) =>
  await governance<{ id: string; error?: { message: string } }>(who, {
    method: 'POST',
    path,
    body,
  })
const apply = async (name: keyof typeof sets): Promise<void> => {
  const files = [{ name: 'a.cedar', text: sets[name] }]
  const { status } = await post(admin, '/policy-sets/authorization', { name, files })
  expect(status).toBe(201)
}
await apply('board')
const bea = await addPerson(app, 'bea', { role: 'board' })
const late = await addPerson(app, 'late', { role: 'intern' })
const ann = await addPerson(app, 'ann', { role: 'approver' })

await createActive(client, 'shop')
await client.send(new PublishVersionCommand({ FunctionName: 'shop' }))
let aliases = 0
/** For an alias that nothing was asked for yet. */
async function asked(): Promise<string> {
  aliases += 1
  const move = { functionName: 'shop', alias: `stage-${aliases}`, version: '1', reason: 'release' }
  const { status, body } = await post(admin, '/approvals', move)
  expect([status, body.error]).toEqual([201, undefined])
  return body.id
}

/** Whose approvals of a request count, as decisions are told. */
async function counted(id: string): Promise<string[]> {
  const atMs = deps.clock.nowMs()
  const all = await deps.store.snapshot((reader) =>
    approvalFacts(deps, reader, { place: undefined, atMs }),
  )
  const request = all.find((one) => one.id === id)
  if (request === undefined) throw new Error('no such request')
  return request.approvers.filter((one) => counts(request, one)).map((one) => one.principal)
}

it('a role counts as one that approves by what the policies permit it, and not by how it is called', async () => {
  const id = await asked()

  expect((await post(bea, `/approvals/${id}/approve`)).status).toBe(200)
  expect(await counted(id)).toEqual([bea.principal])
  expect((await post(ann, `/approvals/${id}/approve`)).status).toBe(403)
})

it('who got the role after the request was opened does not count, whatever other role a policy names', async () => {
  const id = await asked()
  const granted = await post(admin, `/principals/${late.principal}/roles`, { role: 'board' })
  expect(granted.status).toBeLessThan(300)

  const refused = await post(late, `/approvals/${id}/approve`)
  expect([refused.status, refused.body.error?.message]).toEqual([
    403,
    'you do not count here: this was asked for before you got the role',
  ])
  expect((await post(late, `/approvals/${await asked()}/approve`)).status).toBe(200)
})

it('an approval counts no more once the policies permit its giver none', async () => {
  const id = await asked()
  expect((await post(bea, `/approvals/${id}/approve`)).status).toBe(200)
  expect(await counted(id)).toEqual([bea.principal])

  await apply('nobody')

  expect(await counted(id)).toEqual([])
})
