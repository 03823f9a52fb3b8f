import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
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
/** A host of plain HTTP, which tells what it was asked. */
const heard: string[] = []
const web = createHttpServer((request, response) => {
  const { method, url = '', headers, rawHeaders, socket } = request
  heard.push(url)
  if (url === '/mute') return void socket.destroy()
  if (url === '/big') return void response.end(Buffer.alloc(BIG_BYTES, 'x'))
  if (url === '/broken') {
    response.writeHead(200, { 'Content-Length': 1_000 }).write('half')
    return void setTimeout(() => socket.destroy(), 50)
  }
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.on('end', () => {
    const names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
    response.writeHead(201, { 'X-Told': ['a', 'b'], 'Proxy-Authenticate': 'Basic' })
    response.end(JSON.stringify({ method, url, host: headers.host, names, bytes }))
  })
})
let bench: RuntimeBench
let port = 0
let webPort = 0

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
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  webPort = (web.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
  web.close()
})

const spec = async (options: Partial<Omit<ReleaseSpec, 'layers'>> = {}): Promise<ReleaseSpec> =>
  await bench.spec(EGRESS_FUNCTION, {
    egress: ['api.example.com:1', 'meta.example.com:443', `api.example.com:${port}`, `api.example.com:${webPort}`, 'gone.example.com:443'],
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

  test('a request for an http URL comes to its host as its own, and the answer back', async () => {
    const url = `http://api.example.com:${webPort}/echo?a=b`
    const own = 'X-End: 1\r\nX-End: 2\r\nContent-Length: 4\r\n'
    const hop = 'Proxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n'
    const raw = `POST ${url} HTTP/1.1\r\nHost: other.example.com\r\n${hop}${own}\r\nbody`

    const answer = String((await bench.invoke(await spec(), { raw })).json)

    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
    expect(head.toLowerCase().split('\r\n').filter((line) => /^(x-told|connection|proxy)/.test(line)))
      .toEqual(['x-told: a', 'x-told: b', 'connection: close'])
    expect(body).toContain(JSON.stringify({
      method: 'POST', url: '/echo?a=b', host: `api.example.com:${webPort}`,
      names: ['host', 'x-end', 'x-end', 'content-length', 'connection'], bytes: 4,
    }))
  }) // prettier-ignore

  test('bodies of any size go through it both ways', async () => {
    const at = `http://api.example.com:${webPort}`

    const up = await bench.invoke(await spec(), { plain: `${at}/echo`, bytes: BIG_BYTES })
    const down = await bench.invoke(await spec(), { plain: `${at}/big`, bytes: 0 })

    expect(up.json).toMatchObject({ status: 201, text: expect.stringContaining(`"bytes":${BIG_BYTES}`) as string })
    expect(down.json).toMatchObject({ status: 200, length: BIG_BYTES })
  }) // prettier-ignore

  test('Python’s own client finds it by the variables', async () => {
    const url = `http://api.example.com:${webPort}/from-python`
    const app = `import urllib.request
def handler(event, context):
    with urllib.request.urlopen(${JSON.stringify(url)}) as answer:
        return [answer.status, answer.read().decode()]
`
    const egress = [`api.example.com:${webPort}`]
    const one = await bench.spec({ 'app.py': app }, { egress, runtime: 'python3.11', handler: 'app.handler' })

    expect((await bench.invoke(one)).json).toEqual([201, expect.stringContaining('/from-python')])
  }) // prettier-ignore

  test('a second request on one connection goes nowhere', async () => {
    const ask = (path: string) => `GET http://api.example.com:${webPort}${path} HTTP/1.1\r\nHost: x\r\n\r\n`

    const answer = await bench.invoke(await spec(), { raw: `${ask('/first')}${ask('/second')}` })

    expect(answer.text).toContain('/first')
    expect(answer.text).not.toContain('/second')
    expect(heard).not.toContain('/second')
  }) // prettier-ignore

  test('a host that says nothing is 502; one that breaks off ends the connection', async () => {
    const ask = (path: string) => ({ raw: `GET http://api.example.com:${webPort}${path} HTTP/1.1\r\nHost: x\r\n\r\n` })

    const mute = await bench.invoke(await spec(), ask('/mute'))
    expect(mute.json).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/)
    expect(mute.text).toContain('it closed without an answer')
    expect((await bench.invoke(await spec(), ask('/broken'))).json).toMatch(/\r\n\r\nhalf$/)
  }) // prettier-ignore

  test.each([
    ['one for the proxy itself', '/', 'CONNECT host:port opens a tunnel'],
    ['one of another kind', 'https://api.example.com:1/', 'CONNECT host:port opens a tunnel'],
    ['one that names a user', 'http://me:secret@api.example.com:1/a?token=secret#secret', 'CONNECT host:port opens a tunnel'],
    ['port 80 where it is not listed', 'http://api.example.com/', 'not on the list'],
    ['a host that is not listed', 'http://other.example.com:1/', 'not on the list'],
    ['an address', 'http://127.0.0.1:1/', 'never by an address'],
    ['an address of version 6', 'http://[::1]:1/', 'never by an address'],
    ['a name with an address that is not allowed', 'http://meta.example.com:443/', 'not connected to here'],
  ])('a request that is no tunnel, %s, is refused with 403', async (_what, url, sentence) => {
    const answer = await bench.invoke(await spec(), { raw: `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n` })

    expect(answer.json).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(answer.text).toContain(sentence)
    expect(answer.tail).toContain('[lacre] egress to ')
    expect(answer.tail).not.toContain('secret')
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
