import * as sdk from '@aws-sdk/client-lambda'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

import { verifyLedger } from '../../../services/audit/index.ts'
import { compilePolicySet } from '../../../services/policy/index.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { plan } from '../../support/planning.ts'
import { askInstead } from '../../support/policies.ts'

const FunctionName = 'caller'
const path = `/functions/${FunctionName}/egress`
const api = { FunctionName }

interface Shown {
  readonly version: string
  readonly allow: readonly string[]
  readonly opened: boolean
  readonly release?: string
  readonly Message?: string
  readonly message?: string
}

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
  await createActive(app.client, FunctionName)
})
afterEach(async () => {
  const report = await app.deps.store.snapshot((reader) => verifyLedger(reader, { data: true }))
  expect(report.findings).toEqual([])
})
afterAll(() => app[Symbol.asyncDispose]())

const read = async (qualifier?: string) =>
  await governance<Shown>(app.admin, {
    path,
    ...(qualifier !== undefined && { query: { qualifier } }),
  })
const settled = async () => {
  await sdk.waitUntilFunctionUpdatedV2({ client: app.client, maxWaitTime: 20 }, api)
}
const set = async (allow: readonly unknown[]) => {
  const answer = await governance<Shown>(app.admin, { method: 'PUT', path, body: { allow } })
  if (answer.status === 200) await settled()
  return answer
}
const published = async (): Promise<string> =>
  String((await app.client.send(new sdk.PublishVersionCommand(api))).Version)
const releaseOf = async (version: string): Promise<string> =>
  (
    await app.deps.store.reader
      .selectFrom('function_version')
      .select('release')
      .where('version', '=', version)
      .orderBy('last_modified', 'desc')
      .executeTakeFirstOrThrow()
  ).release

test('a function has no list until it is given one', async () => {
  const { status, body } = await read()

  // The driver of these tests holds nobody to a list.
  expect([status, body]).toEqual([200, { version: '$LATEST', allow: [], opened: false }])
})

test('the list is part of the release: another one is another release, the same one the same', async () => {
  const before = await releaseOf('$LATEST')

  const one = await set(['b.example.com:443', 'a.example.com:443'])
  const other = await set(['a.example.com:443'])
  const again = await set(['a.example.com:443', 'b.example.com:443'])
  const none = await set([])

  expect(one.body.allow).toEqual(['a.example.com:443', 'b.example.com:443'])
  expect(one.headers.get('x-lacre-decision-id')).toMatch(/^dec-/)
  expect(new Set([before, one.body.release, other.body.release]).size).toBe(3)
  expect(again.body.release).toBe(one.body.release)
  expect(none.body.release).toBe(before)
})

test('a version keeps the list that it was published with, and the warm path has it', async () => {
  await set(['a.example.com:443'])
  const first = await app.client.send(new sdk.PublishVersionCommand(api))
  await set(['b.example.com:443'])
  const second = await app.client.send(new sdk.PublishVersionCommand(api))
  await app.client.send(new sdk.CreateAliasCommand({ ...api, Name: 'live', FunctionVersion: '1' }))

  expect([first.Version, second.Version]).toEqual(['1', '2'])
  const lists = ['1', '2', '$LATEST', 'live'].map(async (one) => (await read(one)).body.allow)
  expect(await Promise.all(lists)).toEqual([
    ['a.example.com:443'],
    ['b.example.com:443'],
    ['b.example.com:443'],
    ['a.example.com:443'],
  ])
  expect(await releaseOf('1')).not.toBe(await releaseOf('2'))
  const live = app.deps.live.resolve(FunctionName, 'live', 0)
  expect(JSON.stringify(live)).toContain('"egress":["a.example.com:443"]')
})

test('other changes leave the list as it is, and answers of AWS do not show it', async () => {
  await set(['a.example.com:443'])
  await app.client.send(new sdk.UpdateFunctionConfigurationCommand({ ...api, Timeout: 9 }))
  await settled()
  const configuration = await app.client.send(new sdk.GetFunctionConfigurationCommand(api))

  expect((await read()).body.allow).toEqual(['a.example.com:443'])
  expect(JSON.stringify(configuration)).not.toContain('example.com')
})

test('the ledger entry tells the list', async () => {
  await set(['told.example.com:443'])

  const { body } = await app.deps.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .where('body', 'like', '%lacre:PutEgress%')
    .orderBy('index', 'desc')
    .executeTakeFirstOrThrow()
  expect(JSON.parse(String(body))).toMatchObject({
    action: 'lacre:PutEgress',
    note: { egress: ['told.example.com:443'] },
  })
})

test.each([
  ['an address', ['192.0.2.1:443']],
  ['upper case', ['API.example.com:443']],
  ['too many', Array.from({ length: 51 }, (_, at) => `h${at}.example.com:443`)],
  ['what is no text', [443]],
])('%s is refused, and nothing is decided', async (_what, allow) => {
  const before = await releaseOf('$LATEST')
  const { status, headers } = await set(allow)

  expect([status, headers.get('x-lacre-decision-id')]).toEqual([400, null])
  expect(await releaseOf('$LATEST')).toBe(before)
})

test('a function that is not there has none', async () => {
  const gone = { path: '/functions/nobody/egress' }

  expect((await governance(app.admin, gone)).status).toBe(404)
  const put = { ...gone, method: 'PUT', body: { allow: [] } } as const
  expect((await governance(app.admin, put)).status).toBe(404)
})

test('a policy may refuse a list by its action, and other changes of configuration not', async () => {
  await set(['a.example.com:443'])
  const text = `permit (principal, action, resource);
    forbid (principal, action == Lacre::Action::"lacre:PutEgress", resource);`
  const giveBack = askInstead(app, {
    name: 'none out',
    set: compilePolicySet([{ name: 'some.cedar', text }]),
  })
  try {
    const refused = await set(['b.example.com:443'])
    expect(refused.status).toBe(403)
    expect(refused.headers.get('x-lacre-decision-id')).toMatch(/^dec-/)
    expect((await read()).body.allow).toEqual(['a.example.com:443'])
    await app.client.send(new sdk.UpdateFunctionConfigurationCommand({ ...api, Timeout: 8 }))
    await settled()
  } finally {
    giveBack()
  }
})

test('a policy sees the list of what would run: when it is set, published, moved to, and in a plan of the policy', async () => {
  const files = [
    {
      name: 'hosts.cedar',
      text: `@id("all") permit (principal, action, resource);
        @id("known-hosts") @reason("functions may speak to these hosts alone")
        forbid (principal, action, resource) when { context has egress }
        unless { ["a.example.com:443"].containsAll(context.egress) };`,
    },
  ]
  const { schema } = app.deps.policies.shipped('admission')
  await set(['a.example.com:443', 'b.example.com:443'])
  const open = await published()
  await set([])
  const closed = await published()
  await app.client.send(new sdk.CreateAliasCommand({ ...api, Name: 'out', FunctionVersion: open }))

  const { plan: made } = await plan(app, { kind: 'policy', name: 'hosts', files })
  const giveBack = askInstead(app, { name: 'hosts', set: compilePolicySet(files, schema) })
  try {
    const allowed = await set(['a.example.com:443'])
    const refused = await set(['b.example.com:443'])
    const to = (version: string) =>
      app.client.send(new sdk.UpdateAliasCommand({ ...api, Name: 'out', FunctionVersion: version }))
    const moved = [await refusalOf(to(open)), (await to(closed)).FunctionVersion]

    expect([allowed.status, refused.status]).toEqual([200, 403])
    expect(JSON.stringify(refused.body)).toContain('functions may speak to these hosts alone')
    expect(moved).toMatchObject([{ status: 403 }, closed])
    expect(made.effects.affected.filter(({ alias }) => alias === 'out')).toMatchObject([
      { role: 'alias', version: open, kind: 'refused' },
    ])
  } finally {
    giveBack()
  }
})

test('a freeze of the function holds its list too', async () => {
  const scope = `/freezes/${FunctionName}`
  await governance(app.admin, { method: 'PUT', path: scope, body: { reason: 'audit' } })
  try {
    expect((await set(['c.example.com:443'])).status).toBe(403)
    const update = new sdk.UpdateFunctionConfigurationCommand({ ...api, Timeout: 7 })
    expect(await refusalOf(app.client.send(update))).toMatchObject({ status: 403 })
  } finally {
    await governance(app.admin, { method: 'POST', path: `${scope}/lift` })
  }
})
