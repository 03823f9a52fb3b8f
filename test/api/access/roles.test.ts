import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { openClient, type Client, type ClientCall } from '../../../cli/client/index.ts'
import { PlatformError, systemClock } from '../../../services/model/index.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { nodePackage } from '../../support/packages.ts'

let app: TestApp
let admin: Client
const keys = new Map<string, { accessKeyId: string; secretAccessKey: string }>()

const ROLES = ['admin', 'approver', 'auditor', 'deployer', 'invoker', 'publisher-admin'] as const
const FUNCTIONS = '/2015-03-31/functions'
const role = 'arn:aws:iam::000000000000:role/r'

const client = (who: string): Client => {
  const pair = keys.get(who)
  if (pair === undefined) throw new Error(`no key of ${who}`)
  return openClient({ ...pair, endpoint: new URL(app.url), region: app.admin.region }, systemClock)
}
const json = (method: ClientCall['method'], path: string, body?: object): ClientCall => ({
  method,
  path,
  ...(body && {
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  }),
})
const api = (method: ClientCall['method'], path: string, body?: object): ClientCall =>
  json(method, `/api/v1${path}`, body)

/** The code of a refusal, or `ok`. */
async function ask(from: Client, call: ClientCall): Promise<string> {
  return await from.send(call).then(
    () => 'ok',
    (error: unknown) => (error instanceof PlatformError ? error.code : String(error)),
  )
}
async function made(call: ClientCall, from = admin): Promise<Record<string, unknown>> {
  const { body } = await from.send(call)
  return JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>
}
async function person(name: string, roles: readonly string[]): Promise<Client> {
  await made(api('POST', '/principals', { kind: 'user', name, roles }))
  const answer = await made(api('POST', '/access-keys', { principal: name }))
  const { id } = answer['accessKey'] as { id: string }
  keys.set(name, { accessKeyId: id, secretAccessKey: String(answer['secretAccessKey']) })
  return client(name)
}

const createFunction = (name: string): ClientCall =>
  json('POST', FUNCTIONS, {
    FunctionName: name,
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Role: role,
    Code: { ZipFile: nodePackage(1).toString('base64') },
  })

beforeAll(async () => {
  app = await startTestApp()
  admin = openClient(
    { ...app.admin, endpoint: new URL(app.url), region: app.admin.region },
    systemClock,
  )
  await made(createFunction('checkout'))
  for (const name of ROLES) await person(`a-${name}`, [name])
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

/** Requests of each group; that they find nothing, or something wrong, is no matter here. */
const TRIES: Readonly<Record<string, readonly ClientCall[]>> = {
  read: [
    json('GET', `${FUNCTIONS}/checkout`),
    json('GET', `${FUNCTIONS}/`),
    json('GET', `${FUNCTIONS}/checkout/aliases/prod`),
    api('GET', '/decisions'),
    api('GET', '/ledger/entries'),
    api('GET', '/principals'),
  ],
  deploy: [
    createFunction('checkout'),
    json('PUT', `${FUNCTIONS}/checkout/configuration`, { Timeout: 5 }),
    json('POST', '/2018-10-31/layers/shared/versions', {}),
    json('DELETE', `${FUNCTIONS}/nothing`),
    api('PUT', `/artifacts/${'a'.repeat(64)}/seals`, { seals: [] }),
  ],
  activate: [
    json('POST', `${FUNCTIONS}/checkout/aliases`, { Name: 'prod' }),
    json('PUT', `${FUNCTIONS}/checkout/aliases/prod`, { FunctionVersion: '9' }),
    json('POST', '/2015-03-31/event-source-mappings', { FunctionName: 'checkout' }),
    json('POST', `${FUNCTIONS}/checkout/policy`, {}),
  ],
  invoke: [json('POST', `${FUNCTIONS}/nothing/invocations`, {})],
  trust: [
    api('POST', '/publishers', { name: 'ci' }),
    api('POST', '/revocations', {}),
    json('PUT', '/2020-06-30/functions/checkout/code-signing-config', {}),
    json('DELETE', '/2020-06-30/functions/nothing/code-signing-config'),
  ],
  access: [
    api('POST', '/access-keys', { principal: 'nobody' }),
    api('POST', '/principals/nobody/roles', { role: 'auditor' }),
    api('POST', '/principals/nobody/disable'),
    json('POST', '/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:nothing', {}),
  ],
}
const MAY: Readonly<Record<string, readonly string[]>> = {
  admin: Object.keys(TRIES),
  deployer: ['read', 'deploy', 'activate'],
  approver: ['read'],
  'publisher-admin': ['read', 'trust'],
  auditor: ['read'],
  invoker: ['invoke'],
}

describe.each(ROLES)('the role %s', (name) => {
  it.each(Object.entries(TRIES))('in %s', async (group, calls) => {
    for (const call of calls) {
      const answer = await ask(client(`a-${name}`), call)
      const where = `${call.method} ${call.path}`

      if (MAY[name]?.includes(group) === true)
        expect([where, answer]).not.toEqual([where, 'ACCESS_DENIED'])
      else expect([where, answer]).toEqual([where, 'ACCESS_DENIED'])
    }
  })
})

it('a principal without a role may ask who he is, and nothing else', async () => {
  const eve = await person('eve', [])

  expect(await made(api('GET', '/whoami'), eve)).toMatchObject({ name: 'eve', roles: [] })
  expect(await ask(eve, api('GET', '/doctor'))).toBe('ACCESS_DENIED')
  expect(await ask(eve, api('GET', '/no/such/route'))).toBe('UNKNOWN_OPERATION')
})

it('a refusal of authorization keeps nothing and names the action and the thing', async () => {
  const entries = async (): Promise<number> =>
    (await app.deps.store.reader.selectFrom('ledger_entry').select('index').execute()).length
  const before = await entries()

  const refused = client('a-auditor').send(json('DELETE', `${FUNCTIONS}/checkout`))

  await expect(refused).rejects.toThrow(/lambda:DeleteFunction on Function `checkout`/)
  expect(await entries()).toBe(before)
})

describe('roles given and taken', () => {
  it('a grant works at once, is a row with its time and giver, and stops at once', async () => {
    const bob = await person('bob', [])
    const read = json('GET', `${FUNCTIONS}/checkout`)
    expect(await ask(bob, read)).toBe('ACCESS_DENIED')

    const { principal } = await made(api('POST', '/principals/bob/roles', { role: 'auditor' }))
    expect(principal).toMatchObject({
      roles: ['auditor'],
      grants: [{ role: 'auditor', grantedBy: 'usr-admin' }],
    })
    expect(await ask(bob, read)).toBe('ok')

    await made(api('POST', '/principals/bob/roles/auditor/revoke'))
    expect(await ask(bob, read)).toBe('ACCESS_DENIED')
  })

  it('an answer kept for Invoke does not outlive the role', async () => {
    const ivy = await person('ivy', ['invoker'])
    const invoke = json('POST', `${FUNCTIONS}/nothing/invocations`, {})
    expect(await ask(ivy, invoke)).toBe('RESOURCE_NOT_FOUND')
    expect(await ask(ivy, invoke)).toBe('RESOURCE_NOT_FOUND')

    await made(api('POST', '/principals/ivy/roles/invoker/revoke'))

    expect(await ask(ivy, invoke)).toBe('ACCESS_DENIED')
  })

  it('a principal that is switched off is believed nothing from the answer on, until switched on', async () => {
    const carl = await person('carl', ['auditor'])
    const read = json('GET', `${FUNCTIONS}/checkout`)
    expect(await ask(carl, read)).toBe('ok')

    await made(api('POST', '/principals/carl/disable'))
    expect(await ask(carl, read)).toBe('UNKNOWN_ACCESS_KEY')
    expect(await ask(admin, api('POST', '/access-keys', { principal: 'carl' }))).toBe(
      'RESOURCE_CONFLICT',
    )
    expect(await ask(admin, api('POST', '/principals/carl/disable'))).toBe('RESOURCE_CONFLICT')

    await made(api('POST', '/principals/carl/enable'))
    expect(await ask(carl, read)).toBe('ok')
  })

  it('the last administrator stays: role, person and key', async () => {
    const second = client('a-admin')
    const { accessKeys } = await made(api('GET', '/access-keys'))
    const own = (accessKeys as { id: string; principal: string }[]).find(
      ({ id }) => id === keys.get('a-admin')?.accessKeyId,
    )

    await made(api('POST', '/principals/admin/roles/admin/revoke'), second)
    expect(await ask(admin, api('GET', '/doctor'))).toBe('ACCESS_DENIED')
    expect(await ask(second, api('POST', '/principals/a-admin/roles/admin/revoke'))).toBe(
      'RESOURCE_CONFLICT',
    )
    expect(await ask(second, api('POST', '/principals/a-admin/disable'))).toBe('RESOURCE_CONFLICT')
    expect(await ask(second, api('POST', `/access-keys/${own?.id}/disable`))).toBe(
      'RESOURCE_CONFLICT',
    )

    await made(api('POST', '/principals/admin/roles', { role: 'admin' }), second)
    expect(await ask(admin, api('GET', '/doctor'))).toBe('ok')
  })

  it('refuses roles that nothing names, names taken, and workloads of issuers that are not configured', async () => {
    const identity = { issuer: 'https://ci.example', subject: 'repo:a/b' }

    expect(await ask(admin, api('POST', '/principals/bob/roles', { role: 'root' }))).toBe(
      'INVALID_PARAMETER',
    )
    expect(await ask(admin, api('POST', '/principals', { kind: 'user', name: 'bob' }))).toBe(
      'RESOURCE_CONFLICT',
    )
    expect(
      await ask(admin, api('POST', '/principals', { kind: 'workload', name: 'w', identity })),
    ).toBe('INVALID_PARAMETER')
    expect(await ask(admin, api('POST', '/principals', { kind: 'user', name: '../x' }))).toBe(
      'INVALID_PARAMETER',
    )
    expect(await ask(admin, api('POST', '/principals/nobody/enable'))).toBe('RESOURCE_NOT_FOUND')
  })
})
