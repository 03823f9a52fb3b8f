import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { addressRules, postForAnswer } from '../../services/sources/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { governance } from '../support/governance.ts'
import { answering, eventsOf, startReceiver, type Receiver } from '../support/receiver.ts'
import { tempDir } from '../support/state.ts'

let app: TestApp
let receiver: Receiver
let other: Receiver
beforeAll(async () => {
  app = await startTestApp({ allowSource: ['127.0.0.1/32'] })
  receiver = await startReceiver()
  other = await startReceiver()
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
})

let calls = 0
const post = async <T = Record<string, unknown>>(path: string, body: object = {}, of = app) =>
  await governance<T>(of.admin, {
    method: 'POST',
    path,
    body,
    headers: { 'x-lacre-test': String(calls++) },
  })
const freeze = async (of = app) =>
  await governance(of.admin, {
    method: 'PUT',
    path: `/freezes/f${calls++}`,
    body: { reason: 'r' },
  })
const attemptsOf = async (name: string) =>
  (
    await governance<{ deliveries: { outcome: string; status: number | null; answer: string }[] }>(
      app.admin,
      { path: `/webhooks/${name}/deliveries` },
    )
  ).body.deliveries

beforeEach(async () => {
  const { body } = await governance<{ webhooks: { name: string }[] }>(app.admin, {
    path: '/webhooks',
  })
  for (const { name } of body.webhooks) await post(`/webhooks/${name}/delete`)
  receiver.got.length = 0
  other.got.length = 0
  receiver.answer = answering(200)
})

describe('a webhook leads nowhere inside that is not listed', () => {
  test.each([
    'https://127.0.0.2/',
    'http://127.0.0.2/',
    'https://[::1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::ffff:169.254.169.254]/',
    'https://0xa9fea9fe/',
    'https://10.0.0.1/',
    'https://192.168.0.1/',
    'https://172.16.0.1/',
    'https://100.64.0.1/',
    'https://[fd00::1]/',
    'https://[fe80::1]/',
    'https://0.0.0.0/',
    'http://example.com/',
    'gopher://127.0.0.1/',
  ])('%s is refused when it is made', async (url) => {
    const answer = await post('/webhooks', { name: 'inside', url })

    expect(answer.status).toBe(400)
  })

  test('a name that leads inside is refused when it is told, and at each attempt anew', async () => {
    const rules = addressRules([])
    const request = { body: '{}', headers: {}, timeoutMs: 5_000, headBytes: 10 }
    const url = receiver.url.replace('127.0.0.1', 'localhost')

    await expect(postForAnswer({ ...request, url }, rules)).rejects.toThrow(/not one that/)

    expect(receiver.got).toEqual([])
  })
})

describe('a receiver that means harm', () => {
  test.each([301, 302, 303, 307, 308])('%s is not followed', async (status) => {
    receiver.answer = answering(status, '', { location: other.url })
    await post('/webhooks', { name: 'moved', url: receiver.url })

    await freeze()

    await eventually(async () => (await attemptsOf('moved')).length).toBeGreaterThan(0)
    expect(await attemptsOf('moved')).toMatchObject([{ outcome: 'failed', status }])
    expect(other.got).toEqual([])
  })

  test('an answer without an end is read for its first bytes alone', async () => {
    let sent = 0
    let closed = false
    receiver.answer = (_received, response) => {
      response.writeHead(200).on('close', () => (closed = true))
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x'))) sent += 65_536
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }
    await post('/webhooks', { name: 'endless', url: receiver.url })

    const { body } = await post<{ delivered: boolean; answer: string }>('/webhooks/endless/test')

    expect(body).toMatchObject({ delivered: true, answer: 'x'.repeat(256) })
    await eventually(() => closed).toBe(true)
    expect(sent).toBeLessThan(32 * 1_048_576)
  })

  test('headers without an end are no answer', async () => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = (): void => {
        if (!socket.destroyed && socket.write(`x-${'a'.repeat(10_000)}: b\r\n`)) setImmediate(more)
      }
      more()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    await post('/webhooks', { name: 'heads', url })

    const { body } = await post('/webhooks/heads/test')

    expect(body).toMatchObject({ delivered: false, status: null })
    await new Promise((resolve) => server.close(resolve))
  })

  test('one that drips holds up neither its neighbours nor a change', async () => {
    receiver.answer = (_received, response) => void response.writeHead(200).write('x')
    for (let at = 0; at < 20; at += 1)
      await post('/webhooks', { name: `slow-${at}`, url: receiver.url, filter: { actions: ['lacre:PutFreeze'] } })
    await post('/webhooks', { name: 'quick', url: other.url, filter: { actions: ['lacre:PutFreeze'] } })

    for (let at = 0; at < 5; at += 1) expect((await freeze()).status).toBe(200)

    await eventually(() => eventsOf(other.got).length).toBe(5)
  }) // prettier-ignore

  test('text of others does not get into headers, whatever it is', async () => {
    await post('/webhooks', { name: 'plain', url: receiver.url })
    const reason = 'x\r\nwebhook-signature: v1,forged'
    await governance(app.admin, { method: 'PUT', path: '/freezes/named', body: { reason } })

    await eventually(() => receiver.got.length).toBe(1)

    const [received] = receiver.got
    expect(received?.headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/)
    expect((JSON.parse(received?.body ?? '') as { data: { note: unknown } }).data.note).toEqual({
      reason,
    })
  })

  test('text of others is cut at 512 characters', async () => {
    await post('/webhooks', { name: 'short', url: receiver.url, filter: { types: ['change'] } })
    await governance(app.admin, { method: 'PUT', path: '/freezes/long', body: { reason: 'r'.repeat(500) } })
    await eventually(() => receiver.got.length).toBe(1)

    const longest = (value: unknown): number =>
      typeof value === 'string'
        ? value.length
        : typeof value === 'object' && value !== null
          ? Math.max(0, ...Object.values(value).map(longest))
          : 0
    expect(longest(eventsOf(receiver.got)[0])).toBeLessThanOrEqual(512)
  }) // prettier-ignore
})

test('a secret moved to another webhook signs nothing', async () => {
  await post('/webhooks', { name: 'mine', url: receiver.url })
  await post('/webhooks', { name: 'theirs', url: other.url })
  await app.deps.store.transaction(async (tx) => {
    const { secret_sealed } = await tx.selectFrom('webhook').select('secret_sealed').where('name', '=', 'mine').executeTakeFirstOrThrow()
    await tx.updateTable('webhook').set({ secret_sealed }).where('name', '=', 'theirs').execute()
  })

  const { status } = await post('/webhooks/theirs/test')

  expect(status).toBe(500)
  expect(other.got).toEqual([])
}) // prettier-ignore

test('a full disk fails the change as a whole: no entry without its telling, and nothing is told of it', async (context) => {
  using dir = tempDir()
  const path = join(dir.path, 'small')
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return context.skip('no file system can be mounted here')
  }
  try {
    await using small = await startTestApp({ data: path, allowSource: ['127.0.0.0/8'] })
    await post('/webhooks', { name: 'all', url: receiver.url }, small)
    await freeze(small)
    await eventually(() => receiver.got.length).toBe(1)
    const entries = () =>
      small.deps.store.reader
        .selectFrom('ledger_entry')
        .select((row) => row.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
    const fill = (): void => {
      for (let size = 1 << 22, at = 0; size >= 512; at += 1) {
        try {
          writeFileSync(join(path, `ballast-${at}`), Buffer.alloc(size))
        } catch {
          size >>= 1
        }
      }
    }
    fill()
    let refused = 0
    for (let at = 0; at < 20 && refused < 3; at += 1) {
      const before = await entries()
      const { status } = await freeze(small)
      if (status === 200) continue
      expect(status).toBe(503)
      expect(await entries()).toEqual(before)
      refused += 1
    }
    expect(refused).toBe(3)
    for (let at = 0; at < 200; at += 1) rmSync(join(path, `ballast-${at}`), { force: true })

    const size = (await entries()).count
    expect((await freeze(small)).status).toBe(200)

    await eventually(() => Math.max(...eventsOf(receiver.got).map(({ data }) => data.index))).toBe(size)
    expect(new Set(eventsOf(receiver.got).map(({ data }) => data.index)).size).toBeLessThanOrEqual(size)
  } finally {
    execFileSync('umount', [path])
  }
}) // prettier-ignore
