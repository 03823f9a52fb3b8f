import * as sdk from '@aws-sdk/client-lambda'
import * as signerSdk from '@aws-sdk/client-signer'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PAGES } from '../../services/http/console/pages/index.ts'
import { OPERATIONS } from '../../services/http/lambda/operations-table.ts'
import { SIGNER_OPERATIONS } from '../../services/http/signer/operations-table.ts'
import { askInstead } from '../support/policies.ts'
import { compilePolicySet } from '../../services/policy/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { openConsole } from '../support/console-client.ts'
import { createActive, refusalOf, updateAndWait } from '../support/functions.ts'
import { governance, type GovernanceCall } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { signerClient } from '../support/signer-client.ts'
import { stored } from '../support/stored.ts'

/**
 * Promise P2: everything that can change what is live, or what is trusted, passes one choke point. Each operation of each API
 * has a row here; one that has none fails. Under a set that forbids everything what changes is refused with a decision and
 * nothing is written; what leaves passes.
 */

const FunctionName = 'fn'
const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const HOLD = 'rxh-00000000000000000000000000'
const functionArn = `${HERE}:function:${FunctionName}`
const role = 'arn:aws:iam::000000000000:role/lambda'
const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Sid: 's', Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunction', Resource: functionArn }],
}) // prettier-ignore

/** What a row says: refused under a set that forbids all, allowed since it takes away, or why neither. */
type Row =
  | { readonly kind: 'gated'; readonly input: () => Record<string, unknown> }
  | { readonly kind: 'leaves'; readonly input: () => Record<string, unknown> }
  | { readonly kind: 'other'; readonly why: string }

const gated = (input: () => Record<string, unknown> = () => ({ FunctionName })): Row => ({
  kind: 'gated',
  input,
})
const leaves = (input: () => Record<string, unknown> = () => ({ FunctionName })): Row => ({
  kind: 'leaves',
  input,
})
const other = (why: string): Row => ({ kind: 'other', why })
const reads = other('reads')
const notBuilt = other('answers that it is not built')

let app: TestApp
/** What the set-up made. */
const made = { attached: '', loose: '', mapping: '', key: '', revision: '' }

const code = () => nodePackage('another')
const changes: Readonly<Record<string, Row>> = {
  CreateFunction: gated(() => ({
    FunctionName: 'new', Runtime: 'nodejs20.x', Handler: 'index.handler', Role: role, Code: { ZipFile: code() },
  })),
  UpdateFunctionCode: gated(() => ({ FunctionName, ZipFile: code() })),
  UpdateFunctionConfiguration: gated(() => ({ FunctionName, Layers: [`${HERE}:layer:shared:1`] })),
  PublishVersion: gated(),
  PublishLayerVersion: gated(() => ({ LayerName: 'shared', Content: { ZipFile: code() } })),
  CreateAlias: gated(() => ({ FunctionName, Name: 'new', FunctionVersion: '1' })),
  UpdateAlias: gated(() => ({ FunctionName, Name: 'live', FunctionVersion: '1', RoutingConfig: { AdditionalVersionWeights: { 2: 0.1 } } })),
  CreateFunctionUrlConfig: gated(() => ({ FunctionName, Qualifier: 'live', AuthType: 'NONE' })),
  UpdateFunctionUrlConfig: gated(() => ({ FunctionName, AuthType: 'AWS_IAM' })),
  CreateEventSourceMapping: gated(() => ({ FunctionName, EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:second' })),
  UpdateEventSourceMapping: gated(() => ({ UUID: made.mapping, BatchSize: 5 })),
  PutProvisionedConcurrencyConfig: gated(() => ({ FunctionName, Qualifier: '2', ProvisionedConcurrentExecutions: 1 })),
  PutFunctionConcurrency: gated(() => ({ FunctionName, ReservedConcurrentExecutions: 60 })),
  DeleteFunctionConcurrency: gated(),
  AddPermission: gated(() => ({ FunctionName, StatementId: 'more', Action: 'lambda:InvokeFunction', Principal: '*' })),
  PutResourcePolicy: gated(() => ({ ResourceArn: functionArn, Policy: policy })),
  AddLayerVersionPermission: gated(() => ({ LayerName: 'shared', VersionNumber: 1, StatementId: 'more', Action: 'lambda:GetLayerVersion', Principal: '*' })),
  PutFunctionEventInvokeConfig: gated(() => ({ FunctionName, MaximumRetryAttempts: 0 })),
  UpdateFunctionEventInvokeConfig: gated(() => ({ FunctionName, MaximumRetryAttempts: 0 })),
  PutRuntimeManagementConfig: gated(() => ({ FunctionName, UpdateRuntimeOn: 'Auto' })),
  PutFunctionRecursionConfig: gated(() => ({ FunctionName, RecursiveLoop: 'Allow' })),
  PutFunctionScalingConfig: gated(() => ({ FunctionName, Qualifier: '1', FunctionScalingConfig: { MinExecutionEnvironments: 1 } })),
  CreateCodeSigningConfig: gated(() => ({ AllowedPublishers: { SigningProfileVersionArns: [profile] } })),
  UpdateCodeSigningConfig: gated(() => ({ CodeSigningConfigArn: made.attached, CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' } })),
  DeleteCodeSigningConfig: gated(() => ({ CodeSigningConfigArn: made.loose })),
  PutFunctionCodeSigningConfig: gated(() => ({ FunctionName, CodeSigningConfigArn: made.loose })),
  DeleteFunctionCodeSigningConfig: gated(),
  TagResource: gated(() => ({ Resource: functionArn, Tags: { stage: 'prod' } })),
  UntagResource: gated(() => ({ Resource: functionArn, TagKeys: ['owner'] })),
  // In this order: what is in the way of another goes before it.
  RemovePermission: leaves(() => ({ FunctionName, StatementId: 'one' })),
  DeleteResourcePolicy: leaves(() => ({ ResourceArn: functionArn })),
  RemoveLayerVersionPermission: leaves(() => ({ LayerName: 'shared', VersionNumber: 1, StatementId: 'one' })),
  DeleteLayerVersion: leaves(() => ({ LayerName: 'shared', VersionNumber: 1 })),
  DeleteProvisionedConcurrencyConfig: leaves(() => ({ FunctionName, Qualifier: '1' })),
  DeleteFunctionEventInvokeConfig: leaves(),
  DeleteFunctionUrlConfig: leaves(),
  DeleteEventSourceMapping: leaves(() => ({ UUID: made.mapping })),
  DeleteAlias: leaves(() => ({ FunctionName, Name: 'live' })),
  DeleteFunction: leaves(),
  Invoke: other('runs what is live'),
  InvokeAsync: other('runs what is live'),
  InvokeWithResponseStream: other('runs what is live'),
} // prettier-ignore

const profile = 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody/0123456789'
const rowOf = (name: string): Row | undefined =>
  changes[name] ??
  (/^(?:Get|List)/.test(name)
    ? reads
    : /Durable|CapacityProvider/.test(name)
      ? notBuilt
      : undefined)

const signer: Readonly<Record<string, Row>> = {
  PutSigningProfile: gated(() => ({ profileName: 'fresh', platformId: 'AWSLambda-SHA384-ECDSA' })),
  CancelSigningProfile: gated(() => ({ profileName: 'kept' })),
  RevokeSigningProfile: gated(() => ({ profileName: 'kept', profileVersion: made.key, reason: 'r', effectiveTime: new Date() })),
  AddProfilePermission: gated(() => ({ profileName: 'kept', action: 'signer:StartSigningJob', principal: '111111111111', statementId: 'more' })),
  RemoveProfilePermission: gated(() => ({ profileName: 'kept', statementId: 'one', revisionId: made.revision })),
  SignPayload: notBuilt,
  StartSigningJob: other('signs what the service has judged: tested with its jobs'),
  RevokeSignature: other('wants a job: revocations by it are those of lacre:Revoke'),
  TagResource: other('tags of publishers, which no policy can read'),
  UntagResource: other('tags of publishers, which no policy can read'),
} // prettier-ignore

const body = (call: Omit<GovernanceCall, 'path'> & { readonly path?: string }) => call
/** `METHOD /path` as the OpenAPI document lists them; the call where it is gated. */
const routes: Readonly<Record<string, ReturnType<typeof body> | string>> = {
  'POST /publishers': body({ body: { name: 'third', document: { kind: 'managed', validityPeriod: { value: 1, type: 'DAYS' } } } }),
  'POST /publishers/{name}/versions': body({ path: '/publishers/kept/versions', body: { document: { kind: 'managed', validityPeriod: { value: 1, type: 'DAYS' } } } }),
  'POST /publishers/{name}/versions/{version}/cancel': 'the same operation as CancelSigningProfile',
  'POST /publishers/{name}/seals': 'signs what the service has judged',
  'POST /revocations': body({ body: { target: { kind: 'publisher', name: 'kept' }, reason: 'r' } }),
  'PUT /code-signing-configs/{id}/requirements': body({ path: '', body: { minSigners: 2, minPublishers: 1 } }),
  'PUT /artifacts/{sha256}': 'a file that nobody believes: deploying it is judged',
  'PUT /artifacts/{sha256}/seals': 'seals are judged with what they are attached to',
  'POST /artifacts/{sha256}/seals': 'seals are judged with what they are attached to',
  'PUT /artifacts/{sha256}/attestations': 'attestations are judged with what they are attached to',
  'POST /artifacts/{sha256}/attestations': 'attestations are judged with what they are attached to',
  'POST /gc': 'takes away what no row names',
  'POST /scrub': 'reads, and sets aside what is damaged',
  'POST /policy-sets/{kind}': body({ path: '/policy-sets/admission', body: { name: 'open', files: [{ name: 'open.cedar', text: '@id("all") permit (principal, action, resource);' }], cases: null } }),
  'POST /policy-sets/{kind}/rollback': 'the same action as applying one; tested in test/api/policy-sets',
  'POST /approvals': body({ body: { functionName: FunctionName, alias: 'live', version: '2', reason: 'r' } }),
  'POST /approvals/{id}/approve': 'wants a request: tested in test/api/approvals',
  'POST /approvals/{id}/withdraw': 'wants a request: tested in test/api/approvals',
  'PUT /signer-owners': body({ body: { signer: { kind: 'publisher', name: 'kept' }, owner: 'usr-admin' } }),
  'POST /break-glass': body({ body: { functionName: FunctionName, alias: 'live', version: '2', reason: 'r', ticket: 't', ttlMs: 60_000 } }),
  'POST /break-glass/{id}/grant': 'wants a request: tested in test/api/break-glass',
  'POST /break-glass/{id}/end': 'wants an exception: ending one takes it away',
  'POST /break-glass/{id}/review': 'wants an exception: a review admits nothing',
  'POST /console/links': 'signs in: what is done in the console is done by the routes of this table',
  'POST /plans': 'a plan changes nothing',
  'POST /ledger/hold/release': 'wants a hold: tested in test/api/ledger',
  'POST /events/replay': 'an event runs what is live when it is dispatched',
  'POST /events/purge': 'takes events away',
  'POST /events/{id}/replay': 'an event runs what is live when it is dispatched',
  'POST /events/{id}/purge': 'takes an event away',
  'POST /event-queues/messages/delete': 'takes messages away',
  'POST /webhooks': body({ body: { name: 'new', url: 'https://hooks.example.com/' } }),
  'POST /webhooks/{name}/disable': body({ path: '/webhooks/on/disable' }),
  'POST /webhooks/{name}/enable': body({ path: '/webhooks/off/enable' }),
  'POST /webhooks/{name}/delete': body({ path: '/webhooks/on/delete' }),
  'POST /webhooks/{name}/rotate-secret': body({ path: '/webhooks/on/rotate-secret', body: {} }),
  'POST /webhooks/{name}/test': 'tells of nothing',
  'POST /webhooks/{name}/redeliver': 'tells again what was told before',
  'POST /principals': body({ body: { kind: 'user', name: 'another', roles: ['auditor'] } }),
  'POST /principals/{id}/disable': 'takes a principal away',
  'POST /principals/{id}/enable': 'the same check as creating one: tested in test/api/access',
  'POST /principals/{id}/roles': body({ path: '/principals/usr-admin/roles', body: { role: 'auditor' } }),
  'POST /principals/{id}/roles/{role}/revoke': 'takes a role away',
  'POST /access-keys': body({}),
  'POST /access-keys/{id}/disable': 'takes a key away',
  'PUT /freezes/{scope}': body({ path: '/freezes/other', body: { reason: 'r' } }),
  'POST /freezes/{scope}/lift': body({ path: '/freezes/held/lift' }),
  'PUT /freeze-windows/{name}': body({ path: '/freeze-windows/other', body: { timeZone: 'UTC', scope: 'held', ranges: [], holidays: ['2030-01-01'] } }),
  'POST /freeze-windows/{name}/remove': body({ path: '/freeze-windows/kept/remove' }),
  'PUT /promotion-rules/{scope}': body({ path: '/promotion-rules/held%3Ablue', body: { from: 'green', soakMs: 1 } }),
  'POST /promotion-rules/{scope}/remove': body({ path: '/promotion-rules/held%3Aprod/remove' }),
  'PUT /floors/{functionName}/{alias}': body({ path: '/floors/held/blue', body: { soakMs: 1 } }),
  'POST /floors/{functionName}/{alias}/remove': body({ path: '/floors/held/prod/remove' }),
  'POST /floors/{functionName}/{alias}/exceptions': body({ path: '/floors/held/prod/exceptions', body: { version: '1', reason: 'r', expiresAt: new Date(Date.now() + 3_600_000).toISOString() } }),
  'POST /floors/{functionName}/{alias}/exceptions/{id}/end': 'wants an exception: the same check as granting one',
  'PUT /reactions/{scope}': body({ path: '/reactions/other', body: { reaction: 'alert' } }),
  'POST /reactions/{scope}/remove': body({ path: '/reactions/held/remove' }),
  'POST /reaction-holds/{id}/release': body({ path: `/reaction-holds/${HOLD}/release`, body: { through: 0 } }),
  'POST /reaction-holds/{id}/dismiss': body({ path: `/reaction-holds/${HOLD}/dismiss`, body: { through: 0 } }),
  'POST /refusals/{functionName}/{version}/lift': body({ path: `/refusals/${FunctionName}/2/lift` }),
  'PUT /functions/{functionName}/egress': body({ path: `/functions/${FunctionName}/egress`, body: { allow: ['api.example.com:443'] } }),
  'PUT /functions/{functionName}/reach': body({ path: '/functions/held/reach', body: { mode: 'all', direct: [] } }),
} // prettier-ignore

/** Forms of the console: which row above each is, for it goes through that very route; with what to send where that is refused here. */
interface Form {
  readonly is: string
  readonly path?: string
  readonly form?: Readonly<Record<string, string>>
}
const plan = '0'.repeat(64)
const forms: Readonly<Record<string, Form>> = {
  'POST /functions/:functionName/plan-move': { is: 'POST /plans' },
  'POST /functions/:functionName/move': { is: 'UpdateAlias', path: `/functions/${FunctionName}/move`, form: { alias: 'live', version: '2', share: '100', plan } },
  'POST /approvals/:id/approve': { is: 'POST /approvals/{id}/approve' },
  'POST /approvals/:id/withdraw': { is: 'POST /approvals/{id}/withdraw' },
  'POST /break-glass': { is: 'POST /break-glass', path: '/break-glass', form: { functionName: FunctionName, alias: 'live', version: '2', reason: 'r', ticket: 't', minutes: '1' } },
  'POST /break-glass/:id/grant': { is: 'POST /break-glass/{id}/grant' },
  'POST /break-glass/:id/end': { is: 'POST /break-glass/{id}/end' },
  'POST /break-glass/:id/review': { is: 'POST /break-glass/{id}/review' },
  'POST /publishers/:name/plan-revoke': { is: 'POST /plans' },
  'POST /publishers/:name/revoke': { is: 'POST /revocations', path: '/publishers/kept/revoke', form: { reason: 'r', plan } },
  'POST /policies/:kind/plan-rollback': { is: 'POST /plans' },
  'POST /policies/:kind/rollback': { is: 'POST /policy-sets/{kind}/rollback', path: '/policies/admission/rollback', form: { version: '1', plan } },
} // prettier-ignore

type Sdk = Record<string, new (input: unknown) => never>
const send = (name: string, input: unknown): Promise<unknown> => {
  const Operation = (sdk as unknown as Sdk)[`${name}Command`]!
  return app.client.send(new Operation(input))
}

async function everything(): Promise<unknown> {
  const tables = [
    'function_setting', 'event_source_mapping', 'resource_policy', 'resource_tags', 'freeze', 'freeze_window',
    'promotion_rule', 'floor_rule', 'floor_exception', 'function_reach', 'access_key', 'signing_requirement', 'webhook',
    'reaction_setting', 'reaction_hold', 'version_refusal',
  ] as const // prettier-ignore
  const { reader } = app.deps.store
  const rows: unknown[] = [await stored(app.deps)]
  for (const table of tables) rows.push(await reader.selectFrom(table).selectAll().execute())
  return rows
}

async function expectDecision(id: string | null | undefined): Promise<void> {
  expect(id).toMatch(/^dec-/)
  const row = await app.deps.store.reader
    .selectFrom('decision')
    .select('outcome')
    .where('id', '=', id ?? '')
    .executeTakeFirstOrThrow()
  expect(row.outcome).toBe('deny')
}

beforeAll(async () => {
  app = await startTestApp()
  const config = async (Description: string): Promise<string> => {
    const input = { Description, AllowedPublishers: { SigningProfileVersionArns: [profile] } }
    const answer = await app.client.send(new sdk.CreateCodeSigningConfigCommand(input))
    return answer.CodeSigningConfig?.CodeSigningConfigArn ?? ''
  }
  made.attached = await config('attached')
  made.loose = await config('loose')
  await createActive(app.client, FunctionName, { CodeSigningConfigArn: made.attached, Tags: { owner: 'me' } })
  await send('PublishLayerVersion', { LayerName: 'shared', Content: { ZipFile: nodePackage('layer') } })
  for (const release of ['two', 'three']) {
    await send('PublishVersion', { FunctionName })
    await updateAndWait(app.client, FunctionName, nodePackage(release))
  }
  await send('CreateAlias', { FunctionName, Name: 'live', FunctionVersion: '1' })
  await send('CreateFunctionUrlConfig', { FunctionName, AuthType: 'NONE' })
  const source = { FunctionName, EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:queue' }
  made.mapping = (await app.client.send(new sdk.CreateEventSourceMappingCommand(source))).UUID ?? ''
  await send('PutFunctionConcurrency', { FunctionName, ReservedConcurrentExecutions: 50 })
  await send('PutProvisionedConcurrencyConfig', { FunctionName, Qualifier: '1', ProvisionedConcurrentExecutions: 1 })
  await send('PutFunctionEventInvokeConfig', { FunctionName, MaximumRetryAttempts: 1 })
  await send('AddPermission', { FunctionName, StatementId: 'one', Action: 'lambda:InvokeFunction', Principal: '*' })
  await send('AddPermission', { FunctionName, StatementId: 'two', Action: 'lambda:InvokeFunction', Principal: '*' })
  await send('AddLayerVersionPermission', { LayerName: 'shared', VersionNumber: 1, StatementId: 'one', Action: 'lambda:GetLayerVersion', Principal: '*' })
  const client = signerClient(app.admin)
  const put = { profileName: 'kept', platformId: 'AWSLambda-SHA384-ECDSA' }
  made.key = (await client.send(new signerSdk.PutSigningProfileCommand(put))).profileVersion ?? ''
  const grant = { profileName: 'kept', action: 'signer:StartSigningJob', principal: '111111111111', statementId: 'one' }
  made.revision = (await client.send(new signerSdk.AddProfilePermissionCommand(grant))).revisionId ?? ''
  client.destroy()
  const set = (method: 'PUT', path: string, content: unknown) =>
    governance(app.admin, { method, path, body: content })
  await set('PUT', '/freezes/held', { reason: 'r' })
  await set('PUT', '/freeze-windows/kept', { timeZone: 'UTC', scope: 'held', ranges: [], holidays: ['2030-01-01'] })
  await set('PUT', '/promotion-rules/held%3Aprod', { from: 'staging', soakMs: 1 })
  await set('PUT', '/floors/held/prod', { soakMs: 1 })
  await set('PUT', '/functions/held/reach', { mode: 'aliases', direct: [] })
  for (const name of ['on', 'off'])
    await governance(app.admin, { method: 'POST', path: '/webhooks', body: { name, url: 'https://hooks.invalid/', filter: { types: ['nothing'] } } })
  await governance(app.admin, { method: 'POST', path: '/webhooks/off/disable' })
  await set('PUT', '/reactions/held', { reaction: 'alert' })
  await app.deps.store.transaction(async (tx) => {
    const hold = { id: HOLD, aliases: 11, through: 0, opened_at: 0, state: 'open' as const, settled_at: null, settled_by: null }
    await tx.insertInto('reaction_hold').values(hold).execute()
    // Nothing waits for it, so that the service would close it by itself.
    await sql`create trigger hold_stays before update on reaction_hold begin select raise(ignore); end`.execute(tx)
    const refusal = { function_name: FunctionName, version: '2', release: 'r', reason: 'r', refused_at: 0 }
    await tx.insertInto('version_refusal').values(refusal).execute()
  })
  const forbid = compilePolicySet([{ name: 'none.cedar', text: 'forbid (principal, action, resource);' }])
  askInstead(app, { name: 'none', set: forbid })
}) // prettier-ignore
afterAll(() => app[Symbol.asyncDispose]())

describe('every operation has a row', () => {
  test('of Lambda', () => {
    expect(OPERATIONS.map(([name]) => name).filter((name) => rowOf(name) === undefined)).toEqual([])
  })

  test('of Signer', () => {
    const names = SIGNER_OPERATIONS.map(([name]) => name)
    expect(
      names.filter((name) => !/^(?:Get|List|Describe)/.test(name) && signer[name] === undefined),
    ).toEqual([])
  })

  test('of the governance API', async () => {
    const { body: document } = await governance<{
      paths: Record<string, Record<string, unknown>>
    }>(app.admin, { path: '/openapi.json' })
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'get')
        .map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '')}`),
    )

    expect(listed.length).toBeGreaterThan(15)
    expect(listed.filter((name) => routes[name] === undefined)).toEqual([])
  })
})

test('every form of the console is a route or an operation that has a row', () => {
  const posts = PAGES.filter(({ method }) => method === 'POST').map(({ path }) => `POST ${path}`)

  expect(posts.toSorted()).toEqual(Object.keys(forms).toSorted())
  const known = [...Object.keys(routes), ...OPERATIONS.map(([name]) => name)]
  expect(Object.values(forms).filter(({ is }) => !known.includes(is))).toEqual([])
})

describe('under a set that forbids everything', () => {
  const sent = Object.entries(forms).filter(([, { form }]) => form !== undefined)
  test.each(sent)('the console: %s is refused and changes nothing', async (_name, { path = '', form = {} }) => {
    const visitor = await openConsole(app.admin)
    const before = await everything()

    const answer = await visitor.post(path, form)
    const { plan: _plan, ...unplanned } = form
    const without = form['plan'] === undefined ? undefined : await visitor.post(path, unplanned)

    const text = await answer.text()
    if (without === undefined) {
      expect(answer.status).toBe(403)
      await expectDecision(/dec-[0-9A-Z]{26}/.exec(text)?.[0])
    } else {
      // No plan of this installation says so; and what shows its plan first takes nothing without one.
      expect([409, 412]).toContain(answer.status)
      expect(without.status).toBe(400)
    }
    expect(await everything()).toEqual(before)
  }) // prettier-ignore

  const rows = OPERATIONS.map(([name]) => [name, rowOf(name)] as const)
  const isGated = ([, row]: (typeof rows)[number]): boolean => row?.kind === 'gated'

  test.each(rows.filter(isGated))('%s is refused, with a decision, and changes nothing', async (name, row) => {
    const before = await everything()

    const refused = await refusalOf(send(name, row?.kind === 'gated' ? row.input() : {}))

    expect(refused).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    await expectDecision(refused.decisionId)
    expect(await everything()).toEqual(before)
  }) // prettier-ignore

  test.each(Object.entries(signer).filter(([, row]) => row.kind === 'gated'))(
    'Signer: %s is refused, with a decision, and changes nothing',
    async (name, row) => {
      const before = await everything()
      const client = signerClient(app.admin)
      const Operation = (signerSdk as unknown as Sdk)[`${name}Command`]!
      const input = row.kind === 'gated' ? row.input() : {}

      const refused = await refusalOf(client.send(new Operation(input)))

      client.destroy()
      expect(refused.status).toBe(403)
      await expectDecision(refused.decisionId)
      expect(await everything()).toEqual(before)
    },
  )

  const calls = Object.entries(routes).filter(([, call]) => typeof call !== 'string')
  test.each(calls)('%s is refused, with a decision, and changes nothing', async (name, call) => {
    const before = await everything()
    const [method = '', path = ''] = name.split(' ')
    const own = typeof call === 'string' ? {} : call
    const id = made.loose.split(':').at(-1) ?? ''
    const target = own.path === '' ? `/code-signing-configs/${id}/requirements` : (own.path ?? path)

    const answer = await governance(app.admin, {
      method: method as 'POST' | 'PUT',
      path: target,
      ...(own.body === undefined ? {} : { body: own.body }),
    })

    expect([answer.status, answer.body]).toEqual([403, expect.anything()])
    await expectDecision(answer.headers.get('x-lacre-decision-id'))
    expect(await everything()).toEqual(before)
  })

  const without = (action: string): string =>
    `permit (principal, action, resource); forbid (principal, action == Lacre::Action::"${action}", resource);`

  test('publishing on create and on upload is asked as a publish too', async () => {
    const publish = { ZipFile: code() }
    const whole = {
      FunctionName: 'new', Runtime: 'nodejs20.x', Handler: 'index.handler', Role: role, Code: publish, Publish: true,
    } // prettier-ignore
    const refused = await withPolicies(without('lambda:PublishVersion'), async () => [
      await refusalOf(send('CreateFunction', whole)),
      await refusalOf(send('UpdateFunctionCode', { FunctionName, ...publish, Publish: true })),
    ])

    for (const one of refused) {
      expect(one).toMatchObject({ name: 'AccessDeniedException', status: 403 })
      await expectDecision(one.decisionId)
    }
  })

  test('an upload under an alias that points to $LATEST is asked as a move of that alias too', async () => {
    await withPolicies('permit (principal, action, resource);', () =>
      send('CreateAlias', { FunctionName, Name: 'edge', FunctionVersion: '$LATEST' }),
    )
    const upload = () => send('UpdateFunctionCode', { FunctionName, ZipFile: code() })

    const refused = await withPolicies(without('lambda:UpdateAlias'), () => refusalOf(upload()))

    expect(refused).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    await expectDecision(refused.decisionId)
    await withPolicies('permit (principal, action, resource);', async () => {
      await governance(app.admin, { method: 'PUT', path: `/freezes/${FunctionName}%3Aedge`, body: { reason: 'r' } })
      expect(await refusalOf(upload())).toMatchObject({ status: 403 })
      await send('DeleteAlias', { FunctionName, Name: 'edge' })
      await expect(upload()).resolves.toBeDefined()
    })
  }) // prettier-ignore

  test('a function that is reached by its aliases alone is invoked by no version number', async () => {
    const reach = { method: 'PUT', path: `/functions/${FunctionName}/reach` } as const
    await withPolicies('permit (principal, action, resource);', () =>
      governance(app.admin, { ...reach, body: { mode: 'aliases', direct: [] } }),
    )

    for (const Qualifier of ['1', '2', '$LATEST', undefined])
      expect(await refusalOf(send('Invoke', { FunctionName, Qualifier }))).toMatchObject({
        name: 'AccessDeniedException',
        status: 403,
      })
    const widened = await governance(app.admin, { ...reach, body: { mode: 'all', direct: [] } })
    expect(widened.status).toBe(403)
    await expectDecision(widened.headers.get('x-lacre-decision-id'))
  })

  test('taking a denial away lets in whom it kept out: refused, alone and with its whole policy', async () => {
    const ResourceArn = `${functionArn}:live`
    const frame = { Principal: '*', Action: 'lambda:InvokeFunctionUrl', Resource: ResourceArn }
    const Statement = [
      { Sid: 'yes', Effect: 'Allow', ...frame },
      { Sid: 'no', Effect: 'Deny', ...frame },
    ]
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
    await withPolicies('permit (principal, action, resource);', () =>
      send('PutResourcePolicy', { ResourceArn, Policy }),
    )
    const before = await everything()
    const remove = (StatementId: string) =>
      send('RemovePermission', { FunctionName, Qualifier: 'live', StatementId })

    for (const opening of [remove('no'), send('DeleteResourcePolicy', { ResourceArn })]) {
      const refused = await refusalOf(opening)
      expect(refused).toMatchObject({ name: 'AccessDeniedException', status: 403 })
      await expectDecision(refused.decisionId)
    }
    expect(await everything()).toEqual(before)
    // Who may put a policy in place of another may do it by taking a statement out.
    await withPolicies('permit (principal, action == Lacre::Action::"lambda:PutResourcePolicy", resource);', () => remove('no'))
    await expect(remove('yes')).resolves.toBeDefined()
  }) // prettier-ignore

  test('what leaves passes, and the function is gone with all that led to it', async () => {
    for (const [name, row] of Object.entries(changes)) {
      if (row.kind !== 'leaves') continue
      if (name === 'DeleteAlias')
        // Nothing is provisioned any more: switching off is leaving.
        await send('PutFunctionConcurrency', { FunctionName, ReservedConcurrentExecutions: 0 })
      await expect(send(name, row.input()), name).resolves.toBeDefined()
    }
    const again = await refusalOf(
      send('CreateFunction', {
        FunctionName, Runtime: 'nodejs20.x', Handler: 'index.handler', Role: role, Code: { ZipFile: code() },
      }),
    ) // prettier-ignore

    expect(again).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    await expectDecision(again.decisionId)
  })
})

async function withPolicies<T>(text: string, work: () => Promise<T>): Promise<T> {
  const set = compilePolicySet([{ name: 'some.cedar', text }])
  const giveBack = askInstead(app, { name: 'some', set })
  try {
    return await work()
  } finally {
    giveBack()
  }
}
