import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { addressRules, Dialer } from '../../services/sources/index.ts'
import type { ReleaseSpec } from '../../services/model/index.ts'
import { EGRESS_FUNCTION } from '../support/egress.ts'
import { eventually } from '../support/eventually.ts'
import { canBubblewrap, canRun, RuntimeBench } from '../support/runtime.ts'

/**
 * The egress proxy inside a real sandbox. The host that is let in is this very process: names come from a table, and its
 * loopback is allowed, which `serve` never does (test/system/egress.test.ts).
 */
const BIG_BYTES = 3_000_000
const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
  socket.on('data', (chunk: Buffer) => {
    const big = String(chunk).startsWith('GET /big')
    const body = big ? Buffer.alloc(BIG_BYTES, 'x') : Buffer.from('from the host')
    socket.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), body]))
  })
})
let bench: RuntimeBench
let port = 0

const look = (
  host: string,
  _options: object,
  answer: (error: unknown, found: object[]) => void,
) => {
  const address = { 'api.example.com': '127.0.0.1', 'meta.example.com': '169.254.169.254' }[host]
  if (address === undefined) answer(Object.assign(new Error(host), { code: 'ENOTFOUND' }), [])
  else answer(null, [{ address, family: 4 }])
}
const dialer = new Dialer(addressRules(['127.0.0.1']), look as never)

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => void server.close())

const spec = async (options: Partial<Omit<ReleaseSpec, 'layers'>> = {}): Promise<ReleaseSpec> =>
  await bench.spec(EGRESS_FUNCTION, {
    egress: ['api.example.com:1', 'meta.example.com:443', `api.example.com:${port}`, 'gone.example.com:443'],
    ...options,
  }) // prettier-ignore
const target = () => `api.example.com:${port}`

const drivers = (['bubblewrap', 'crun'] as const).filter(canRun)

describe.skipIf(drivers.length === 0).each(drivers)('the egress proxy under %s', (isolation) => {
  beforeAll(async () => {
    bench = await RuntimeBench.open({ isolation, egress: dialer, prewarmed: 1 })
  })
  afterAll(async () => await bench[Symbol.asyncDispose]())

  test('a function without a list has none, and no variables for one', async () => {
    const bare = await spec({ egress: [] })

    expect((await bench.invoke(bare)).json).toEqual({})
    expect((await bench.invoke(bare, { direct: ['127.0.0.1', 9002] })).json).toBe('ECONNREFUSED')
  })

  test('one with a list reaches its host, and answers come whole, whoever closes first', async () => {
    const one = await spec()

    expect((await bench.invoke(one, { target: target() })).json).toMatchObject({ status: 200, text: 'from the host' })
    expect((await bench.invoke(one, { target: target(), path: '/big' })).json).toMatchObject({
      length: BIG_BYTES + 'HTTP/1.1 200 OK\r\n\r\n'.length,
    })
    const upper = target().toUpperCase()
    expect((await bench.invoke(one, { target: upper })).json).toMatchObject({ status: 200 })
  }) // prettier-ignore

  test('programs are told of it by variables, which give way to those of the function', async () => {
    const proxy = 'http://127.0.0.1:9002'
    const own = { https_proxy: 'http://127.0.0.1:1', NO_PROXY: 'x', NODE_USE_ENV_PROXY: '0' }

    expect((await bench.invoke(await spec())).json).toEqual({
      HTTPS_PROXY: proxy, https_proxy: proxy, HTTP_PROXY: proxy, http_proxy: proxy,
      NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost', NODE_USE_ENV_PROXY: '1',
    })
    expect((await bench.invoke(await spec({ environment: own }))).json).toEqual({
      HTTP_PROXY: proxy, http_proxy: proxy, ...own,
    })
  }) // prettier-ignore

  test('it is there beside the Runtime API', async () => {
    const both = await spec({ environment: { LACRE_INTERNAL_EXTENSIONS: '1' } })

    expect((await bench.invoke(both, { target: target() })).json).toMatchObject({ status: 200 })
    expect((await bench.invoke(both, { direct: ['127.0.0.1', 9001] })).json).toBe('connected')
  })

  test.each([
    ['a host that is not listed', 'other.example.com:443', 403, 'not on the list'],
    ['another port', 'api.example.com:8443', 403, 'not on the list'],
    ['a name below', `x.api.example.com:1`, 403, 'not on the list'],
    ['an address', '127.0.0.1:443', 403, 'never by an address'],
    ['an address of version 6', '[::1]:443', 403, 'never by an address'],
    ['no port', 'api.example.com', 403, 'not on the list'],
    ['a name with an address that is not allowed', 'meta.example.com:443', 403, 'not connected to here'],
    ['a name without an address', 'gone.example.com:443', 502, 'no address (ENOTFOUND)'],
    ['a port where nobody listens', 'api.example.com:1', 502, 'ECONNREFUSED'],
  ])('%s is refused with a sentence, and told in the log', async (_what, asked, status, sentence) => {
    const answer = await bench.invoke(await spec(), { target: asked })

    expect(answer.json).toMatchObject({ status, body: expect.stringContaining(sentence) as string })
    expect(answer.tail).toContain(`[lacre] egress to "${asked}" refused: `)
    expect(answer.tail).toContain(sentence)
    // For whoever reads the log, and not for the function.
    expect(answer.tail.includes('169.254.169.254')).toBe(asked.startsWith('meta'))
    expect(answer.text).not.toContain('169.254')
  }) // prettier-ignore

  test.each([
    ['a request that is no tunnel', `GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n`],
    ['one for the proxy itself', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('%s is refused with 403', async (_what, raw) => {
    const answer = await bench.invoke(await spec(), { raw })

    expect(answer.json).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(answer.text).toContain('only tunnels are opened here')
  }) // prettier-ignore

  test.each([
    ['a head over 8 kB', `CONNECT api.example.com:1 HTTP/1.1\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`],
    ['what is no HTTP', 'SSH-2.0-x\r\n\r\n'],
    ['a line end in the name', 'CONNECT api.example.com\n:443 HTTP/1.1\r\n\r\n'],
  ])('%s ends the connection', async (_what, raw) => {
    expect((await bench.invoke(await spec(), { raw })).json).toBe('')
  })

  test('at most 64 connections are open at a time', async () => {
    const answer = await bench.invoke(await spec(), { target: target(), many: 70 })

    expect(answer.json).toMatchObject({ open: 64 })
    expect(answer.text).toContain('64 connections are open, and that is the limit')
  })

  test('connections end with their environment, those that are kept over a freeze too', async () => {
    const one = await spec({ functionId: 'fn-kept' })
    await eventually(() => sockets.size).toBe(0)
    expect((await bench.invoke(one, { target: target(), hold: true })).json).toMatchObject({ held: 1 })
    expect((await bench.invoke(one, { target: target(), hold: true })).json).toMatchObject({ held: 2 })
    expect(sockets.size).toBe(2)

    await bench.runtime.retire('fn-kept', '1')

    await eventually(() => sockets.size).toBe(0)
  }) // prettier-ignore

  test('an environment with a proxy reaches nothing past it', async () => {
    const one = await spec()

    for (const direct of [['127.0.0.1', port], ['192.0.2.1', 443], ['169.254.169.254', 80]])
      expect((await bench.invoke(one, { direct })).json).toMatch(/ECONNREFUSED|ENETUNREACH/)
    expect((await bench.invoke(one, { name: 'api.example.com' })).json).toMatch(/EAI_AGAIN|ENOTFOUND/)
  }) // prettier-ignore

  test('a flood of refusals fills no log', async () => {
    const one = await spec({ functionId: 'fn-flood', timeoutSeconds: 30 })
    const before = bench.lines.length
    for (let round = 0; round < 3; round += 1)
      await bench.invoke(one, { target: 'no.example.com:1', many: 50 })
    await bench.runtime.retire('fn-flood', '1')

    const told = bench.lines.slice(before).filter((line) => line.includes('[lacre] egress'))
    expect(told.filter((line) => line.includes('refused'))).toHaveLength(100)
    expect(told.at(-1)).toBe('[lacre] egress: 50 more refusals')
  })
})

test.skipIf(!canBubblewrap)('without the operator nothing is opened, and the log says so', async () => {
  await using closed = await RuntimeBench.open({ isolation: 'bubblewrap' })
  const one = await closed.spec(EGRESS_FUNCTION, { egress: [target()] })

  expect(closed.runtime.opensEgress).toBe(false)
  expect((await closed.invoke(one)).json).toEqual({})
  expect((await closed.invoke(one, { direct: ['127.0.0.1', 9002] })).json).toBe('ECONNREFUSED')
  expect(closed.lines.filter((line) => line.includes('is not opened'))).toHaveLength(1)
}) // prettier-ignore

test('without a sandbox nothing is opened either', async () => {
  await using loose = await RuntimeBench.open({ isolation: 'process', egress: dialer })
  const one = await loose.spec(EGRESS_FUNCTION, { egress: [target()] })

  expect(loose.runtime.opensEgress).toBe(false)
  expect((await loose.invoke(one)).json).toEqual({})
  expect(loose.lines.some((line) => line.includes('is not opened'))).toBe(true)
})
