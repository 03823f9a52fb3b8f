import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { askUrl, createNode, openUrl, type OpenedUrl, type UrlAsk } from '../../support/urls.ts'

let app: TestApp
let url: OpenedUrl
beforeAll(async () => {
  app = await startTestApp()
  await createNode(app.client, 'echo', 'exports.handler = async (event) => event')
  url = await openUrl(app.client, 'echo')
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

/** The event that the function saw. */
async function eventOf(ask: UrlAsk, host = url.host): Promise<Record<string, unknown>> {
  return (await askUrl(app.functionUrls, host, ask)).json()
}

test('a URL answers real requests with payload 2.0', async () => {
  const before = Date.now()
  const event = await eventOf({
    method: 'POST',
    path: '/custom_path/extend?test_param=test_value&b=1&b=2&empty&sp=a+b%20c&bad=%zz',
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'User-Agent': 'agent/1',
      'X-Many': ['one', 'two'],
      Cookie: 'a=1; b=2',
    },
    body: 'text é',
  })

  expect(url.functionUrl).toMatch(/^http:\/\/[a-z0-9]{32}\.lambda-url\.us-east-1\.localhost:\d+\/$/)
  expect(event).toMatchObject({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/custom_path/extend',
    rawQueryString: 'test_param=test_value&b=1&b=2&empty&sp=a+b%20c&bad=%zz',
    cookies: ['a=1', 'b=2'],
    queryStringParameters: {
      test_param: 'test_value',
      b: '1,2',
      empty: '',
      sp: 'a b c',
      bad: '%zz',
    },
    body: 'text é',
    isBase64Encoded: false,
  })
  const { port } = new URL(app.functionUrls)
  expect(event['headers']).toEqual({
    host: url.host,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': '7',
    'user-agent': 'agent/1',
    'x-many': 'one,two',
    cookie: 'a=1; b=2',
    'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/) as string,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-port': port,
    'x-forwarded-proto': 'http',
  })
  expect(event['requestContext']).toEqual({
    accountId: 'anonymous',
    apiId: url.id,
    domainName: `${url.id}.lambda-url.us-east-1.localhost`,
    domainPrefix: url.id,
    http: {
      method: 'POST',
      path: '/custom_path/extend',
      protocol: 'HTTP/1.1',
      sourceIp: '127.0.0.1',
      userAgent: 'agent/1',
    },
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    routeKey: '$default',
    stage: '$default',
    time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/) as string,
    timeEpoch: expect.any(Number) as number,
  })
  const { timeEpoch } = event['requestContext'] as { timeEpoch: number }
  expect(timeEpoch).toBeGreaterThanOrEqual(before)
  expect(timeEpoch).toBeLessThanOrEqual(Date.now())
})

test('trap 12: percent-encodings stay in rawPath as they came', async () => {
  const event = await eventOf({ path: '/pa2%Fth/1%2F2/%C3%A9//x/../y;v=1' })

  expect(event['rawPath']).toBe('/pa2%Fth/1%2F2/%C3%A9//x/../y;v=1')
  expect(event['requestContext']).toMatchObject({
    http: { path: '/pa2%Fth/1%2F2/%C3%A9//x/../y;v=1' },
  })
})

test('without a body, a query and cookies there are no members for them', async () => {
  const event = await eventOf({})

  expect(Object.keys(event)).toEqual([
    'version',
    'routeKey',
    'rawPath',
    'rawQueryString',
    'headers',
    'requestContext',
    'isBase64Encoded',
  ])
  expect([event['rawPath'], event['rawQueryString']]).toEqual(['/', ''])
})

test.each<[string, string | undefined, Buffer, boolean]>([
  ['JSON', 'application/json', Buffer.from('{"a":1}'), false],
  ['JSON of a kind', 'application/problem+json', Buffer.from('{}'), false],
  ['XML', 'application/xml', Buffer.from('<a/>'), false],
  ['a form', 'application/x-www-form-urlencoded', Buffer.from('a=1'), true],
  ['a multipart form', 'multipart/form-data; boundary=x', Buffer.from('--x--'), true],
  ['bytes', 'application/octet-stream', Buffer.from([0, 255]), true],
  ['text that is no UTF-8', 'text/plain', Buffer.from([0xff, 0xfe]), true],
  ['no type', undefined, Buffer.from('x'), true],
])('a body of %s is given as what it is', async (_name, type, body, base64) => {
  const event = await eventOf({
    method: 'PUT',
    headers: type === undefined ? {} : { 'content-type': type },
    body,
  })

  expect(event['isBase64Encoded']).toBe(base64)
  expect(Buffer.from(String(event['body']), base64 ? 'base64' : 'utf8')).toEqual(body)
})

test('a compressed body is bytes, whatever its type', async () => {
  const headers = { 'content-type': 'text/plain', 'content-encoding': 'gzip' }

  expect((await eventOf({ method: 'POST', headers, body: 'x' }))['isBase64Encoded']).toBe(true)
})

describe('the path form', () => {
  test('names a URL where there is no host name to do it, and is not part of rawPath', async () => {
    const { host } = new URL(app.functionUrls)
    const event = await eventOf({ path: `/lambda-url/${url.id}/a%2Fb?c=d` }, host)
    const bare = await eventOf({ path: `/lambda-url/${url.id}` }, host)

    expect([event['rawPath'], event['rawQueryString']]).toEqual(['/a%2Fb', 'c=d'])
    expect(event['requestContext']).toMatchObject({ apiId: url.id, domainPrefix: url.id })
    expect(bare['rawPath']).toBe('/')
  })

  test('exists on this listener alone, as host names of URLs do', async () => {
    const { host } = new URL(app.url)
    const byPath = await askUrl(app.url, host, { path: `/lambda-url/${url.id}/` })
    const byHost = await askUrl(app.url, url.host, {})

    expect([byPath.status, byHost.status]).toEqual([404, 404])
  })

  test('does not answer under the host name of another URL', async () => {
    const event = await eventOf({ path: `/lambda-url/${'a'.repeat(32)}/x` })

    expect(event['rawPath']).toBe(`/lambda-url/${'a'.repeat(32)}/x`)
  })
})

test.each([
  ['an unknown id', (host: string) => host.replace(/^[a-z0-9]{32}/, 'a'.repeat(32)), 403],
  ['another region', (host: string) => host.replace('us-east-1', 'us-east-2'), 404],
  ['another domain', (host: string) => host.replace('localhost', 'example.com'), 404],
  ['a name before it', (host: string) => `x.${host}`, 404],
  ['no URL', () => 'localhost', 404],
  ['an empty name', () => '', 404],
])('a host name of %s is no URL', async (_name, change, status) => {
  const reply = await askUrl(app.functionUrls, change(url.host))

  expect(reply.status).toBe(status)
  if (status === 403) {
    expect(reply.text).toBe('{"Message":null}')
    expect(reply.headers).toMatchObject({
      'x-amzn-errortype': 'AccessDeniedException',
      'content-type': 'application/json',
    })
  }
})

test('no API of ours answers on the listener of function URLs', async () => {
  const { host } = new URL(app.functionUrls)
  for (const path of ['/healthz', '/metrics', '/api/v1/openapi.json', '/2015-03-31/functions', '/'])
    expect((await askUrl(app.functionUrls, host, { path })).status).toBe(404)
})

test('what a client says of proxies and of AWS is not believed', async () => {
  const event = await eventOf({
    headers: {
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      'X-Amzn-Trace-Id': 'Root=1-0-0',
      'X-Amzn-RequestId': 'mine',
      TE: 'trailers',
      Connection: 'x-private, close',
      'X-Private': 'secret',
      'Keep-Alive': 'timeout=1',
    },
  })

  const headers = event['headers'] as Record<string, string>
  expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' })
  expect(headers['x-amzn-trace-id']).not.toBe('Root=1-0-0')
  for (const name of [
    'x-forwarded-host',
    'x-amzn-requestid',
    'te',
    'connection',
    'x-private',
    'keep-alive',
  ])
    expect(headers).not.toHaveProperty(name)
  expect(event['requestContext']).toMatchObject({ http: { sourceIp: '127.0.0.1' } })
})

test('what is larger than AWS takes is refused, the event counted and not the body alone', async () => {
  const declared = await askUrl(app.functionUrls, url.host, {
    method: 'POST',
    body: Buffer.alloc(6_291_557),
  })
  // Base64 makes a third more of it.
  const grown = await askUrl(app.functionUrls, url.host, {
    method: 'POST',
    body: Buffer.alloc(5_000_000),
  })

  expect([declared.status, grown.status]).toEqual([413, 413])
  expect(declared.json()).toMatchObject({ Type: 'User' })
})
