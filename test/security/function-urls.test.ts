import { PutResourcePolicyCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { openAuthenticator } from '../../services/auth/index.ts'
import {
  Admission,
  admissionLimits,
  createMetrics,
  openUrlListener,
  type HttpConfig,
} from '../../services/http/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { plainBox } from '../support/edge.ts'
import { RawConnection, rawExchange, statusOf } from '../support/raw-http.ts'
import { signWithSmithy } from '../support/signers.ts'
import { askUrl, createNode, openUrl, type OpenedUrl } from '../support/urls.ts'

let app: TestApp
let url: OpenedUrl
let port: number
beforeAll(async () => {
  app = await startTestApp()
  // What ran is counted where the test can see it: in the answer.
  const code = `let calls = 0; exports.handler = async (event) => ({ calls: ++calls, event })`
  await createNode(app.client, 'echo', code)
  url = await openUrl(app.client, 'echo')
  port = Number(new URL(app.functionUrls).port)
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

interface Echo {
  readonly calls: number
  readonly event: {
    readonly headers: Readonly<Record<string, string>>
    readonly cookies?: readonly string[]
    readonly requestContext: { readonly http: { readonly sourceIp: string } }
  }
}

async function echo(headers: Readonly<Record<string, string | readonly string[]>> = {}) {
  return (await askUrl(app.functionUrls, url.host, { headers })).json() as unknown as Echo
}

const jwt = (claims: object): string =>
  ['{"alg":"ES256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')

describe('what is ours never reaches a function', () => {
  test.each([
    '__Host-lacre-session=1; a=2',
    'a=2; __Host-lacre=1',
    'a=2; __host-LACRE-x=1',
    'a=2;__Host-lacrecsrf=1',
  ])('a cookie of the console: %s', async (cookie) => {
    const { event } = await echo({ cookie })

    expect(event.cookies).toEqual(['a=2'])
    expect(event.headers['cookie']).toBe('a=2')
    expect(JSON.stringify(event)).not.toMatch(/__host-lacre/i)
  })

  test('a cookie of the console in a field of its own', async () => {
    const { event } = await echo({ cookie: ['__Host-lacre-session=1'] })

    expect(event).not.toHaveProperty('cookies')
    expect(event.headers).not.toHaveProperty('cookie')
  })

  test('a signature of our APIs, right or wrong, at a URL that asks for none', async () => {
    const signed = await signWithSmithy(app.admin, {
      method: 'GET',
      path: '/',
      headers: { host: url.host, 'content-type': '' },
    })
    const { host: _, ...headers } = signed.headers

    const right = await echo(headers)
    const wrong = await echo({
      authorization: '  aws4-hmac-sha256 Credential=AKIA/x',
      'x-amz-security-token': 't',
    })

    for (const { event } of [right, wrong]) {
      expect(event.headers).not.toHaveProperty('authorization')
      expect(event.headers).not.toHaveProperty('x-amz-security-token')
    }
  })

  test('a function’s own scheme does', async () => {
    const basic = await echo({ authorization: 'Basic dTpw' })
    const bearer = await echo({ authorization: `Bearer ${jwt({ aud: 'https://shop.example' })}` })

    expect(basic.event.headers['authorization']).toBe('Basic dTpw')
    expect(bearer.event.headers['authorization']).toMatch(/^Bearer /)
  })
})

describe('who is let in by the words of a policy', () => {
  const statement = (more: object) => ({
    Effect: 'Allow',
    Principal: '*',
    Action: 'lambda:InvokeFunctionUrl',
    ...more,
  })

  test.each<[string, object[], number]>([
    ['an Allow for everybody', [statement({})], 200],
    ['all of Lambda', [statement({ Action: 'lambda:*' })], 200],
    ['a Deny beside it', [statement({}), statement({ Effect: 'Deny' })], 403],
    [
      'a Deny with a condition that is not known here',
      [
        statement({}),
        statement({ Effect: 'Deny', Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
      ],
      403,
    ],
    [
      'a Deny of what the URL then invokes',
      [statement({}), statement({ Effect: 'Deny', Action: 'lambda:InvokeFunction' })],
      403,
    ],
    [
      'an Allow with a condition that is not known here',
      [statement({ Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.1' } } })],
      403,
    ],
    [
      'an Allow for the other type',
      [statement({ Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } } })],
      403,
    ],
    ['an Allow of another action', [statement({ Action: 'lambda:InvokeFunction' })], 403],
    [
      'an Allow for one user',
      [statement({ Principal: { AWS: 'arn:aws:iam::000000000000:user/admin' } })],
      403,
    ],
    ['an Allow for the account', [statement({ Principal: { AWS: '000000000000' } })], 403],
  ])('%s', async (_name, statements, status) => {
    const name = `policy-${Math.random().toString(36).slice(2)}`
    await createNode(app.client, name, `exports.handler = async () => 'in'`)
    const { host } = await openUrl(app.client, name, { closed: true })
    const ResourceArn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`
    const Statement = statements.map((one) => ({ ...one, Resource: ResourceArn }))
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
    await app.client.send(new PutResourcePolicyCommand({ ResourceArn, Policy }))

    expect((await askUrl(app.functionUrls, host)).status).toBe(status)
  })

  test('a Deny stands before a good signature', async () => {
    await createNode(app.client, 'denied', `exports.handler = async () => 'in'`)
    const { host } = await openUrl(app.client, 'denied', { AuthType: 'AWS_IAM' })
    const call = async () => {
      const signed = await signWithSmithy(app.admin, {
        method: 'GET',
        path: '/',
        headers: { host, 'content-type': '' },
      })
      const { host: _, ...headers } = signed.headers
      return (await askUrl(app.functionUrls, host, { headers })).status
    }
    const before = await call()
    const ResourceArn = 'arn:aws:lambda:us-east-1:000000000000:function:denied'
    const Statement = [{ ...statement({ Effect: 'Deny' }), Resource: ResourceArn }]
    await app.client.send(
      new PutResourcePolicyCommand({
        ResourceArn,
        Policy: JSON.stringify({ Version: '2012-10-17', Statement }),
      }),
    )

    expect([before, await call()]).toEqual([200, 403])
  })
})

describe('requests that two readers could read in two ways', () => {
  const target = () => `POST / HTTP/1.1\r\nhost: ${url.host}\r\n`
  test.each<[string, () => string]>([
    ['two lengths', () => `${target()}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    [
      'a length and chunks',
      () => `${target()}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['chunked twice', () => `${target()}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    [
      'another transfer encoding',
      () => `${target()}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'an obscured transfer encoding',
      () => `${target()}transfer-encoding : chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a bad chunk size', () => `${target()}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`],
    [
      'a chunk that lies',
      () => `${target()}transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`,
    ],
    ['a negative length', () => `${target()}content-length: -1\r\n\r\n`],
    ['a folded header', () => `${target()}x-a: b\r\n c\r\n\r\n`],
    ['a bare line feed', () => `POST / HTTP/1.1\nhost: ${url.host}\n\n`],
    ['NUL in a header', () => `${target()}x-a: b\u0000c\r\n\r\n`],
    ['no host', () => 'POST / HTTP/1.1\r\n\r\n'],
    ['two hosts', () => `${target()}host: elsewhere\r\ncontent-length: 0\r\n\r\n`],
    ['an absolute target', () => `GET http://${url.host}/ HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`],
    ['a tunnel', () => `CONNECT ${url.host} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`],
    ['headers without end', () => `${target()}${'x-a: b\r\n'.repeat(20_000)}\r\n`],
    ['one header without end', () => `${target()}x-a: ${'b'.repeat(100_000)}\r\n\r\n`],
    ['an expectation nobody knows', () => `${target()}expect: tea\r\ncontent-length: 0\r\n\r\n`],
  ])('with %s are refused and reach no function', async (_name, bytes) => {
    const { calls } = await echo()

    const answer = await rawExchange(
      port,
      Buffer.from(bytes().replace(/\r\n\r\n/, '\r\nconnection: close\r\n\r\n'), 'latin1'),
    )

    expect(statusOf(answer)).toBeLessThan(500)
    expect(statusOf(answer)).not.toBe(200)
    expect((await echo()).calls).toBe(calls + 1)
  })

  test('a second request in the first one’s body is not answered', async () => {
    const { calls } = await echo()
    const hidden = `GET / HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`

    const answer = await rawExchange(
      port,
      `POST / HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: ${hidden.length}\r\nconnection: close\r\n\r\n${hidden}`,
    )

    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect((await echo()).calls).toBe(calls + 2)
  })

  test('a query named like an object’s prototype is a name like any other', async () => {
    const reply = await askUrl(app.functionUrls, url.host, { path: '/?__proto__=1&constructor=2' })

    expect(reply.text).toContain('"queryStringParameters":{"__proto__":"1","constructor":"2"}')
  })
})

describe('a listener with settings of its own', () => {
  async function open(config: Partial<HttpConfig> = {}, more: object = {}) {
    const { deps } = app
    const { store, clock, place } = deps
    return await openUrlListener({
      deps,
      config: { host: '127.0.0.1', port: 0, ...config },
      elsewhere: false,
      base: undefined,
      authenticator: openAuthenticator({
        store,
        box: plainBox,
        clock,
        place,
        authorizer: deps.access,
      }),
      metrics: createMetrics(),
      admission: new Admission(admissionLimits(8)),
      ...more,
    })
  }
  const portOf = ({ url: at }: { readonly url: string }): number => Number(new URL(at).port)

  test('answers 408 to a body that stops coming, and to headers that never end', async () => {
    await using listener = await open({ bodyIdleMs: 100, headersTimeoutMs: 300 })
    const { calls } = await echo()
    const body = new RawConnection(portOf(listener))
    body.write(`POST / HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: 1000\r\n\r\n{`)
    const headers = new RawConnection(portOf(listener))
    headers.write(`GET / HTTP/1.1\r\nhost: ${url.host}\r\nx-a: `)

    expect(statusOf(await body.end())).toBe(408)
    expect(statusOf(await headers.end())).toBe(408)
    expect((await echo()).calls).toBe(calls + 1)
  })

  test('lets go of a client that reads nothing, and of nothing that reads slowly', async () => {
    const code = `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
      for (let n = 0; n < 400; n += 1) if (!stream.write(Buffer.alloc(65536, 'x'))) await new Promise((r) => stream.once('drain', r))
      stream.end() })`
    await createNode(app.client, 'much', code, { Timeout: 20 })
    const { host } = await openUrl(app.client, 'much', { InvokeMode: 'RESPONSE_STREAM' })
    await using listener = await open({ bodyIdleMs: 2_000 })
    const still = new RawConnection(portOf(listener))
    still.socket.pause()
    const slow = new RawConnection(portOf(listener))
    let read = 0
    slow.socket.on('data', (chunk) => {
      read += chunk.byteLength
      slow.socket.pause()
      setTimeout(() => slow.socket.resume(), 2)
    })
    for (const connection of [still, slow])
      connection.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)

    await slow.end()
    await expect.poll(() => app.deps.runtime.stats().busy, { timeout: 10_000 }).toBe(0)
    still.socket.resume()
    const cut = await still.end()

    expect(read).toBeGreaterThan(400 * 65_536)
    expect(cut.length).toBeLessThan(400 * 65_536)
  })

  test('believes a proxy that was named at start, and its list where the proxy wrote it', async () => {
    await using listener = await open({ trustProxy: 'front' })
    const ask = (headers: Record<string, string | readonly string[]>) =>
      askUrl(listener.url, 'front.example', { headers })

    const reply = await ask({
      'X-Forwarded-Host': url.host,
      'X-Forwarded-For': '6.6.6.6, 203.0.113.9',
      'X-Forwarded-Proto': 'https',
    })
    const two = await ask({ 'X-Forwarded-Host': [url.host, url.host] })
    const none = await ask({})

    const { event } = reply.json() as unknown as Echo
    expect(event.requestContext.http.sourceIp).toBe('203.0.113.9')
    expect(event.headers).toMatchObject({
      'x-forwarded-for': '6.6.6.6, 203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
    })
    expect([two.status, none.status]).toEqual([404, 404])
  })

  test.each([
    ['10.0.0.1, 10.1.0.0/16', 404],
    ['127.0.0.0/8', 200],
    ['10.0.0.1, 127.0.0.1', 200],
  ])('believes the proxy %s where it is the one that asks', async (trustProxy, status) => {
    await using listener = await open({ trustProxy })

    const reply = await askUrl(listener.url, 'front.example', {
      headers: { 'X-Forwarded-Host': url.host },
    })

    expect(reply.status).toBe(status)
  })

  test('keeps back a bearer token that was issued for our own APIs', async () => {
    await using listener = await open({}, { audiences: ['https://lacre.example'] })
    const call = async (aud: string) => {
      const headers = { authorization: `Bearer ${jwt({ aud })}` }
      return (await askUrl(listener.url, url.host, { headers })).json() as unknown as Echo
    }

    expect((await call('https://lacre.example')).event.headers).not.toHaveProperty('authorization')
    expect((await call('https://shop.example')).event.headers).toHaveProperty('authorization')
  })

  test('listens beyond this machine with TLS or a named proxy alone', async () => {
    await expect(open({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  test('takes any port where a default one is taken, and no other where it was named', async () => {
    await using there = await open({}, { elsewhere: true })
    const taken = portOf(there)

    await using elsewhere = await open({ port: taken }, { elsewhere: true })

    expect(portOf(elsewhere)).not.toBe(taken)
    await expect(open({ port: taken })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
