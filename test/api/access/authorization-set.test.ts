import { readFileSync } from 'node:fs'

import { afterAll, expect, it } from 'vitest'

import { applyPolicySet } from '../../../services/operations/index.ts'
import { startTestApp } from '../../support/app.ts'
import type { AdminFile } from '../../support/client.ts'
import { governance, type GovernanceAnswer } from '../../support/governance.ts'
import type { Refused, SetAnswer } from '../../support/policy-sets.ts'
import { signWithSmithy } from '../../support/signers.ts'

const app = await startTestApp()
const { admin } = app
afterAll(() => app[Symbol.asyncDispose]())

const PATH = '/policy-sets/authorization'
const shipped = readFileSync(
  new URL('../../../policies/authorization/roles.cedar', import.meta.url),
  'utf8',
)
const withRole = (name: string, permit: string): string =>
  `${shipped}\n@id("${name}") permit (principal in Lacre::Role::"${name}", ${permit};\n`
/** Reads functions whose name begins so, and nothing else. */
const READER = withRole(
  'shop-reader',
  'action in [Lacre::Action::"read"], resource is Lacre::Function) when { resource.name like "shop-*" }',
)

type Answer = GovernanceAnswer<SetAnswer & Refused>

const apply = async (
  who: AdminFile,
  text: string,
  more: Record<string, unknown> = {},
): Promise<Answer> =>
  await governance(who, {
    method: 'POST',
    path: PATH,
    body: { name: 'ours', files: [{ name: 'roles.cedar', text }], ...more },
  })
const rollBack = async (who: AdminFile, version: number): Promise<Answer> =>
  await governance(who, { method: 'POST', path: `${PATH}/rollback`, body: { version } })
const inForce = async (): Promise<SetAnswer> =>
  (await governance<SetAnswer>(admin, { path: `${PATH}/in-force` })).body

async function invite(name: string, role: string): Promise<number> {
  const body = { kind: 'user', name, roles: [role] }
  return (await governance(admin, { method: 'POST', path: '/principals', body })).status
}

async function person(name: string, role: string): Promise<AdminFile> {
  expect(await invite(name, role)).toBe(201)
  const { body } = await governance<{ accessKey: { id: string }; secretAccessKey: string }>(admin, {
    method: 'POST',
    path: '/access-keys',
    body: { principal: name },
  })
  return { ...admin, accessKeyId: body.accessKey.id, secretAccessKey: body.secretAccessKey }
}

async function getFunction(who: AdminFile, name: string): Promise<number> {
  const path = `/2015-03-31/functions/${name}`
  const headers = { host: new URL(app.url).host }
  const signed = await signWithSmithy(who, { method: 'GET', path, headers })
  return (await fetch(new URL(path, app.url), { headers: signed.headers })).status
}

it('has the shipped roles in force from the first start, in the ledger like every other set', async () => {
  expect(await inForce()).toMatchObject({
    version: 1,
    name: 'shipped-roles',
    how: 'shipped',
    principal: 'system',
    fault: null,
  })
  const { entries } = (
    await governance<{ entries: { body: string }[] }>(admin, { path: '/ledger/entries' })
  ).body
  expect(entries.map(({ body }) => body).join('\n')).toContain('lacre:policy-set/authorization')
})

it('a role of our own holds from the answer on, and no more once it is rolled back', async () => {
  expect(await invite('rita', 'shop-reader')).toBe(400)
  expect((await apply(admin, READER)).status).toBe(201)
  const rita = await person('rita', 'shop-reader')

  expect(await getFunction(rita, 'shop-a')).toBe(404)
  expect(await getFunction(rita, 'vault')).toBe(403)
  expect((await apply(rita, shipped)).status).toBe(403)

  expect(await rollBack(admin, 1)).toMatchObject({
    status: 201,
    body: { how: 'rolled-back', ofVersion: 1, name: 'shipped-roles' },
  })
  expect(await getFunction(rita, 'shop-a')).toBe(403)
})

it('is put in force by none who may not do everything himself, not even back to an earlier one', async () => {
  const rules = withRole('rules', 'action in [Lacre::Action::"rules"], resource)')
  expect((await apply(admin, rules)).status).toBe(201)
  const rolf = await person('rolf', 'rules')
  const before = await inForce()

  for (const answer of [
    await apply(rolf, `${shipped}\n@id("mine") permit (principal, action, resource);`),
    await rollBack(rolf, 1),
  ])
    expect(answer).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining('by who may do everything: `rolf`') } },
    })

  expect(await inForce()).toEqual(before)
  // Admission is another question: there no permit is given.
  const admission = { name: 'open', files: [{ name: 'a.cedar', text: 'permit (principal, action, resource);' }] } // prettier-ignore
  expect(
    (await governance(rolf, { method: 'POST', path: '/policy-sets/admission', body: admission }))
      .status,
  ).toBe(201)
})

it('is put in force by none whom a policy forbids something that it does not forbid everybody', async () => {
  const text = (permit: string): string =>
    `${shipped}\n@id("intern") forbid (principal in Lacre::Role::"intern", action in Lacre::Action::"trust", resource);
    @id("mfa") forbid (principal, action in Lacre::Action::"deploy", resource) unless { principal.hasTag("mfa") || principal in Lacre::Role::"admin" };
    ${permit}`
  expect((await apply(admin, text(''))).status).toBe(201)
  const ines = await person('ines', 'admin')
  const granted = await governance(admin, {
    method: 'POST',
    path: '/principals/ines/roles',
    body: { role: 'intern' },
  })
  expect(granted.status).toBe(200)

  expect(await apply(ines, shipped)).toMatchObject({
    status: 403,
    body: { error: { message: expect.stringContaining('by who may do everything: `ines`') } },
  })
  expect((await apply(admin, text('@id("any") permit (principal in Lacre::Role::"any", action in [Lacre::Action::"invoke"], resource);'))).status).toBe(201) // prettier-ignore
})

it('is put in force by none who could do everything only when his request came in', async () => {
  const { body } = await governance<{ principal: { id: string } }>(admin, {
    method: 'POST',
    path: '/principals',
    body: { kind: 'user', name: 'olga', roles: ['auditor'] },
  })
  const { id } = body.principal
  const then = { id, kind: 'user', name: 'olga', roles: ['admin'], claims: {} } as const
  const files = [{ name: 'roles.cedar', text: `${shipped}\n@id("all") permit (principal, action, resource);` }] // prettier-ignore

  await expect(
    applyPolicySet(
      app.deps,
      { principal: then, requestId: 'req-1' },
      { kind: 'authorization', name: 'olgas', source: { files, cases: null } },
    ),
  ).rejects.toMatchObject({ code: 'ACCESS_DENIED', message: expect.stringContaining('`olga` may not') }) // prettier-ignore
})

it.each([
  ['one under which nobody could put another in force', withRole('x', 'action, resource)').replace(/@id\("admin"\)[^;]*;/, ''), 409, 'could put no other in force'], // prettier-ignore
  ['one that forbids everybody to put another in force', `${shipped}\n@id("shut") forbid (principal, action == Lacre::Action::"lacre:ApplyPolicySet", resource);`, 409, 'could put no other in force'], // prettier-ignore
  ['one whose forbid asks who somebody is', `${shipped}\n@id("mfa") forbid (principal, action in Lacre::Action::"deploy", resource) unless { principal.hasTag("mfa") };`, 409, 'unless { principal in'], // prettier-ignore
  ['one that does not fit the schema', '@id("a") permit (principal, action, resource) when { principal.nickname == "eve" };', 400, 'nickname'], // prettier-ignore
  ['admission policies', '@id("a") permit (principal, action, resource) when { context.verdict == "trusted" };', 400, 'verdict'], // prettier-ignore
  ['one whose case comes out otherwise', shipped, 400, 'expected deny'],
])('refuses %s, and keeps what is in force', async (what, text, status, told) => {
  const before = await inForce()
  const wrong = {
    cases: [
      {
        name: 'admins may all',
        principal: { roles: ['admin'] },
        action: 'lambda:DeleteFunction',
        resource: { type: 'Function', name: 'shop' },
        expect: 'deny',
      },
    ],
  }
  const answer = await apply(admin, text, what.includes('case') ? { cases: wrong } : {})

  expect({ status: answer.status, told: JSON.stringify(answer.body) }).toEqual({
    status,
    told: expect.stringContaining(told),
  })
  expect(await inForce()).toEqual(before)
})
