import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { OPERATIONS } from '../../services/http/lambda/operations-table.ts'
import { TestIssuer } from '../support/authority.ts'
import { Canaries, lookAtCommandLines } from '../support/canaries.ts'
import type { AdminFile } from '../support/client.ts'
import { lacre } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { createActive } from '../support/functions.ts'
import { nodePackage, zipOf } from '../support/packages.ts'
import { OidcVisitor } from '../support/oidc-visitor.ts'
import { startService, type Service } from '../support/service.ts'
import { CLIENT_ID, SignInIssuer, type Hostile } from '../support/sign-in-issuer.ts'
import { signWithSmithy } from '../support/signers.ts'
import { askUrl, openUrl } from '../support/urls.ts'

/** Answers that show a function's configuration, or hand something over once. */
/** The function answers what it was given. */
const INVOKED = /^answer 200 Invoke/
const SUCCESS = /^answer 2\d\d /
const ENVIRONMENT =
  /^answer 2\d\d |^(?:row|file) lacre\.db(?:-wal)?(?: function_version\.configuration)?$/
const EVENT = /^answer 2\d\d |^(?:row|file) events\.db(?:-wal)?(?: \w+\.\w+)?$/
const OWN_FILE = /^answer 2\d\d |^file admin\.json$/

const secrets = new Canaries()
const inEnvironment = secrets.make('a value of a function’s environment', ENVIRONMENT)
const inBadEnvironment = secrets.make('a value of an environment that was refused', INVOKED)
// AWS’s words quote what was measured, to the one who sent it.
const inLargeEnvironment = secrets.make(
  'a value of an environment that is too large',
  /^answer 400 \w+ environment-large$|^answer 200 Invoke/,
)
const inPayload = secrets.make('a payload', SUCCESS)
const inEvent = secrets.make('the payload of an event', EVENT)
const inContext = secrets.make('a client context')
const inUrl = secrets.make('a header and a body to a function URL', SUCCESS)
const inToken = secrets.make('a bearer token')
const inSessionToken = secrets.make('a session token')
const inQuery = secrets.make('a query')
const inCookie = secrets.make('a cookie')
const inHookPath = secrets.make(
  'the path of a webhook',
  /^answer 2\d\d |^(?:row|file) lacre\.db(?:-wal)?(?: webhook\.url)?$/,
)
const inBody = secrets.make('a body that was refused', INVOKED)
const wrongSecret = secrets.make('a secret key that is wrong')
const passphrase = secrets.make('a passphrase')
const masterKey = secrets.make('the master key', undefined, randomBytes(32).toString('base64'))

const LARGE = 'x'.repeat(4_096)
const FunctionName = 'keeper'
const bodiesOf = (valid: object): Readonly<Record<string, string>> => {
  const variants: Record<string, unknown> = {
    'environment-list': { Variables: { KEY: [inBadEnvironment] } },
    'environment-object': { Variables: { KEY: { value: inBadEnvironment } } },
    'environment-text': { Variables: inBadEnvironment },
    'environment-flat': inBadEnvironment,
    'environment-name': { Variables: { 'no name': inBadEnvironment } },
    'environment-reserved': { Variables: { AWS_REGION: inBadEnvironment } },
    'environment-large': { Variables: { KEY: inLargeEnvironment, LARGE } },
  }
  return {
    ...Object.fromEntries(
      Object.entries(variants).map(([name, Environment]) => [
        name,
        JSON.stringify({ ...valid, Environment }),
      ]),
    ),
    'cut off': JSON.stringify({ ...valid, Secret: inBody }).slice(0, -2),
    twice: `{"Secret":"${inBody}","Secret":"${inBody}"}`,
    'no object': JSON.stringify(inBody),
    'unknown member': JSON.stringify({ ...valid, Secret: { value: inBody } }),
  }
}

let service: Service
let issuer: TestIssuer
let provider: SignInIssuer
let secretDir: string
let admin: AdminFile
const statuses = new Map<number, number>()

interface Sent {
  readonly what: string
  readonly method: string
  /** Percent-encoded, with its query. */
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Signed by this; by nothing where it is `null`. */
  readonly keys?: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
}

/** Sends it and looks at the whole answer. */
async function send(sent: Sent): Promise<string> {
  const { host } = new URL(admin.endpoint)
  const { body = '', keys = admin } = sent
  const [path = '', search = ''] = sent.path.split('?')
  const query = Object.fromEntries(new URLSearchParams(search))
  const type = { host, 'content-type': 'application/json', ...sent.headers }
  const signed = await signWithSmithy(keys ?? admin, {
    ...sent,
    path,
    query,
    headers: type,
    service: 'lambda',
    region: admin.region,
    body,
  })
  const headers = keys === null ? (sent.headers ?? {}) : signed.headers
  const { host: _, ...rest } = headers as Record<string, string>
  const url = admin.endpoint + (keys === null ? sent.path : signed.url)
  const answer = await fetch(url, {
    method: sent.method,
    headers: rest,
    ...(body === '' ? {} : { body }),
  })
  const text = await answer.text()
  statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
  secrets.look(`answer ${answer.status} ${sent.what}`, JSON.stringify([...answer.headers]) + text)
  return text
}

const ARN = 'us-east-1:000000000000'
const LABELS: Readonly<Record<string, string>> = {
  FunctionName,
  LayerName: 'layer',
  Name: 'live',
  UUID: '00000000-0000-4000-8000-000000000000',
  VersionNumber: '1',
}
/** What operations cannot do without; each takes what it knows. */
const MEMBERS = {
  Role: 'arn:aws:iam::000000000000:role/lambda-role',
  Runtime: 'nodejs20.x',
  Handler: 'index.handler',
  FunctionVersion: '1',
  Code: { ZipFile: nodePackage(1).toString('base64') },
  Content: { ZipFile: nodePackage(1).toString('base64') },
  AllowedPublishers: {
    SigningProfileVersionArns: [`arn:aws:signer:${ARN}:/signing-profiles/p/0123456789`],
  },
}

const CODE = `
exports.handler = async (event, context) => {
  if (event.mode === 'throw') throw new Error('on purpose')
  if (event.mode === 'exit') process.exit(3)
  if (event.mode === 'late') await new Promise((resolve) => setTimeout(resolve, 60_000))
  if (event.mode === 'hog') { const held = []; for (;;) held.push(Buffer.alloc(1 << 24, 1)) }
  if (event.mode === 'large') return 'x'.repeat(7_000_000)
  return { event, secret: process.env.SECRET }
}`

beforeAll(async () => {
  issuer = await TestIssuer.start()
  provider = await SignInIssuer.start()
  secretDir = mkdtempSync(join(tmpdir(), 'lacre-oidc-secret-'))
  writeFileSync(join(secretDir, 'client'), provider.clientSecret)
  secrets.make('a client secret', undefined, provider.clientSecret)
  service = await startService({
    env: {
      LACRE_MASTER_KEY: masterKey,
      LACRE_LOG_LEVEL: 'debug',
      LACRE_EVENT_DELAY_SCALE: '0.001',
    },
    args: [
      '--open-metrics',
      '--oidc-issuer',
      issuer.url,
      '--oidc-audience',
      'lacre-test',
      '--oidc-insecure',
      issuer.url,
      provider.url,
      '--console-oidc-issuer',
      provider.url,
      '--console-oidc-client-id',
      CLIENT_ID,
      '--console-oidc-client-secret-file',
      join(secretDir, 'client'),
      '--allow-source',
      '127.0.0.1',
    ],
  })
  admin = service.admin
  secrets.make('the secret key of the administrator', OWN_FILE, admin.secretAccessKey)
  const client = service.client()
  await createActive(client, FunctionName, {
    Code: { ZipFile: zipOf({ 'index.js': CODE }) },
    Timeout: 1,
    Environment: { Variables: { SECRET: inEnvironment } },
  })
  client.destroy()
}, 60_000)
afterAll(async () => {
  await service[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
  rmSync(secretDir, { recursive: true, force: true })
})

test('every operation of Lambda, with what it takes and what it refuses', async () => {
  const removing = (name: string): number => Number(/^(?:Delete|Remove)/.test(name))
  for (const [name, method, template] of OPERATIONS.toSorted(
    (a, b) => removing(a[0]) - removing(b[0]),
  )) {
    const path = template.replaceAll(/\{(\w+)\}/g, (_, label: string) =>
      encodeURIComponent(
        name === 'DeleteFunction'
          ? 'nobody'
          : (LABELS[label] ?? `arn:aws:lambda:${ARN}:function:${FunctionName}`),
      ),
    )
    const at = { method, path }
    await send({
      ...at,
      what: `${name} unsigned`,
      keys: null,
      headers: { cookie: `__Host-lacre=${inCookie}` },
    })
    await send({
      ...at,
      what: `${name} token`,
      keys: null,
      headers: { authorization: `Bearer ${inToken}` },
    })
    await send({
      ...at,
      what: `${name} session`,
      headers: { 'x-amz-security-token': inSessionToken },
    })
    await send({
      ...at,
      path: `${path}${path.includes('?') ? '&' : '?'}Marker=${inQuery}`,
      what: `${name} query`,
    })
    if (method === 'GET' || method === 'DELETE') continue
    const valid = { FunctionName: `made-${name}`, LayerName: 'layer', Name: 'live', ...MEMBERS }
    for (const [what, body] of Object.entries(bodiesOf(valid))) {
      await send({ ...at, body, what: `${name} ${what}` })
    }
    const body = JSON.stringify({ Secret: inBody })
    const keys = { ...admin, secretAccessKey: wrongSecret }
    await send({ ...at, body, keys, what: `${name} wrong key` })
    await send({
      ...at,
      body,
      keys: { ...keys, accessKeyId: 'AKIANOBODYNOBODYNOBO' },
      what: `${name} no key`,
    })
    await send({
      ...at,
      body,
      headers: { 'x-amz-content-sha256': '0'.repeat(64) },
      what: `${name} other body`,
    })
  }

  expect(statuses.get(200) ?? 0).toBeGreaterThan(10)
  expect(statuses.get(400) ?? 0).toBeGreaterThan(200)
  expect(statuses.get(403) ?? 0).toBeGreaterThan(200)
  expect(secrets.take()).toEqual([])
}, 120_000)

test('every route of our own API', async () => {
  const document = JSON.parse(
    await send({ what: 'GET /openapi.json', method: 'GET', path: '/api/v1/openapi.json' }),
  ) as {
    paths: Record<string, Record<string, { requestBody?: unknown }>>
  }
  let routes = 0
  for (const [template, methods] of Object.entries(document.paths)) {
    const path = template.replaceAll(/\{\w+\}/g, 'nothing')
    for (const lower of Object.keys(methods)) {
      const method = lower.toUpperCase()
      const what = `${method} ${template}`
      const at = { method, path }
      routes += 1
      await send({ ...at, what: `${what} unsigned`, keys: null, headers: { cookie: inCookie } })
      await send({
        ...at,
        what: `${what} token`,
        keys: null,
        headers: { authorization: `Bearer ${inToken}` },
      })
      await send({ ...at, path: `${path}?secret=${inQuery}`, what: `${what} query` })
      if (method === 'GET') continue
      for (const [variant, body] of Object.entries(bodiesOf({ reason: 'r' })))
        await send({ ...at, body, what: `${what} ${variant}` })
      await send({
        ...at,
        body: JSON.stringify({ url: [inBody], document: inBody, secret: inBody }),
        what: `${what} types`,
      })
    }
  }

  expect(routes).toBeGreaterThan(80)
  expect(secrets.take()).toEqual([])
}, 120_000)

test('keys, tokens and webhooks that are made and used', async () => {
  const made = JSON.parse(
    await send({
      what: 'POST /access-keys',
      method: 'POST',
      path: '/api/v1/access-keys',
      body: '{}',
    }),
  ) as { secretAccessKey: string }
  secrets.make('the secret key of another', undefined, made.secretAccessKey)
  await send({ what: 'GET /access-keys', method: 'GET', path: '/api/v1/access-keys' })

  const url = `http://127.0.0.1:1/${inHookPath}`
  const hooks = '/api/v1/webhooks'
  const hook = JSON.parse(
    await send({
      what: 'POST /webhooks',
      method: 'POST',
      path: hooks,
      body: JSON.stringify({ name: 'hook', url }),
    }),
  ) as { secret: string }
  secrets.make('the secret of a webhook', undefined, hook.secret.replace(/^whsec_/, ''))
  await send({ what: 'POST test', method: 'POST', path: `${hooks}/hook/test` })
  await send({ what: 'GET deliveries', method: 'GET', path: `${hooks}/hook/deliveries` })
  await send({
    what: 'POST /webhooks bad',
    method: 'POST',
    path: hooks,
    body: JSON.stringify({ name: 'bad', url: `http://169.254.169.254/${inBody}` }),
  })

  const sub = 'repo:acme/shop:ref:refs/heads/main'
  for (const claims of [
    { aud: 'lacre-test', sub },
    { aud: 'else', sub },
    { aud: 'lacre-test', sub, exp: 1 },
  ]) {
    const token = await issuer.token(claims)
    secrets.make(`a token for ${claims.aud}`, undefined, token.split('.').at(-1))
    await send({
      what: 'token',
      method: 'GET',
      path: '/2015-03-31/functions',
      keys: null,
      headers: { authorization: `Bearer ${token}` },
    })
  }

  expect(hook.secret.length).toBeGreaterThan(30)
  expect(secrets.take()).toEqual([])
})

test('people who sign in to the console by an identity provider, and who do not', async () => {
  await send({
    what: 'POST /principals',
    method: 'POST',
    path: '/api/v1/principals',
    body: JSON.stringify({
      kind: 'user',
      name: 'ada',
      roles: ['auditor'],
      identity: { issuer: provider.url, subject: 'ada', claims: {} },
    }),
  })
  const visitor = new OidcVisitor({ url: admin.endpoint }, provider)
  const wrong: Hostile[] = [
    {},
    { claims: { nonce: 'other' } },
    { claims: { iss: 'https://other.example' } },
    { claims: { exp: 1 } },
    { idToken: async (claims) => `${await provider.sign(claims)}x` },
    { answer: { token_type: 'other' } },
    { answer: { access_token: 7 } },
    { back: { code: 'other' } },
    { back: { error: 'access_denied' } },
    { back: { iss: 'https://other.example' } },
  ]
  const answers: number[] = []
  const open: string[] = []
  for (const [at, hostile] of wrong.entries()) {
    provider.hostile = hostile
    const begun = await visitor.begin()
    const ended = await visitor.comeBack(await visitor.authorize(begun), begun.cookie)
    answers.push(ended.status)
    // What the browser keeps is for it alone: state, nonce, verifier and code are in no answer, nor is a token.
    for (const secret of provider.secrets.splice(0))
      if (secret.length > 20) secrets.make(`what a sign-in is made of (${at})`, undefined, secret)
    secrets.look(`answer ${ended.status} callback`, JSON.stringify([...ended.headers]) + ended.page)
    const [, session = ''] = ended.session.split('=')
    if (session !== '') open.push(secrets.make('a session', /^answer 200 callback/, session))
    secrets.make('a cookie of a sign-in', /^answer 303/, begun.cookie.split('.')[1])
  }

  expect(answers[0]).toBe(200)
  expect(new Set(answers.slice(1))).toEqual(new Set([403, 502]))
  expect(open).toHaveLength(1)
  expect(secrets.take()).toEqual([])
})

test('invocations that work and that fail, events, and requests to a URL', async () => {
  const path = `/2015-03-31/functions/${FunctionName}/invocations`
  const invoke = (
    mode: string,
    secret: string,
    headers: Record<string, string> = {},
  ): Promise<string> =>
    send({
      what: `Invoke ${mode}`,
      method: 'POST',
      path,
      body: JSON.stringify({ mode, secret }),
      headers,
    })
  const context = Buffer.from(JSON.stringify({ custom: { secret: inContext } })).toString('base64')
  const answer = await invoke('well', inPayload, { 'x-amz-client-context': context })
  lookAtCommandLines(secrets)
  for (const mode of ['throw', 'exit', 'late', 'large']) await invoke(mode, inPayload)
  await invoke('context', inPayload, { 'x-amz-client-context': `{${inContext}` })
  await send({ what: 'Invoke no JSON', method: 'POST', path, body: `{"secret": ${inPayload}` })
  await send({
    what: 'Invoke nobody',
    method: 'POST',
    path: path.replace(FunctionName, 'nobody'),
    body: JSON.stringify({ inPayload }),
  })
  await invoke('throw', inEvent, { 'x-amz-invocation-type': 'Event' })
  const dead = (): Promise<string> =>
    send({ what: 'GET /events', method: 'GET', path: '/api/v1/events' })
  await eventually(dead).toContain('dead')

  const client = service.client()
  const opened = await openUrl(client, FunctionName)
  client.destroy()
  const { port } = new URL(opened.functionUrl)
  for (const mode of ['well', 'throw']) {
    const reply = await askUrl(`http://127.0.0.1:${port}`, opened.host, {
      method: 'POST',
      headers: { authorization: `Own ${inUrl}`, 'x-secret': inUrl },
      path: `/${inUrl}?mode=${mode}&secret=${inUrl}`,
      body: inUrl,
    })
    secrets.look(`answer ${reply.status} URL`, JSON.stringify(reply.headers) + reply.text)
  }

  expect(answer).toContain(inPayload)
  expect(answer).toContain(inEnvironment)
  expect(secrets.take()).toEqual([])
})

test('commands that fail', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-secrets-'))
  try {
    const at = (file: string): string => join(dir, file)
    writeFileSync(at('code.zip'), nodePackage(1))
    writeFileSync(at('passphrase'), `${passphrase}\n`)
    const keys = {
      AWS_ENDPOINT_URL: admin.endpoint,
      AWS_ACCESS_KEY_ID: admin.accessKeyId,
      AWS_SECRET_ACCESS_KEY: wrongSecret,
    }
    const made = lacre([
      'key',
      'create',
      '--out',
      at('sealed.pem'),
      '--passphrase-file',
      at('passphrase'),
    ])
    secrets.look('the command that makes a key', made.stdout + made.stderr)
    const failing: readonly (readonly [readonly string[], Record<string, string>])[] = [
      [['invoke', FunctionName, '--payload', JSON.stringify({ inPayload })], keys],
      [['invoke', FunctionName, '--payload', `{"secret": ${inPayload}`], keys],
      [['webhook', 'list'], keys],
      [
        [
          'webhook',
          'create',
          'x',
          '--url',
          `ftp://nowhere.example/${inHookPath}`,
          '--data',
          service.data,
        ],
        {},
      ],
      [['access-key', 'list', '--json'], keys],
      [['sign', at('code.zip'), '--key', at('sealed.pem')], { COSIGN_PASSWORD: `${passphrase}x` }],
      [
        [
          'sign',
          at('code.zip'),
          '--keyless',
          '--fulcio-url',
          'http://127.0.0.1:1',
          '--identity-token',
          inToken,
        ],
        {},
      ],
      [
        ['sign', at('code.zip'), '--keyless', '--fulcio-url', 'http://127.0.0.1:1'],
        { SIGSTORE_ID_TOKEN: inToken },
      ],
      [['serve', '--data', at('data'), '--listen', '127.0.0.1:0'], { LACRE_MASTER_KEY: inBody }],
      [['ledger', 'verify', '--data', at('nothing')], { LACRE_MASTER_KEY: masterKey }],
    ]
    for (const [args, environment] of failing) {
      const run = lacre(args, environment)
      secrets.look(`what \`lacre ${args[0]}\` prints`, run.stdout + run.stderr)
      expect(run.status, args.join(' ')).not.toBe(0)
    }
    expect(
      lacre(['sign', at('code.zip'), '--key', at('sealed.pem')], { COSIGN_PASSWORD: passphrase })
        .status,
    ).toBe(0)
    rmSync(at('passphrase'))
    secrets.lookInDirectory(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }

  expect(secrets.take()).toEqual([])
}, 120_000)

test('faults of our own', async () => {
  const tables = ['function_version', 'access_key', 'webhook', 'alias', 'revocation']
  const db = new Database(join(service.data, 'lacre.db'))
  const rename = (from: string, to: string): void =>
    void db.exec(`alter table ${from} rename to ${to}`)
  db.pragma('legacy_alter_table = on')
  db.pragma('foreign_keys = off')
  const before = statuses.get(500) ?? 0
  for (const table of tables) rename(table, `${table}_gone`)
  try {
    const Environment = { Variables: { SECRET: inEnvironment } }
    const Code = { ZipFile: nodePackage(2).toString('base64') }
    const functions = '/2015-03-31/functions'
    await send({
      what: 'CreateFunction fault',
      method: 'POST',
      path: functions,
      body: JSON.stringify({ ...MEMBERS, FunctionName: 'more', Code, Environment }),
    })
    await send({
      what: 'UpdateFunctionConfiguration fault',
      method: 'PUT',
      path: `${functions}/${FunctionName}/configuration`,
      body: JSON.stringify({ Environment }),
    })
    await send({ what: 'GetFunction fault', method: 'GET', path: `${functions}/${FunctionName}` })
    await send({
      what: 'POST /webhooks fault',
      method: 'POST',
      path: '/api/v1/webhooks',
      body: JSON.stringify({ name: 'other', url: `https://hooks.example.com/${inHookPath}` }),
    })
    await send({
      what: 'POST /access-keys fault',
      method: 'POST',
      path: '/api/v1/access-keys',
      body: '{}',
    })
    await send({
      what: 'Invoke fault',
      method: 'POST',
      path: `${functions}/nobody/invocations`,
      body: JSON.stringify({ inPayload }),
    })
  } finally {
    for (const table of tables) rename(`${table}_gone`, table)
    db.close()
  }

  expect((statuses.get(500) ?? 0) - before).toBeGreaterThan(3)
  expect(secrets.take()).toEqual([])
})

test('nothing of all that is in logs, metrics, the ledger, files, or what other processes show', async () => {
  const metrics = await (await fetch(`${admin.endpoint}/metrics`)).text()
  secrets.look('metrics', metrics)
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    lookAtChild(Number(pid))
  secrets.lookInDirectory(service.data)
  const out = mkdtempSync(join(tmpdir(), 'lacre-secrets-'))
  for (const format of ['entries', 'jsonl', 'ocsf', 'csv']) {
    const run = lacre([
      'ledger',
      'export',
      '--data',
      service.data,
      '--format',
      format,
      '--out',
      join(out, format),
    ])
    secrets.look(`what the export as ${format} prints`, run.stdout + run.stderr)
    expect(run.status, run.stderr).toBe(0)
  }
  secrets.lookInDirectory(out)
  rmSync(out, { recursive: true, force: true })
  await service.stop()
  secrets.lookInDirectory(service.data)
  secrets.look('the log', service.log)
  secrets.look('standard output', service.output)

  expect(metrics).toContain('lacre_requests_total')
  expect(service.log.split('\n').length).toBeGreaterThan(1_000)
  expect(secrets.take()).toEqual([])
  expect(secrets.looked).toBeGreaterThan(1_500)
}, 60_000)

test('what was looked for can be found: each in the form it would have in a log, a token or a dump', () => {
  const all = new Canaries()
  const value = all.make('a secret')
  const texts = [
    value,
    Buffer.from(`x${value}`).toString('base64'),
    Buffer.from(`xy${value}z`).toString('base64url'),
    Buffer.from(value).toString('hex'),
  ]
  for (const [index, text] of texts.entries()) all.look(`place ${index}`, `{"message":"${text}"}`)
  all.look('another place', 'nothing')

  expect(all.take()).toEqual(texts.map((_, index) => `a secret in place ${index}`))
})

/** The environment of what the service started: the spawner and what prepares sandboxes, which run as root. */
function lookAtChild(pid: number): void {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (parent !== service.pid) return
    secrets.look('the environment of a child', readFileSync(`/proc/${pid}/environ`))
  } catch {
    // It has ended.
  }
}
