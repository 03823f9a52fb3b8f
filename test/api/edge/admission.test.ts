import { readdir } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { Admission, admissionLimits } from '../../../services/http/index.ts'
import { adminKeys, openEdge } from '../../support/edge.ts'
import { eventually } from '../../support/eventually.ts'
import { RawConnection, listen, rawExchange, statusOf } from '../../support/raw-http.ts'
import { signWithSmithy } from '../../support/signers.ts'

const ONE = { atOnce: 1, queued: 1, waitMs: 60_000 }

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  /** Another caller: the whole of 127.0.0.0/8 is this machine. */
  readonly from?: string
}

/** One request over a connection of its own; `signal` lets its client go away. */
async function send(port: number, sent: Sent, signal?: AbortSignal): Promise<Reply> {
  const { method = 'POST', path = '/2015-03-31/functions', body = '', from = '127.0.0.1' } = sent
  const signed = await signWithSmithy(adminKeys, { method, path, body })
  return await new Promise((resolve, reject) => {
    const options = { port, method, path: signed.url, headers: signed.headers, localAddress: from }
    const outgoing = request({ host: '127.0.0.1', agent: false, signal, ...options }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** An edge with one place and one that waits for each kind of work; a creation ends when the test says so. */
async function openFull() {
  const begun: string[] = []
  const endings: (() => void)[] = []
  const handler = async (request: { readonly json: object }) => {
    begun.push((request.json as { readonly name?: string }).name ?? '')
    await new Promise<void>((resolve) => endings.push(resolve))
    return { status: 201, body: {} }
  }
  const limits = admissionLimits(1)
  const admission = new Admission({ ...limits, write: ONE, read: ONE, leaving: ONE })
  const edge = await openEdge({
    handlers: {
      CreateFunction: handler,
      DeleteFunction: async () => ({ status: 204 }),
    },
    config: { openMetrics: true },
    admission,
  })
  edge.metrics.watchAdmission(() => admission.readings())
  const port = await listen(edge.app)
  const create = (name: string, from?: string, signal?: AbortSignal): Promise<Reply> =>
    send(port, { body: JSON.stringify({ name }), ...(from === undefined ? {} : { from }) }, signal)
  const queued = (): number | undefined =>
    admission.readings().find(({ kind }) => kind === 'write')?.queued
  const waiting = (count: number): Promise<void> => eventually(queued).toBe(count)
  const working = (count: number): Promise<void> => eventually(() => begun.length).toBe(count)
  const end = (): void => endings.shift()?.()
  return { edge, port, create, waiting, working, begun, end }
}

/** The place and the queue are taken by one caller. */
async function taken(full: Awaited<ReturnType<typeof openFull>>) {
  const first = full.create('first')
  await full.working(1)
  const second = full.create('second')
  await full.waiting(1)
  return { first, second }
}

test('answers what is beyond the queue at once, as AWS throttles, and does the rest', async () => {
  const full = await openFull()
  await using _ = full.edge
  const { first, second } = await taken(full)

  const third = await full.create('third')
  full.end()
  await full.working(2)
  full.end()

  expect(third.status).toBe(429)
  expect(third.headers['x-amzn-errortype']).toBe('TooManyRequestsException')
  expect(third.headers['retry-after']).toBe('1')
  expect(third.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
  expect(JSON.parse(third.body)).toEqual({
    Reason: 'CallerRateLimitExceeded',
    Type: 'User',
    message: 'Rate exceeded',
  })
  expect([(await first).status, (await second).status]).toEqual([201, 201])
  expect(full.begun).toEqual(['first', 'second'])
})

test('keeps the connection of a refused request, small body and all', async () => {
  const full = await openFull()
  await using _ = full.edge
  await taken(full)
  const signed = await signWithSmithy(adminKeys, { body: '{"name":"x"}' })
  const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const connection = new RawConnection(full.port)

  for (const count of [1, 2]) {
    connection.write(
      `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}content-length: 12\r\n\r\n{"name":"x"}`,
    )
    await connection.until(new RegExp(`(?:HTTP/1.1 429[^]*){${count}}`))
  }
  connection.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const answer = await connection.end()
  full.end()
  await full.working(2)
  full.end()

  expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual([
    'HTTP/1.1 429',
    'HTTP/1.1 429',
    'HTTP/1.1 200',
  ])
})

test('refuses a large body before it comes, and keeps nothing of it', async () => {
  const full = await openFull()
  await using _ = full.edge
  await taken(full)
  const connection = new RawConnection(full.port)

  connection.write(
    'POST /2015-03-31/functions HTTP/1.1\r\nhost: x\r\ncontent-length: 60000000\r\n\r\n{',
  )
  const answer = await connection.until(/"Rate exceeded"/)
  connection.socket.destroy()
  full.end()
  await full.working(2)
  full.end()

  expect(statusOf(answer)).toBe(429)
  expect(answer).toMatch(/\r\nconnection: close\r\n/i)
  expect(await readdir(join(full.edge.dataDir, 'blobs/temporary'))).toEqual([])
})

test('says it in the words of our own API there', async () => {
  const full = await openFull()
  await using _ = full.edge
  await taken(full)

  const reply = await send(full.port, { path: '/api/v1/approvals', body: '{}' })
  full.end()
  await full.working(2)
  full.end()

  expect(reply.status).toBe(429)
  expect(reply.headers['retry-after']).toBe('1')
  expect(JSON.parse(reply.body)).toEqual({
    error: { code: 'TOO_MANY_REQUESTS', message: 'Rate exceeded' },
  })
})

test('deletes, and tells how it is, while every place of deployments is taken', async () => {
  const full = await openFull()
  await using _ = full.edge
  await taken(full)
  await full.create('third')

  const deleted = await send(full.port, { method: 'DELETE', path: '/2015-03-31/functions/f' })
  const health = await send(full.port, { method: 'GET', path: '/healthz' })
  const metrics = await send(full.port, { method: 'GET', path: '/metrics' })
  full.end()
  await full.working(2)
  full.end()

  expect([deleted.status, health.status, metrics.status]).toEqual([204, 200, 200])
  expect(metrics.body).toContain('lacre_admission_in_work{class="write"} 1')
  expect(metrics.body).toContain('lacre_admission_queued{class="write"} 1')
  expect(metrics.body).toContain('lacre_admission_refused_total{class="write"} 1')
})

test('gives the next place to the caller who has none, not to the one who waits longest', async () => {
  const limits = admissionLimits(1)
  const admission = new Admission({ ...limits, write: { atOnce: 2, queued: 2, waitMs: 60_000 } })
  const begun: string[] = []
  const endings: (() => void)[] = []
  await using edge = await openEdge({
    handlers: {
      CreateFunction: async ({ json }) => {
        begun.push(String((json as { name?: string }).name))
        await new Promise<void>((resolve) => endings.push(resolve))
        return { status: 201, body: {} }
      },
    },
    admission,
  })
  const port = await listen(edge.app)
  const create = (name: string, from: string): Promise<Reply> =>
    send(port, { body: JSON.stringify({ name }), from })
  const greedy = ['1', '2', '3', '4'].map((name) => create(name, '127.0.0.1'))
  await eventually(() => admission.readings().some(({ queued }) => queued === 2)).toBe(true)

  const quiet = create('quiet', '127.0.0.2')
  const refused = await Promise.race(greedy)
  endings.shift()?.()
  await eventually(() => begun.length).toBe(3)
  const third = begun[2]
  endings.shift()?.()
  await eventually(() => begun.length).toBe(4)
  for (const end of endings) end()

  expect(refused.status).toBe(429)
  expect(third).toBe('quiet')
  expect((await quiet).status).toBe(201)
})

test('forgets a client that goes away while it waits', async () => {
  const full = await openFull()
  await using _ = full.edge
  const first = full.create('first')
  await full.working(1)
  const leaving = new AbortController()
  const second = full.create('second', '127.0.0.1', leaving.signal).catch(() => undefined)
  await full.waiting(1)

  leaving.abort()
  await second
  await full.waiting(0)
  full.end()

  expect((await first).status).toBe(201)
  expect(full.begun).toEqual(['first'])
})

test('keeps the place of work whose client has gone until the work is done', async () => {
  const full = await openFull()
  await using _ = full.edge
  const leaving = new AbortController()
  const first = full.create('first', '127.0.0.1', leaving.signal).catch(() => undefined)
  await full.working(1)
  leaving.abort()
  await first

  const second = full.create('second')
  await full.waiting(1)
  const begunBefore = [...full.begun]
  full.end()
  await full.working(2)
  full.end()

  expect(begunBefore).toEqual(['first'])
  expect((await second).status).toBe(201)
})

test('loses no place by requests whose turn on their connection never comes', async () => {
  const admission = new Admission({ ...admissionLimits(1), read: ONE })
  await using edge = await openEdge({ admission })
  edge.app.get('/plain', () => 'plain')
  const port = await listen(edge.app)
  const connection = new RawConnection(port)

  // Refused before its body came: the connection closes behind it.
  connection.write('POST /2015-03-31/functions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{')
  await connection.until(/\r\nconnection: close\r\n/i)
  connection.write(`}${'GET /plain HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3)}`)
  await connection.end()
  const answer = await rawExchange(
    port,
    'GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
  )

  expect(statusOf(answer)).toBe(200)
  await eventually(() => admission.readings().some(({ inWork }) => inWork > 0)).toBe(false)
})

test('reads no flood of requests behind one that is in work', async () => {
  const full = await openFull()
  await using _ = full.edge
  let read = 0
  full.edge.app.server.on('request', () => (read += 1))
  const signed = await signWithSmithy(adminKeys, { body: '{"name":"x"}' })
  const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const connection = new RawConnection(full.port)

  connection.write(
    `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}content-length: 12\r\n\r\n{"name":"x"}`,
  )
  await full.working(1)
  connection.write('GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(20_000))
  await sleep(1_000)
  const readBehind = read
  connection.socket.destroy()
  full.end()

  // What came at once, and no more: memory would grow as long as the client talks.
  expect(readBehind).toBeLessThan(4_000)
})

test('keeps no place for a client that does not read its answer', async () => {
  const admission = new Admission({ ...admissionLimits(1), read: ONE })
  await using edge = await openEdge({ admission })
  edge.app.get('/plain', () => 'x'.repeat(30_000_000))
  const port = await listen(edge.app)
  const connection = new RawConnection(port)
  connection.socket.pause()

  connection.write('GET /plain HTTP/1.1\r\nhost: x\r\n\r\n')
  await eventually(() => connection.socket.readableLength > 0).toBe(true)
  const readings = admission.readings()
  connection.socket.destroy()

  expect(readings.filter(({ inWork }) => inWork > 0)).toEqual([])
})
