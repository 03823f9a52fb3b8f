import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { afterAll, beforeEach, describe, expect, test } from 'vitest'

import { verifyLedger } from '../../../services/audit/index.ts'
import { compilePolicySet } from '../../../services/policy/index.ts'
import { startTestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { askInstead } from '../../support/policies.ts'
import { answering, eventsOf, startReceiver, type Received } from '../../support/receiver.ts'
import { CreateFunctionCommand } from '@aws-sdk/client-lambda'

const app = await startTestApp({ allowSource: ['127.0.0.0/8'], openMetrics: true })
const receiver = await startReceiver()
const folder = mkdtempSync(join(tmpdir(), 'lacre-hooks-'))
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Shown {
  readonly name: string
  readonly url: string
  readonly state: string
  readonly disabledReason: string | null
  readonly pending: number
  readonly dead: number
}
interface Delivered {
  readonly id: number
  readonly index: number | null
  readonly attempt: number
  readonly outcome: string
  readonly status: number | null
  readonly answer: string
}

const post = async <T = Record<string, unknown>>(path: string, body?: unknown) =>
  await governance<T>(app.admin, {
    method: 'POST',
    path,
    ...(body === undefined ? {} : { body }),
    // Two equal calls within seconds are legitimate here.
    headers: { 'x-lacre-test': String(calls++) },
  })
const get = async <T>(path: string) => (await governance<T>(app.admin, { path })).body
const show = async (name: string) => (await get<{ webhook: Shown }>(`/webhooks/${name}`)).webhook
const deliveries = async (name: string) =>
  (await get<{ deliveries: Delivered[] }>(`/webhooks/${name}/deliveries`)).deliveries
const create = async (name: string, filter: object = {}, path = name) =>
  await post<{ secret: string; webhook: Shown }>('/webhooks', {
    name,
    url: `${receiver.url}${path}`,
    filter,
  })
/** Until what it answers is called. */
const forbidAll = () => {
  const file = { name: 'none.cedar', text: 'forbid (principal, action, resource);' }
  return askInstead(app, { name: 'none', set: compilePolicySet([file]) })
}
/** A governed change that costs little. */
const freeze = async (scope: string) => {
  const call = { method: 'PUT', path: `/freezes/${encodeURIComponent(scope)}` } as const
  return await governance(app.admin, { ...call, body: { reason: `r${calls++}` } })
}
const to = (path: string): Received[] => receiver.got.filter((one) => one.path === `/${path}`)
const entriesOfType = async (type: string) => {
  const rows = await app.deps.store.reader.selectFrom('ledger_entry').select('body').execute()
  return rows
    .map(({ body }) => JSON.parse(body) as { type: string; resource: string; note?: unknown })
    .filter((entry) => entry.type === type)
}

let calls = 0
beforeEach(async () => {
  for (const { name } of (await get<{ webhooks: Shown[] }>('/webhooks')).webhooks)
    await post(`/webhooks/${name}/delete`)
  receiver.got.length = 0
  receiver.answer = answering(200)
})

describe('a webhook', () => {
  test('is told of an entry after its commit, in a signed CloudEvent that is held against the ledger', async () => {
    const { status, body, headers } = await create('all')
    const changed = await freeze('shop:prod')

    await eventually(() => to('all').length).toBe(1)

    expect(status).toBe(201)
    expect(headers.get('x-lacre-decision-id')).toMatch(/^dec-/)
    const [received] = to('all')
    const [event] = eventsOf(to('all'))
    const { origin } = app.deps.audit
    expect(received?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
    expect(event).toMatchObject({
      specversion: '1.0',
      source: origin,
      type: 'lacre.ledger.change',
      subject: 'arn:aws:lambda:us-east-1:000000000000:function:shop:prod',
      data: {
        action: 'lacre:PutFreeze',
        principal: { kind: 'user', name: 'admin' },
        decision: { id: changed.headers.get('x-lacre-decision-id'), outcome: 'allow' },
      },
    })
    expect(received?.headers['webhook-id']).toBe(event?.id)
    expect(event?.id).toMatch(new RegExp(`^[0-9a-f]{16}-${event?.data.index}$`))
    const { entries } = (await governance<{ entries: { body: string; leafHash: string }[] }>(app.admin, { path: '/ledger/entries', query: { limit: '256' } })).body
    const entry = entries[event?.data.index ?? -1]
    expect(event?.data['leafHash']).toBe(entry?.leafHash)
    expect(JSON.parse(entry?.body ?? '')).toMatchObject({ action: 'lacre:PutFreeze' })
    expect(body.secret).toMatch(/^whsec_/)
  }) // prettier-ignore

  test('is verified by the two ways that docs/notifications.md gives, and a forgery by neither', async () => {
    const docs = readFileSync(new URL('../../../docs/notifications.md', import.meta.url), 'utf8')
    const blockOf = (language: string): string =>
      new RegExp('```' + language + '\n([^]*?)```').exec(docs)?.[1] ?? ''
    writeFileSync(join(folder, 'verify.mjs'), blockOf('js'))
    writeFileSync(join(folder, 'verify.sh'), blockOf('sh'))
    type Verify = (headers: object, body: string, secret: string) => boolean
    const { verify } = (await import(pathToFileURL(join(folder, 'verify.mjs')).href)) as { verify: Verify }
    const openssl = (received: Received, secret: string): string => {
      writeFileSync(join(folder, 'body'), received.body)
      try {
        return execFileSync('sh', ['-eu', join(folder, 'verify.sh')], {
          env: {
            PATH: process.env['PATH'],
            SECRET: secret,
            ID: String(received.headers['webhook-id']),
            TIMESTAMP: String(received.headers['webhook-timestamp']),
            SIGNATURE: String(received.headers['webhook-signature']),
            BODY: join(folder, 'body'),
          },
        }).toString()
      } catch {
        return 'refused'
      }
    }
    const { secret } = (await create('signed')).body
    const other = (await create('other')).body.secret
    await freeze('shop:prod')
    await eventually(() => to('signed').length).toBeGreaterThan(0)
    const received = to('signed').at(0)!
    const forged = { ...received, body: received.body.replace('change', 'refusal') }

    expect([verify(received.headers, received.body, secret), openssl(received, secret)]).toEqual([true, 'good\n'])
    expect([verify(forged.headers, forged.body, secret), openssl(forged, secret)]).toEqual([false, 'refused'])
    expect([verify(received.headers, received.body, other), openssl(received, other)]).toEqual([false, 'refused'])
    const old = { ...received.headers, 'webhook-timestamp': '1' }
    expect(verify(old, received.body, secret)).toBe(false)
  }) // prettier-ignore

  test('hears of what fits its filter and of nothing else, refusals among it', async () => {
    await create('denials', { outcomes: ['deny'], scopes: ['shop*'] })
    await create('prod', { scopes: ['shop:prod'], types: ['chan*'], actions: ['lacre:PutFreeze'] })
    await freeze('shop:prod')
    await freeze('other:prod')
    const back = forbidAll()
    const refused = await freeze('shop:blue')
    back()
    await freeze('shop:prod')

    await eventually(() => to('denials').length + to('prod').length).toBe(3)

    expect(refused.status).toBe(403)
    expect(eventsOf(to('denials')).map(({ type, subject, data }) => [type, subject.split(':').slice(-2).join(':'), data['decision']])).toEqual([
      ['lacre.ledger.refusal', 'shop:blue', expect.objectContaining({ outcome: 'deny' })],
    ])
    expect(eventsOf(to('prod')).map(({ subject }) => subject.endsWith(':shop:prod'))).toEqual([true, true])
  }) // prettier-ignore

  test('is never sent environment values or secrets, and its own secret stands nowhere in the clear', async () => {
    const { secret } = (await create('all')).body
    const second = (await post<{ secret: string }>('/webhooks/all/rotate-secret', {})).body.secret
    await createActive(app.client, 'sealed', {
      Environment: { Variables: { TOKEN: 'very-s3cret-value' } },
    })
    await eventually(() => to('all').length).toBeGreaterThan(1)

    const { reader } = app.deps.store
    const rows = [
      await reader.selectFrom('ledger_entry').selectAll().execute(),
      await reader.selectFrom('webhook').selectAll().execute(),
      await reader.selectFrom('webhook_delivery').selectAll().execute(),
      await reader.selectFrom('document').selectAll().execute(),
      await get('/webhooks'),
      await get('/webhooks/all'),
      await get('/webhooks/all/deliveries'),
      to('all'),
      app.complaints,
    ]
    const text = JSON.stringify(rows)
    for (const wrong of [secret, second, secret.slice(6), second.slice(6)])
      expect(text).not.toContain(wrong)
    expect(JSON.stringify(to('all'))).not.toContain('very-s3cret-value')
    // The path of a URL is not shown either.
    expect(await show('all')).toMatchObject({ url: `${receiver.url}…` })
  })

  test('leaves a ledger that verifies against the rows, whatever is done to it', async () => {
    await create('kept')
    await post('/webhooks/kept/disable')
    await post('/webhooks/kept/enable')
    await post('/webhooks/kept/rotate-secret', {})
    await create('dropped')
    await post('/webhooks/dropped/delete')

    const report = await app.deps.store.snapshot((reader) => verifyLedger(reader, { data: true }))

    expect(report.findings).toEqual([])
  })
})

describe('rotating the secret', () => {
  const signaturesOf = ({ headers }: Received): number =>
    String(headers['webhook-signature']).split(' ').length

  test('signs with both for as long as is said, and with one alone where that is nothing', async () => {
    await create('turned')
    await freeze('a:b')
    await eventually(() => to('turned').length).toBe(1)
    await post('/webhooks/turned/rotate-secret', { overlapMs: 3_600_000 })
    await freeze('a:b')
    await eventually(() => to('turned').length).toBe(2)
    await post('/webhooks/turned/rotate-secret', { overlapMs: 0 })
    await freeze('a:b')

    await eventually(() => to('turned').length).toBe(3)

    expect(to('turned').map(signaturesOf)).toEqual([1, 2, 1])
  })

  test.each([-1, 604_800_001, 0.5])('refuses an overlap of %s ms', async (overlapMs) => {
    await create('turned')

    expect((await post('/webhooks/turned/rotate-secret', { overlapMs })).status).toBe(400)
  })
})

describe('a receiver that does not take it', () => {
  test('is told again, and its answer is kept, cut and escaped', async () => {
    receiver.answer = (_received, response) => {
      receiver.answer = answering(200)
      response.writeHead(500).end(`\u001b[2J${'x'.repeat(100_000)}`)
    }
    await create('flaky')
    await freeze('a:b')

    await eventually(async () => (await deliveries('flaky')).length).toBe(2)

    const [second, first] = await deliveries('flaky')
    expect(first).toMatchObject({ outcome: 'failed', status: 500, attempt: 1 })
    expect(first?.answer).toMatch(/^\\u001b\[2Jx+$/)
    expect(first?.answer.length).toBeLessThan(300)
    expect(second).toMatchObject({ outcome: 'delivered', status: 200, attempt: 2 })
    expect(new Set(to('flaky').map(({ body }) => body)).size).toBe(1)
  })

  test('and says 410 is switched off by an entry, of which others hear and itself does not', async () => {
    receiver.answer = ({ path }, response) =>
      void response.writeHead(path === '/gone' ? 410 : 200).end()
    const types = ['change', 'webhook.*']
    await create('watching', { types })
    await create('gone', { types })
    await freeze('a:b')

    await eventually(async () => (await show('gone')).state).toBe('disabled')
    await eventually(() => eventsOf(to('watching')).at(-1)?.type).toBe('lacre.ledger.webhook.disabled')
    const size = (await entriesOfType('webhook.disabled')).length
    await freeze('a:b')
    await eventually(() => eventsOf(to('watching')).at(-1)?.type).toBe('lacre.ledger.change')

    expect(await show('gone')).toMatchObject({ disabledReason: 'gone', pending: 1 })
    expect((await entriesOfType('webhook.disabled')).length).toBe(size)
    expect((await entriesOfType('webhook.disabled')).at(-1)).toMatchObject({ resource: 'lacre:webhook/gone', note: { reason: 'gone' } })
    expect(eventsOf(to('gone')).map(({ data }) => data['action'])).not.toContain('lacre:DisableWebhook')
    receiver.answer = answering(200)
    await post('/webhooks/gone/enable')
    await eventually(async () => (await show('gone')).pending).toBe(0)
  }) // prettier-ignore

  test('of one message is told of the next, and of that one again when somebody asks', async () => {
    await create('picky')
    await freeze('a:b')
    await eventually(async () => (await show('picky')).pending).toBe(0)
    const index = eventsOf(to('picky'))[0]?.data.index ?? -1
    await app.deps.store.transaction(async (tx) => {
      const { id } = await tx.selectFrom('webhook').select('id').executeTakeFirstOrThrow()
      const row = { webhook_id: id, epoch: 1, entry_index: index, state: 'dead' as const, attempts: 5 }
      await tx.insertInto('webhook_outbox').values({ ...row, created_at: 1, first_tried_at: 1, run_at: 1 }).execute()
    })
    expect((await show('picky')).dead).toBe(1)

    const answer = await post<{ entries: number }>('/webhooks/picky/redeliver', {})

    expect(answer).toMatchObject({ status: 200, body: { entries: 1 } })
    await eventually(async () => (await show('picky')).dead + (await show('picky')).pending).toBe(0)
    expect(eventsOf(to('picky')).map(({ data }) => data.index)).toEqual([index, index])
    expect((await entriesOfType('webhook.redelivery')).at(-1)).toMatchObject({ resource: 'lacre:webhook/picky' })
    expect((await post('/webhooks/picky/redeliver', {})).status).toBe(404)
  }) // prettier-ignore
})

describe('redelivering one entry', () => {
  test('sends it again under the id it had, and only where it was told before', async () => {
    await create('again', { types: ['change'], scopes: ['a'] })
    await freeze('a:b')
    await eventually(async () => (await deliveries('again')).length).toBe(1)
    const [event] = eventsOf(to('again'))

    await post('/webhooks/again/redeliver', { index: event?.data.index })
    await eventually(() => to('again').length).toBe(2)
    const never = await post('/webhooks/again/redeliver', { index: 0 })

    expect(to('again')[1]?.body).toBe(to('again')[0]?.body)
    expect(to('again')[1]?.headers['webhook-id']).toBe(event?.id)
    expect(never.status).toBe(404)
  })
})

describe('switching off', () => {
  test('tells nothing, also not of what is committed meanwhile; what waited is told at last', async () => {
    receiver.answer = answering(503)
    await create('paused')
    await freeze('a:first')
    await eventually(async () => (await deliveries('paused')).length).toBeGreaterThan(0)
    await post('/webhooks/paused/disable')
    await freeze('a:second')
    receiver.answer = answering(200)
    receiver.got.length = 0
    expect(await show('paused')).toMatchObject({ state: 'disabled', pending: 1 })

    await post('/webhooks/paused/enable')
    await freeze('a:third')

    await eventually(() => to('paused').length).toBe(2)
    expect(eventsOf(to('paused')).map(({ subject }) => subject.split(':').at(-1))).toEqual(['first', 'third'])
    expect([(await post('/webhooks/paused/enable')).status, (await post('/webhooks/none/enable')).status]).toEqual([409, 404])
  }) // prettier-ignore

  test('for good takes what waits with it', async () => {
    receiver.answer = answering(503)
    await create('ended')
    await freeze('a:b')
    await eventually(async () => (await deliveries('ended')).length).toBeGreaterThan(0)

    await post('/webhooks/ended/delete')

    const { reader } = app.deps.store
    for (const table of ['webhook', 'webhook_outbox', 'webhook_status', 'webhook_delivery'] as const)
      expect(await reader.selectFrom(table).selectAll().execute()).toEqual([])
    expect((await governance(app.admin, { path: '/webhooks/ended' })).status).toBe(404)
  }) // prettier-ignore
})

describe('a test', () => {
  test('sends one event that tells of nothing, and shows the answer', async () => {
    receiver.answer = answering(202, 'thanks')
    await create('tried', { types: ['nothing'] })

    const { status, body } = await post('/webhooks/tried/test')

    expect(status).toBe(200)
    expect(body).toMatchObject({ delivered: true, status: 202, answer: 'thanks' })
    expect(eventsOf(to('tried'))).toMatchObject([{ type: 'lacre.webhook.test', subject: 'lacre:webhook/tried' }])
    expect(await deliveries('tried')).toMatchObject([{ index: null, outcome: 'delivered', status: 202 }])
  }) // prettier-ignore

  test('of what does not answer says so', async () => {
    const nobody = await startReceiver()
    await nobody[Symbol.asyncDispose]()
    await post('/webhooks', { name: 'silent', url: nobody.url })

    const { body } = await post('/webhooks/silent/test')

    expect(body).toMatchObject({ delivered: false, status: null })
    expect(body['answer']).toMatch(/ECONNREFUSED/)
  })
})

describe('what makes no sense is refused, and nothing is stored', () => {
  const good = { name: 'good', url: 'https://hooks.example.com/' }
  test.each<[string, object, number]>([
    ['no name', { url: good.url }, 400],
    ['a name that is none', { ...good, name: 'a/b' }, 400],
    ['no URL', { name: 'good' }, 400],
    ['a URL of the metadata service', { ...good, url: 'https://169.254.169.254/' }, 400],
    ['plain http to a name', { ...good, url: 'http://hooks.example.com/' }, 400],
    ['a header in the URL', { ...good, url: 'https://hooks.example.com/\r\nx: y' }, 400],
    ['a secret of its own', { ...good, secret: 'whsec_AAAA\r\nx: y' }, 400],
    ['a pattern that is none', { ...good, filter: { types: ['(a+)+$'] } }, 400],
    ['an outcome that is none', { ...good, filter: { outcomes: ['maybe'] } }, 400],
    ['an empty list', { ...good, filter: { types: [] } }, 400],
    ['a filter that nobody knows', { ...good, filter: { principals: ['x'] } }, 400],
    ['text that is not Unicode', { ...good, filter: { types: ['\ud800'] } }, 400],
  ])('%s', async (_title, body, status) => {
    const answer = await post('/webhooks', body)

    expect(answer.status).toBe(status)
    expect((await get<{ webhooks: Shown[] }>('/webhooks')).webhooks).toEqual([])
  })

  test('a name that is taken, and the hundred-and-first webhook', async () => {
    await create('taken')
    const twice = await create('taken')
    await app.deps.store.transaction(async (tx) => {
      const { id: _, name: __, ...rest } = await tx.selectFrom('webhook').selectAll().executeTakeFirstOrThrow()
      for (let at = 0; at < 99; at += 1)
        await tx.insertInto('webhook').values({ ...rest, id: `whk-${at}`, name: `n${at}` }).execute()
    })
    const many = await create('another')
    await app.deps.store.transaction((tx) => tx.deleteFrom('webhook').where('name', 'like', 'n%').execute())

    expect([twice.status, many.status]).toEqual([409, 402])
  }) // prettier-ignore
})

test('whoever reads sees webhooks; whoever is no administrator makes, tests and changes none', async () => {
  await create('kept')
  await post('/principals', { kind: 'user', name: 'eye', roles: ['auditor', 'deployer'] })
  const { body } = await post<{ accessKey: { id: string }; secretAccessKey: string }>('/access-keys', { principal: 'eye' })
  const eye = { ...app.admin, accessKeyId: body.accessKey.id, secretAccessKey: body.secretAccessKey }
  const as = async (method: 'GET' | 'POST', path: string, of?: object) =>
    (await governance(eye, { method, path, ...(of && { body: of }) })).status

  expect(await as('GET', '/webhooks')).toBe(200)
  expect(await as('GET', '/webhooks/kept/deliveries')).toBe(200)
  expect(await as('POST', '/webhooks', { name: 'x', url: receiver.url })).toBe(403)
  for (const verb of ['test', 'disable', 'enable', 'delete', 'rotate-secret', 'redeliver'])
    expect([verb, await as('POST', `/webhooks/kept/${verb}`, {})]).toEqual([verb, 403])
  expect(await show('kept')).toMatchObject({ state: 'enabled' })
}) // prettier-ignore

test('metrics say how much waits, for how long, and how attempts ended', async () => {
  receiver.answer = answering(503)
  await create('measured')
  await freeze('a:b')
  await eventually(async () => (await deliveries('measured')).length).toBeGreaterThan(0)

  const text = await (await fetch(`${app.url}/metrics`)).text()

  expect(text).toMatch(/^lacre_webhook_outbox_entries\{state="pending"\} 1$/m)
  expect(text).toMatch(/^lacre_webhook_outbox_entries\{state="dead"\} 0$/m)
  expect(text).toMatch(/^lacre_webhook_oldest_pending_seconds \d/m)
  expect(text).toMatch(/^lacre_webhook_deliveries_total\{outcome="failed"\} [1-9]/m)
})

test('a deployment that is refused is told of, its bytes are not', async () => {
  await create('denials', { outcomes: ['deny'] })
  const back = forbidAll()
  const zip = nodePackage('refused')
  const input = { FunctionName: 'refused', Runtime: 'nodejs20.x', Handler: 'index.handler', Role: 'arn:aws:iam::000000000000:role/r', Code: { ZipFile: zip } } as const
  await refusalOf(app.client.send(new CreateFunctionCommand(input)))
  back()

  await eventually(() => to('denials').length).toBe(1)

  expect(eventsOf(to('denials'))).toMatchObject([{ data: { action: 'lambda:CreateFunction', type: 'refusal' } }])
  expect(to('denials')[0]?.body).not.toContain(zip.toString('base64').slice(0, 64))
}) // prettier-ignore
