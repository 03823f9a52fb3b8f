import { connect } from 'node:net'

import { UpdateFunctionUrlConfigCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { RawConnection, rawExchange } from '../../support/raw-http.ts'
import { askUrl, createNode, openUrl, type OpenedUrl } from '../../support/urls.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ openMetrics: true })
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

let made = 0
/** A URL that streams one body over `event` and `stream`. */
async function streaming(body: string): Promise<OpenedUrl> {
  made += 1
  const code = `const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    exports.handler = awslambda.streamifyResponse(async (event, stream) => { ${body} })`
  await createNode(app.client, `stream-${made}`, code, { Timeout: 8 })
  return await openUrl(app.client, `stream-${made}`, { InvokeMode: 'RESPONSE_STREAM' })
}

async function placesTaken(): Promise<number> {
  const text = await (await fetch(`${app.url}/metrics`)).text()
  return Number(/^lacre_admission_in_work\{class="invoke"\} (\d+)$/m.exec(text)?.[1])
}

const port = () => Number(new URL(app.functionUrls).port)
const get = (host: string) => `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`

test('the first byte reaches the client before the handler ends', async () => {
  const { host } = await streaming(
    `stream.setContentType('text/event-stream'); stream.write('data: 1\\n\\n'); await wait(800); stream.write('data: 2\\n\\n'); stream.end()`,
  )
  const connection = new RawConnection(port())
  connection.write(get(host))

  const begun = await connection.until(/data: 1/)
  const firstMs = performance.now()
  const whole = await connection.end()

  expect(begun).not.toContain('data: 2')
  expect(performance.now() - firstMs).toBeGreaterThan(400)
  expect(whole).toMatch(/^HTTP\/1\.1 200 /)
  expect(whole).toMatch(/content-type: text\/event-stream\r\n/)
  expect(whole).toMatch(/transfer-encoding: chunked\r\n/i)
  expect(whole.trimEnd()).toMatch(/data: 2[\s\S]*\r\n0$/)
})

test('a prelude says status, headers and cookies, however it is cut', async () => {
  const { host } = await streaming(`const out = awslambda.HttpResponseStream.from(stream,
      { statusCode: 418, headers: { 'X-A': 'b', 'content-type': 'text/plain' }, cookies: ['c=1; Domain=x', '__Host-lacre=x'] })
    out.write('te'); await wait(30); out.write('a'); out.end()`)
  const { host: bare } = await streaming(
    `stream.setContentType('application/vnd.awslambda.http-integration-response')
     for (const byte of Buffer.from('{"statusCode":201}\\0\\0\\0\\0\\0\\0\\0\\0body')) { stream.write(Buffer.of(byte)); await wait(1) } stream.end()`,
  )

  const reply = await askUrl(app.functionUrls, host)
  const cut = await askUrl(app.functionUrls, bare)

  expect([reply.status, reply.text]).toEqual([418, 'tea'])
  expect(reply.headers).toMatchObject({
    'x-a': 'b',
    'content-type': 'text/plain',
    'set-cookie': ['c=1'],
  })
  expect([cut.status, cut.text]).toEqual([201, 'body'])
})

test.each([
  ['a header that breaks out', `{"statusCode":200,"headers":{"a":"b\\\\r\\\\nx-evil: 1"}}`],
  ['no JSON', `{"statusCode"`],
  ['a status that is none', `{"statusCode":1000}`],
])('a prelude with %s is 502', async (_name, prelude) => {
  const { host } = await streaming(
    `stream.setContentType('application/vnd.awslambda.http-integration-response')
     stream.write('${prelude}' + '\\0'.repeat(8) + 'body'); stream.end()`,
  )

  const reply = await askUrl(app.functionUrls, host)

  expect([reply.status, reply.text]).toEqual([502, 'Internal Server Error'])
  expect(reply.headers).not.toHaveProperty('x-evil')
})

test('a prelude that never ends is 502, and the function is not held', async () => {
  const { host } = await streaming(
    `stream.setContentType('application/vnd.awslambda.http-integration-response')
     for (let n = 0; n < 40; n += 1) { stream.write('x'.repeat(10000)); await wait(1) } stream.end()`,
  )

  expect((await askUrl(app.functionUrls, host)).status).toBe(502)
  await expect.poll(() => app.deps.runtime.stats().busy).toBe(0)
})

test('an error before the first byte is 502; after it the connection breaks', async () => {
  const { host: before } = await streaming(`throw new Error('cold')`)
  const { host: after } = await streaming(
    `stream.write('half'); await wait(50); throw new Error('cold')`,
  )

  const refused = await askUrl(app.functionUrls, before)
  const broken = await rawExchange(port(), get(after))

  expect([refused.status, refused.text]).toEqual([502, 'Internal Server Error'])
  expect(broken).toContain('half')
  // No last chunk: a client knows that it has not everything.
  expect(broken).not.toMatch(/\r\n0\r\n/)
})

test('a handler that does not stream is passed on as it is', async () => {
  await createNode(
    app.client,
    'plain',
    `exports.handler = async () => ({ statusCode: 201, body: 'x' })`,
  )
  const { host } = await openUrl(app.client, 'plain', { InvokeMode: 'RESPONSE_STREAM' })
  const streamed = await askUrl(app.functionUrls, host)
  await app.client.send(
    new UpdateFunctionUrlConfigCommand({ FunctionName: 'plain', InvokeMode: 'BUFFERED' }),
  )
  const buffered = await askUrl(app.functionUrls, host)

  expect([streamed.status, streamed.text]).toEqual([200, '{"statusCode":201,"body":"x"}'])
  expect([buffered.status, buffered.text]).toEqual([201, 'x'])
})

test('a streaming handler behind a buffered URL is one whole answer', async () => {
  const code = `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const out = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { 'x-a': 'b' } }); out.write('a'); out.write('b'); out.end() })`
  await createNode(app.client, 'gathered', code)
  const { host } = await openUrl(app.client, 'gathered')

  const reply = await askUrl(app.functionUrls, host)

  expect([reply.status, reply.text, reply.headers['x-a']]).toEqual([202, 'ab', 'b'])
  expect(reply.headers['content-length']).toBe('2')
})

test('a client that reads nothing makes the function wait; one that goes leaves it to its end', async () => {
  const { host } = await streaming(
    `for (let n = 0; n < 640; n += 1) if (!stream.write(Buffer.alloc(65536, 'x'))) await new Promise((r) => stream.once('drain', r))
     stream.end()`,
  )
  const before = process.memoryUsage().arrayBuffers
  const socket = connect(port(), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(get(host))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const heldMb = (process.memoryUsage().arrayBuffers - before) / 1_048_576
  const busy = app.deps.runtime.stats().busy
  socket.destroy()

  expect(busy).toBe(1)
  expect(heldMb).toBeLessThan(16)
  await expect.poll(() => app.deps.runtime.stats().busy, { timeout: 7_000 }).toBe(0)
})

test('a client that goes before the first byte leaves a function that can still write to its end', async () => {
  const { host } = await streaming(
    `await wait(1500); for (let n = 0; n < 32; n += 1) if (!stream.write(Buffer.alloc(65536))) await new Promise((r) => stream.once('drain', r))
     stream.end()`,
  )
  await askUrl(app.functionUrls, host)
  const resets = app.deps.runtime.stats().reset
  const connection = new RawConnection(port())
  connection.write(get(host))
  await expect.poll(() => app.deps.runtime.stats().busy).toBe(1)
  connection.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const held = [app.deps.runtime.stats().busy, await placesTaken()]

  // No other invocation has its place as long.
  expect(held).toEqual([1, 1])
  await expect.poll(() => app.deps.runtime.stats().busy, { timeout: 5_000 }).toBe(0)
  await expect.poll(placesTaken).toBe(0)
  expect(app.deps.runtime.stats().reset).toBe(resets)
})
