import { afterAll, beforeAll, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { TestIssuer } from '../../support/authority.ts'

let app: TestApp
let issuer: TestIssuer

const table: readonly CommandRow[] = [
  { name: 'user', summary: '', load: () => import('../../../cli/commands/user.ts') },
  { name: 'workload', summary: '', load: () => import('../../../cli/commands/workload.ts') },
  { name: 'role', summary: '', load: () => import('../../../cli/commands/role.ts') },
  { name: 'access-key', summary: '', load: () => import('../../../cli/commands/access-key.ts') },
]

async function lacre(...args: readonly string[]): Promise<{ exit: number; out: string }> {
  let out = ''
  const write = (text: string): boolean => {
    out += text
    return true
  }
  const exit = await runCommandLine(table, {
    args: [...args, '--data', app.dataDir],
    environment: {},
    out: { write },
    err: { write },
    version: '0.0.0',
  })
  return { exit, out }
}

const subject = 'repo:acme/shop:ref:refs/heads/main'
const token = (claims: Record<string, unknown> = {}): Promise<string> =>
  issuer.token({ aud: 'lacre-test', sub: subject, repository: 'acme/shop', ...claims })

async function ask(
  bearer: string,
  method: string,
  path: string,
): Promise<{ status: number; type: string; body: string }> {
  const answer = await fetch(app.url + path, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: '{}' }),
  })
  const body = await answer.text()
  return { status: answer.status, type: answer.headers.get('x-amzn-errortype') ?? '', body }
}

beforeAll(async () => {
  issuer = await TestIssuer.start()
  app = await startTestApp({
    oidcIssuer: [issuer.url],
    oidcAudience: 'lacre-test',
    oidcInsecure: [issuer.url],
    allowSource: ['127.0.0.1'],
  })
  const made = await lacre(
    'workload',
    'create',
    'ci',
    '--issuer',
    issuer.url,
    '--subject',
    'repo:acme/*:ref:refs/heads/main',
    '--claim',
    'repository=acme/shop',
    '--role',
    'deployer',
  )
  expect(made).toMatchObject({ exit: 0 })
}, 60_000)
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

it('a workload comes with its token to AWS’s paths and ours, with the roles of its mapping', async () => {
  const bearer = await token()
  const who = await ask(bearer, 'GET', '/api/v1/whoami')

  expect(JSON.parse(who.body)).toMatchObject({
    kind: 'workload',
    name: 'ci',
    roles: ['deployer'],
    claims: { iss: issuer.url, sub: subject, repository: 'acme/shop' },
  })
  expect((await ask(bearer, 'GET', '/2015-03-31/functions/')).status).toBe(200)
  expect(await ask(bearer, 'POST', '/2015-03-31/functions/f/invocations')).toMatchObject({
    status: 403,
    type: 'AccessDeniedException',
  })
  expect(await ask(bearer, 'POST', '/api/v1/access-keys')).toMatchObject({ status: 403 })
})

it('is issuer and subject, whichever mapping and token it comes by', async () => {
  const idOf = async (bearer: string): Promise<string> =>
    (JSON.parse((await ask(bearer, 'GET', '/api/v1/whoami')).body) as { id: string }).id

  const id = await idOf(await token())

  expect(id).toMatch(/^wkl-[0-9a-f]{32}$/)
  expect(await idOf(await token({ extra: 'claim' }))).toBe(id)
})

it.each<[string, Record<string, unknown>, string]>([
  ['for another audience', { aud: 'sigstore' }, 'UnrecognizedClientException'],
  [
    'of a subject that nobody maps',
    { sub: 'repo:evil/shop:ref:refs/heads/main' },
    'UnrecognizedClientException',
  ],
  ['without the claim', { repository: 'acme/other' }, 'UnrecognizedClientException'],
  [
    'that lives too long',
    { exp: Math.floor(Date.now() / 1_000) + 7_200 },
    'UnrecognizedClientException',
  ],
  [
    'that has ended',
    { iat: 1_700_000_000, nbf: 1_700_000_000, exp: 1_700_000_600 },
    'ExpiredTokenException',
  ],
  ['of another issuer', { iss: 'https://evil.example' }, 'UnrecognizedClientException'],
])('refuses a token %s', async (_name, claims, type) => {
  const answer = await ask(await token(claims), 'GET', '/2015-03-31/functions/')

  expect(answer).toMatchObject({ status: 403, type })
})

it('a person who comes by tokens is the same as by key: one row, one id', async () => {
  const made = await lacre(
    'user',
    'create',
    'ada',
    '--issuer',
    issuer.url,
    '--subject',
    'ada-7',
    '--role',
    'auditor',
    '--json',
  )
  const { principal } = JSON.parse(made.out) as { principal: { id: string } }

  const who = await ask(await token({ sub: 'ada-7' }), 'GET', '/api/v1/whoami')

  expect(JSON.parse(who.body)).toMatchObject({ id: principal.id, kind: 'user', name: 'ada' })
})

it('a mapping that is switched off takes no token from the answer on, also one that was taken before', async () => {
  const bearer = await token()
  expect((await ask(bearer, 'GET', '/api/v1/whoami')).status).toBe(200)

  await lacre('workload', 'disable', 'ci')
  expect((await ask(bearer, 'GET', '/api/v1/whoami')).status).toBe(403)

  await lacre('workload', 'enable', 'ci')
  expect((await ask(bearer, 'GET', '/api/v1/whoami')).status).toBe(200)
})

it('a role granted on the command line works at once, and lists tell of it', async () => {
  const bearer = await token()

  expect(await lacre('role', 'grant', 'invoker', 'ci')).toMatchObject({ exit: 0 })
  expect((await ask(bearer, 'POST', '/2015-03-31/functions/f/invocations')).status).toBe(404)
  expect((await lacre('workload', 'list')).out).toMatch(/ci +on +deployer, invoker/)
  expect((await lacre('role', 'list')).out).toMatch(/invoker +\d+ +ci/)
  expect((await lacre('role', 'show', 'invoker')).out).toContain('lambda:InvokeFunction')
  expect((await lacre('role', 'revoke', 'invoker', 'ci')).exit).toBe(0)
  expect((await ask(bearer, 'POST', '/2015-03-31/functions/f/invocations')).status).toBe(403)
})

it('a workload has no access keys, and a key of another is made by name', async () => {
  expect((await lacre('access-key', 'create', '--for', 'ci')).exit).toBe(2)
  expect((await lacre('access-key', 'create', '--for', 'ada')).out).toContain('AWS_ACCESS_KEY_ID=')
})

it('rows and ledger hold no token', async () => {
  const bearer = await token()
  await ask(bearer, 'DELETE', '/2015-03-31/functions/nothing')
  const documents = await app.deps.store.reader.selectFrom('document').select('body').execute()
  const entries = await app.deps.store.reader.selectFrom('ledger_entry').select('body').execute()

  const signature = bearer.split('.')[2] ?? bearer

  expect(JSON.stringify([documents, entries])).not.toContain(signature)
})
