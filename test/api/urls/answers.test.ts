import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionUrlConfigCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  UpdateFunctionUrlConfigCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { signWithSmithy } from '../../support/signers.ts'
import {
  askUrl,
  createNode,
  openUrl,
  permitUrl,
  toOpened,
  type OpenedUrl,
  type UrlAsk,
} from '../../support/urls.ts'

/** Answers what the request's body says, as JavaScript. */
const SAYS = `exports.handler = async (event) => (0, eval)('(' + (event.body ?? 'null') + ')')`
const FORBIDDEN =
  '{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}'

let app: TestApp
let url: OpenedUrl
beforeAll(async () => {
  app = await startTestApp()
  await createNode(app.client, 'says', SAYS)
  url = await openUrl(app.client, 'says')
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

const ask = (asked: UrlAsk, host = url.host) => askUrl(app.functionUrls, host, asked)
const says = (result: string, asked: UrlAsk = {}, host = url.host) =>
  ask({ method: 'POST', headers: { 'content-type': 'text/plain' }, body: result, ...asked }, host)

describe('what a function answers', () => {
  test.each([
    ['an object', '{"hello":"world"}', '{"hello":"world"}'],
    ['text', '"hello"', 'hello'],
    ['a number', '3.1', '3.1'],
    ['a truth', 'true', 'true'],
    ['a list', '["hello",3,true]', '["hello",3,true]'],
    ['nothing', 'null', 'null'],
    ['an object without a status', '{"body":"x"}', '{"body":"x"}'],
  ])('%s without a status code is 200 in JSON', async (_name, result, body) => {
    const reply = await says(result)

    expect([reply.status, reply.text]).toEqual([200, body])
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    })
    expect(reply.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
    expect(reply.headers['x-amzn-trace-id']).toMatch(/^Root=1-/)
  })

  test('an object with one says status, headers, cookies and body', async () => {
    const reply = await says(
      `{statusCode: 201, headers: {'My-Custom': 'Value', 'x-number': 7, 'content-type': 'text/html'}, cookies: ['a=1; HttpOnly', 'b=2'], body: '<p>é'}`,
    )

    expect([reply.status, reply.text]).toEqual([201, '<p>é'])
    expect(reply.headers).toMatchObject({
      'my-custom': 'Value',
      'x-number': '7',
      'content-type': 'text/html',
      'set-cookie': ['a=1; HttpOnly', 'b=2'],
      'content-length': '5',
    })
  })

  test('a status in text, a body in base64, a body that is an object', async () => {
    const teapot = await says(`{statusCode: '418', body: "i'm a teapot"}`)
    const bytes = await says(`{statusCode: 200, body: 'AP8=', isBase64Encoded: true}`)
    const object = await says(`{statusCode: 200, body: {a: 1}}`)

    expect([teapot.status, teapot.text]).toEqual([418, "i'm a teapot"])
    expect(bytes.body).toEqual(Buffer.from([0, 255]))
    expect(object.text).toBe('{"a":1}')
  })

  test('204 and 304 have no body, HEAD has its length', async () => {
    const empty = await says(`{statusCode: 204, body: 'x'}`)
    const same = await says(`{statusCode: 304, headers: {etag: '"1"'}, body: 'x'}`)
    await createNode(
      app.client,
      'head',
      `exports.handler = async () => ({statusCode: 200, body: 'four'})`,
    )
    const head = await ask({ method: 'HEAD' }, (await openUrl(app.client, 'head')).host)

    expect([empty.status, empty.text, empty.headers['content-length']]).toEqual([
      204,
      '',
      undefined,
    ])
    expect([same.status, same.text, same.headers['etag']]).toEqual([304, '', '"1"'])
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '4'])
  })

  test.each([
    ['a status that is none', '{statusCode: 42}'],
    ['an interim status', '{statusCode: 101}'],
    ['a status beyond all', '{statusCode: 600}'],
    ['a status that is no number', `{statusCode: 'ok'}`],
    ['headers that are a list', '{statusCode: 200, headers: ["a"]}'],
    ['a header that is an object', '{statusCode: 200, headers: {a: {}}}'],
    ['a line end in a header', `{statusCode: 200, headers: {a: 'b\\r\\nx-evil: 1'}}`],
    ['a line end in a name', `{statusCode: 200, headers: {'a\\r\\nx-evil': '1'}}`],
    ['NUL in a header', `{statusCode: 200, headers: {a: 'b\\0c'}}`],
    ['a character that is no byte', `{statusCode: 200, headers: {a: '\\u010d\\u010a'}}`],
    ['a space in a name', `{statusCode: 200, headers: {'a b': '1'}}`],
    ['a line end in a cookie', `{statusCode: 200, cookies: ['a=1\\r\\nx-evil: 1']}`],
    ['cookies that are no list', `{statusCode: 200, cookies: 'a=1'}`],
    ['base64 that is none', `{statusCode: 200, body: '***', isBase64Encoded: true}`],
    ['headers without end', `{statusCode: 200, headers: {a: 'x'.repeat(70000)}}`],
    ['an exception', `(() => { throw new Error('secret') })()`],
  ])('%s is 502 and says nothing of why', async (_name, result) => {
    const reply = await says(result)

    expect([reply.status, reply.text]).toEqual([502, 'Internal Server Error'])
    expect(reply.headers).not.toHaveProperty('x-evil')
  })

  test('what frames the message and what the service says are not the function’s', async () => {
    const reply = await says(
      `{statusCode: 200, body: 'whole', headers: {'content-length': '1', 'Transfer-Encoding': 'chunked', connection: 'upgrade', upgrade: 'h2c',
        'keep-alive': 'x', trailer: 'x', 'x-amzn-requestid': 'mine', 'X-Lacre-Decision-Id': 'mine'}}`,
    )

    expect(reply.text).toBe('whole')
    expect(reply.headers['content-length']).toBe('5')
    for (const name of ['transfer-encoding', 'upgrade', 'trailer', 'x-lacre-decision-id'])
      expect(reply.headers).not.toHaveProperty(name)
    expect(reply.headers['x-amzn-requestid']).not.toBe('mine')
    expect(reply.headers['connection']).not.toBe('upgrade')
  })

  test('its cookies are of its host alone, and none of the console’s', async () => {
    const result = `{statusCode: 200, cookies: ['a=1; Domain=localhost; Path=/x', '__Host-lacre-session=evil; Secure; Path=/', 'b=2; domain = .x'],
      headers: {'Set-Cookie': '__HOST-LACRE=x', 'clear-site-data': '"cookies"'}}`
    const byHost = await says(result)
    const { host } = new URL(app.functionUrls)
    const byPath = await says(result, { path: `/lambda-url/${url.id}/` }, host)

    expect(byHost.headers['set-cookie']).toEqual(['a=1; Path=/x', 'b=2'])
    expect(byHost.headers['clear-site-data']).toBe('"cookies"')
    // Where functions share a host with others, nothing reaches beyond the URL's own path.
    expect(byPath.headers['set-cookie']).toEqual([
      `a=1; Path=/lambda-url/${url.id}/`,
      `b=2; Path=/lambda-url/${url.id}/`,
    ])
    expect(byPath.headers).not.toHaveProperty('clear-site-data')
  })
})

describe('who gets in', () => {
  test('nobody without a statement, everybody with one, nobody once it is gone', async () => {
    await createNode(app.client, 'shut', `exports.handler = async () => 'in'`)
    const shut = await openUrl(app.client, 'shut', { closed: true })
    const before = await ask({}, shut.host)
    await app.client.send(permitUrl('shut'))
    const open = await ask({}, shut.host)
    const asked = { FunctionName: 'shut', StatementId: 'urlPermission' }
    await app.client.send(new RemovePermissionCommand(asked))
    const after = await ask({}, shut.host)

    expect([before.status, before.text]).toEqual([403, FORBIDDEN])
    expect(before.headers['x-amzn-errortype']).toBe('AccessDeniedException')
    expect([open.status, open.text]).toEqual([200, 'in'])
    expect(after.status).toBe(403)
  })

  test('AWS_IAM answers whoever signs for lambda, and tells the function who that is', async () => {
    await createNode(app.client, 'signed', 'exports.handler = async (event) => event')
    const signed = await openUrl(app.client, 'signed', { AuthType: 'AWS_IAM' })
    const call = async (
      change: Partial<Parameters<typeof signWithSmithy>[1]> = {},
      sent = 'body',
    ) => {
      const request = await signWithSmithy(app.admin, {
        path: '/a%2Fb',
        query: { q: '1' },
        headers: { host: signed.host, 'content-type': 'text/plain' },
        body: 'body',
        ...change,
      })
      const { host: _, ...headers } = request.headers
      return await ask({ method: 'POST', path: request.url, headers, body: sent }, signed.host)
    }

    const reply = await call()
    const unsigned = await ask({}, signed.host)
    const elsewhere = await call({ service: 's3' })
    const changed = await call({}, 'more')

    expect(reply.status, reply.text).toBe(200)
    const event = reply.json() as Record<string, Record<string, unknown>>
    expect(event['requestContext']).toMatchObject({
      accountId: app.admin.account,
      authentication: null,
      authorizer: {
        iam: {
          accessKey: app.admin.accessKeyId,
          accountId: app.admin.account,
          cognitoIdentity: null,
          principalOrgId: null,
          userArn: `arn:aws:iam::${app.admin.account}:user/admin`,
        },
      },
    })
    expect(event['headers']).not.toHaveProperty('authorization')
    expect([unsigned.status, unsigned.text]).toEqual([403, FORBIDDEN])
    expect([elsewhere.status, changed.status]).toEqual([403, 403])
    expect(changed.headers['x-amzn-errortype']).toBe('InvalidSignatureException')
  })

  test('a URL of an alias runs its version; of a deleted one nothing', async () => {
    const FunctionName = 'says'
    await app.client.send(new PublishVersionCommand({ FunctionName }))
    const waiting = { client: app.client, maxWaitTime: 20 }
    await waitUntilPublishedVersionActive(waiting, { FunctionName, Qualifier: '1' })
    const Name = 'live'
    await app.client.send(new CreateAliasCommand({ FunctionName, Name, FunctionVersion: '1' }))
    const alias = await openUrl(app.client, 'says', { Qualifier: 'live' })

    const version = await says('process.env.AWS_LAMBDA_FUNCTION_VERSION', {}, alias.host)
    await app.client.send(new DeleteAliasCommand({ FunctionName, Name }))
    const gone = await says('1', {}, alias.host)

    expect(version.text).toBe('1')
    expect([gone.status, gone.text]).toEqual([403, FORBIDDEN])
  })

  test('a changed config holds from the next request on, a deleted one answers nothing', async () => {
    await createNode(app.client, 'changing', `exports.handler = async () => 'in'`)
    const opened = await openUrl(app.client, 'changing')
    const FunctionName = 'changing'
    const open = await ask({}, opened.host)
    const changed = await app.client.send(
      new UpdateFunctionUrlConfigCommand({ FunctionName, AuthType: 'AWS_IAM' }),
    )
    const signed = await ask({}, opened.host)
    await app.client.send(new DeleteFunctionUrlConfigCommand({ FunctionName }))
    const gone = await ask({}, opened.host)

    expect([open.status, signed.status, gone.status]).toEqual([200, 403, 403])
    expect(toOpened(changed.FunctionUrl ?? '').id).toBe(opened.id)
    expect(gone.text).toBe('{"Message":null}')
  })

  test('reserved concurrency of none switches it off with 429', async () => {
    await createNode(app.client, 'off', `exports.handler = async () => 'in'`)
    const off = await openUrl(app.client, 'off')
    await app.client.send(
      new PutFunctionConcurrencyCommand({ FunctionName: 'off', ReservedConcurrentExecutions: 0 }),
    )

    const reply = await ask({}, off.host)

    expect(reply.status).toBe(429)
    expect(reply.json()).toMatchObject({
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
    })
  })
})

describe('CORS', () => {
  const preflight = (origin: string, more: Record<string, string> = {}): UrlAsk => ({
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'PUT', ...more },
  })

  test('without settings a preflight is the function’s, and so are its headers', async () => {
    const asked = preflight('https://a.example')
    const reply = await says(`{statusCode: 200, headers: {'access-control-allow-origin': '*'}}`, {
      ...asked,
      headers: { 'content-type': 'text/plain', ...asked.headers },
    })

    expect(reply.headers['access-control-allow-origin']).toBe('*')
  })

  test('with them the URL answers preflights, and its word stands over the function’s', async () => {
    const code = `exports.handler = async () => ({statusCode: 200, body: 'ran',
      headers: {'Access-Control-Allow-Origin': 'https://evil.example', 'access-control-allow-credentials': 'true', vary: 'accept'}})`
    await createNode(app.client, 'cors', code)
    const { host } = await openUrl(app.client, 'cors', {
      Cors: {
        AllowOrigins: ['https://a.example'],
        AllowMethods: ['GET', 'PUT'],
        AllowHeaders: ['X-Custom'],
        ExposeHeaders: ['etag'],
        AllowCredentials: true,
        MaxAge: 60,
      },
    })

    const allowed = await ask(
      preflight('https://a.example', { 'access-control-request-headers': 'x-custom' }),
      host,
    )
    const header = await ask(
      preflight('https://a.example', { 'access-control-request-headers': 'x-other' }),
      host,
    )
    const foreign = await ask(preflight('https://evil.example'), host)
    const near = await ask(preflight('https://a.example.evil.example'), host)
    const sent = await ask({ headers: { origin: 'https://a.example' } }, host)
    const evil = await ask({ headers: { origin: 'https://evil.example' } }, host)
    const plain = await ask({ method: 'OPTIONS' }, host)

    expect([allowed.status, allowed.text]).toEqual([200, ''])
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'x-custom',
      'access-control-max-age': '60',
      vary: 'Origin',
    })
    for (const refused of [header, foreign, near])
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin')
    expect(sent.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'etag',
      vary: 'accept, Origin',
    })
    expect(evil.text).toBe('ran')
    expect(evil.headers).not.toHaveProperty('access-control-allow-origin')
    expect(evil.headers).not.toHaveProperty('access-control-allow-credentials')
    expect(plain.text).toBe('ran')
  })
})
