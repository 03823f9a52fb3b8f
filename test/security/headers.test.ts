import { describe, expect, it } from 'vitest'

import { adminKeys, openEdge } from '../support/edge.ts'
import { listen, rawExchange, statusOf } from '../support/raw-http.ts'
import { signWithSmithy, type Ask } from '../support/signers.ts'

const handlers = {
  PublishVersion: async () => ({ status: 201, body: {} }),
  GetFunction: async () => ({ status: 200, body: {} }),
}

async function rawSigned(
  ask: Ask,
  change: (lines: string[]) => string[] = (lines) => lines,
): Promise<string> {
  const signed = await signWithSmithy(adminKeys, {
    path: '/2015-03-31/functions/f/versions',
    body: '{}',
    ...ask,
  })
  const lines = Object.entries({
    ...signed.headers,
    'content-length': String(signed.body.length),
  }).map(([name, value]) => `${name}: ${value}`)
  const head = [`${signed.method} ${signed.url} HTTP/1.1`, ...change(lines), 'connection: close']
  return `${head.join('\r\n')}\r\n\r\n${String(signed.body)}`
}

describe('content types', () => {
  it.each<[string, number]>([
    ['application/json', 201],
    ['application/json; charset=utf-8', 201],
    ['application/x-amz-json-1.1', 201],
    ['application/octet-stream', 201],
    ['application/json\t', 201],
    ['application/json\t; charset=utf-8', 415],
    ['application/json ; charset=utf-8', 415],
    ['application/json; charset=utf-16', 415],
    ['application/json,text/plain', 415],
    ['text/plain', 415],
    ['application/xml', 415],
    ['multipart/form-data; boundary=x', 415],
    ['a'.repeat(10_000), 415],
  ])('%j is answered %i', async (type, status) => {
    await using edge = await openEdge({ handlers })
    const port = await listen(edge.app)
    // Signed as it will arrive: HTTP strips white space around a value.
    const trimmed = type.replace(/^[ \t]+|[ \t]+$/g, '')
    const request = await rawSigned({ headers: { 'content-type': trimmed } }, (lines) => [
      ...lines.filter((line) => !line.startsWith('content-type')),
      `content-type: ${type}`,
    ])

    expect(statusOf(await rawExchange(port, request))).toBe(status)
  })

  it('may be left out', async () => {
    await using edge = await openEdge({ handlers })
    const port = await listen(edge.app)
    const request = await rawSigned({ headers: { 'content-type': '' } })

    expect(request).not.toContain('content-type')
    expect(statusOf(await rawExchange(port, request))).toBe(201)
  })

  it('refuses a content encoding', async () => {
    await using edge = await openEdge({ handlers })
    const answer = await edge.ask({
      path: '/2015-03-31/functions/f/versions',
      body: '{}',
      headers: { 'content-encoding': 'gzip' },
    })

    expect(answer.status).toBe(415)
  })
})

describe('requests that two readers could read in two ways', () => {
  const target = 'POST /2015-03-31/functions/f/versions HTTP/1.1\r\nhost: localhost\r\n'
  it.each<[string, string]>([
    ['two lengths', `${target}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    [
      'a length and chunks',
      `${target}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['chunked twice', `${target}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    ['another transfer encoding', `${target}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['an obscured transfer encoding', `${target}transfer-encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['a bad chunk size', `${target}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`],
    ['a negative length', `${target}content-length: -1\r\n\r\n`],
    ['a length with a sign', `${target}content-length: +2\r\n\r\n{}`],
    ['a folded header', `${target}x-a: b\r\n c\r\n\r\n`],
    ['a bare line feed', 'POST /2015-03-31/functions/f/versions HTTP/1.1\nhost: localhost\n\n'],
    ['NUL in a header', `${target}x-a: b\u0000c\r\n\r\n`],
    ['no host', 'POST /2015-03-31/functions/f/versions HTTP/1.1\r\n\r\n'],
    ['two hosts', `${target}host: elsewhere\r\ncontent-length: 0\r\n\r\n`],
    [
      'an absolute target',
      'GET http://localhost/2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\n\r\n',
    ],
    ['a target that is no path', 'OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['a tunnel', 'CONNECT localhost:22 HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    [
      'bytes beyond ASCII in the target',
      'GET /2015-03-31/functions/\u00e9 HTTP/1.1\r\nhost: localhost\r\n\r\n',
    ],
    ['an unknown method', 'FROB / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['HTTP/2 in clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['another protocol', '\u0016\u0003\u0001\u0002\u0000\u0001'],
    ['headers without end', `${target}${'x-a: b\r\n'.repeat(20_000)}\r\n`],
    ['an expectation nobody knows', `${target}expect: tea\r\ncontent-length: 0\r\n\r\n`],
  ])('with %s are refused and reach no operation', async (_name, bytes) => {
    let called = false
    const notice = async () => {
      called = true
      return { status: 201, body: {} }
    }
    await using edge = await openEdge({
      handlers: { PublishVersion: notice, ListFunctions: notice, GetFunction: notice },
    })
    const port = await listen(edge.app)

    const answer = await rawExchange(
      port,
      Buffer.from(bytes.replace(/\r\n\r\n/, '\r\nconnection: close\r\n\r\n'), 'latin1'),
    )

    expect(statusOf(answer)).toBeLessThan(500)
    expect(statusOf(answer)).not.toBe(200)
    expect(called).toBe(false)
    expect(edge.log.filter((line) => line.level === 'error')).toEqual([])
  })

  it('a second request hidden in the first one’s body is not answered', async () => {
    await using edge = await openEdge({ handlers })
    const port = await listen(edge.app)
    const hidden = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'
    const request = await rawSigned({ body: hidden })

    const answer = await rawExchange(port, request)

    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(statusOf(answer)).toBe(400)
  })
})

describe('percent-encodings', () => {
  it.each<[string, number]>([
    ['/2015-03-31/functions/f', 200],
    ['/2015-03-31/functions/f%3Aprod', 200],
    ['/2015-03-31/functions/%66', 200],
    ['/2015-03-31/functions/f%00', 200],
    ['/2015-03-31/functions/%2e%2e', 200],
    ['/2015-03-31/functions/a%2Fb', 200],
    ['/2015-03-31/functions/%ff', 404],
    ['/2015-03-31/functions/%', 404],
    ['/2015-03-31/functions/%zz', 404],
    ['/2015-03-31/functions/x/../f', 404],
    ['/2015-03-31/functions/./f', 404],
    ['/2015-03-31//functions/f', 404],
  ])('%s is answered %i, never by a fault of ours', async (path, status) => {
    await using edge = await openEdge({ handlers })
    const port = await listen(edge.app)
    const request = await rawSigned({ method: 'GET', path, body: '' })

    const got = statusOf(await rawExchange(port, request))

    expect(status === 404 ? [400, 404] : [status]).toContain(got)
  })
})

describe('what answers without a signature', () => {
  it('is health and readiness; nothing else', async () => {
    await using edge = await openEdge({ handlers })
    const status = async (url: string, method: 'GET' | 'POST' = 'GET') =>
      (await edge.app.inject({ method, url })).statusCode

    expect(await status('/healthz')).toBe(200)
    expect(await status('/readyz')).toBe(200)
    expect(await status('/metrics')).toBe(403)
    expect(await status('/api/v1/decisions')).toBe(404)
    expect(await status('/2015-03-31/functions')).toBe(403)
    expect(await status('/healthz', 'POST')).toBe(404)
    expect(await status('/console')).toBe(404)
  })

  it('counts failed authentication and leaves nothing else', async () => {
    await using edge = await openEdge({ handlers, config: { openMetrics: true } })

    await edge.app.inject({ method: 'GET', url: '/2015-03-31/functions' })
    const { body } = await edge.app.inject({ method: 'GET', url: '/metrics' })

    expect(body).toContain('lacre_authentication_failures_total{code="MISSING_AUTHENTICATION"} 1')
    expect(await edge.store.reader.selectFrom('ledger_entry').selectAll().execute()).toEqual([])
    expect(await edge.store.reader.selectFrom('seen_signature').selectAll().execute()).toEqual([])
  })

  it('is metrics only where the setting opens them, from this machine too', async () => {
    await using closed = await openEdge()
    await using open = await openEdge({ config: { openMetrics: true } })
    const status = async (edge: typeof open) =>
      (await edge.app.inject({ method: 'GET', url: '/metrics' })).statusCode

    expect(await status(closed)).toBe(403)
    expect(await status(open)).toBe(200)
  })
})
