import { once } from 'node:events'
import { createServer, connect, type Socket } from 'node:net'
import { request as httpRequest } from 'node:http'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { RuntimeApi } from '../../../services/runtime/runtime-api.ts'
import { RuntimeSession, type Answer } from '../../../services/runtime/session.ts'

const ID = '8476a536-e9f4-11e8-9739-2dfe598c3fcd'
let answers: Answer[]
let initErrors: string[]
let pieces: string[]
let room: Promise<void> | undefined
let session: RuntimeSession
let port: number
let close: () => void

beforeEach(async () => {
  answers = []
  initErrors = []
  pieces = []
  room = undefined
  session = new RuntimeSession({
    ready: () => undefined,
    answered: (answer) => answers.push(answer),
    initFailed: (payload, type) => initErrors.push(`${type} ${Buffer.from(payload).toString()}`),
    streamBegun: (contentType) => pieces.push(`begun ${contentType}`),
    piece: (bytes) => {
      pieces.push(Buffer.from(bytes).toString())
      return room
    },
  })
  const api = new RuntimeApi(session)
  const server = createServer((socket: Socket) => api.serve(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as { port: number }).port
  close = () => server.close()
})
afterEach(() => close())

interface Options {
  readonly method?: string
  readonly body?: Uint8Array | string
  readonly headers?: Readonly<Record<string, string>>
  readonly trailers?: Readonly<Record<string, string>>
}

function call(path: string, { method = 'POST', body, headers = {}, trailers }: Options = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      const sent = httpRequest(
        { port, method, path: `/2018-06-01/runtime${path}`, headers, agent: false },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks),
            }),
          )
        },
      )
      sent.on('error', reject)
      if (trailers !== undefined) {
        sent.write(body ?? '')
        sent.addTrailers(trailers)
        sent.end()
      } else sent.end(body)
    },
  )
}

const invocation = {
  requestId: ID,
  deadlineMs: 1_700_000_000_000,
  invokedArn: 'arn:x',
  traceId: 'Root=1',
  clientContext: '{"custom":"é"}',
  payload: Buffer.from('{"a":1}'),
}

/** The runtime has asked, and been given one. */
async function running(): Promise<void> {
  const next = call('/invocation/next', { method: 'GET' })
  await expect.poll(() => session.state).toBe('Ready')
  session.invoke(invocation)
  await next
}

test('next waits, then carries the invocation in headers and body; empty headers are left out', async () => {
  const next = call('/invocation/next', { method: 'GET' })
  await expect.poll(() => session.state).toBe('Ready')
  session.invoke({ ...invocation, traceId: undefined, clientContext: undefined })

  const { status, headers, body } = await next

  expect(status).toBe(200)
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': ID,
    'lambda-runtime-deadline-ms': '1700000000000',
    'lambda-runtime-invoked-function-arn': 'arn:x',
  })
  expect(headers).not.toHaveProperty('lambda-runtime-trace-id')
  expect(headers).not.toHaveProperty('lambda-runtime-client-context')
  expect(body.toString()).toBe('{"a":1}')
})

test('a header cannot be broken out of by a trace id', async () => {
  const next = call('/invocation/next', { method: 'GET' })
  await expect.poll(() => session.state).toBe('Ready')
  session.invoke({ ...invocation, traceId: 'Root=1\r\nX-Evil: 1' })

  expect((await next).headers).not.toHaveProperty('x-evil')
})

test('a response is taken byte for byte with 202, and a second one is out of order', async () => {
  await running()

  const accepted = await call(`/invocation/${ID}/response`, { body: Buffer.from([0, 255, 10]) })
  const again = await call(`/invocation/${ID}/response`, { body: '2' })

  expect([accepted.status, accepted.body.toString()]).toEqual([202, '{"status":"OK"}\n'])
  expect(answers).toEqual([{ kind: 'response', payload: Buffer.from([0, 255, 10]) }])
  expect(again.status).toBe(403)
  expect(JSON.parse(again.body.toString())).toEqual({
    errorMessage:
      'State transition from ResponseSent to InvocationResponse failed for runtime. Error: State transition is not allowed',
    errorType: 'InvalidStateTransition',
  })
})

test.each(['response', 'error'])(
  'a %s for another request is 400 InvalidRequestID',
  async (kind) => {
    await running()

    const refused = await call(`/invocation/00000000-0000-0000-0000-000000000000/${kind}`, {
      body: '{}',
    })

    expect([refused.status, JSON.parse(refused.body.toString())]).toMatchObject([
      400,
      { errorType: 'InvalidRequestID' },
    ])
    expect(answers).toEqual([])
  },
)

test('next without an answer is refused', async () => {
  await running()

  expect((await call('/invocation/next', { method: 'GET' })).status).toBe(403)
})

test('an error passes through with its type', async () => {
  await running()

  const body = '{"errorMessage":"m","errorType":"T"}'
  const accepted = await call(`/invocation/${ID}/error`, {
    body,
    headers: { 'Lambda-Runtime-Function-Error-Type': 'Function.T' },
  })

  expect(accepted.status).toBe(202)
  expect(answers).toEqual([{ kind: 'error', payload: Buffer.from(body), errorType: 'Function.T' }])
})

test('6,291,556 bytes pass, one more is 413 and fails the invocation', async () => {
  await running()
  const most = await call(`/invocation/${ID}/response`, { body: Buffer.alloc(6_291_556) })
  await running()
  const over = await call(`/invocation/${ID}/response`, { body: Buffer.alloc(6_291_557) })

  expect(most.status).toBe(202)
  expect(over.status).toBe(413)
  expect(JSON.parse(over.body.toString())).toEqual({
    errorMessage: 'Exceeded maximum allowed payload size (6291556 bytes).',
    errorType: 'RequestEntityTooLarge',
  })
  expect(answers.map(({ kind }) => kind)).toEqual(['response', 'oversize'])
})

test('an unknown response mode is 400 and fails the invocation', async () => {
  await running()

  const refused = await call(`/invocation/${ID}/response`, {
    body: '1',
    headers: { 'Lambda-Runtime-Function-Response-Mode': 'fast' },
  })

  expect(refused.status).toBe(400)
  expect(answers).toMatchObject([{ kind: 'error', errorType: 'Runtime.InvalidResponseModeHeader' }])
})

test('a streamed answer passes on in pieces, and an error in its trailers ends it', async () => {
  await running()
  const headers = {
    'Lambda-Runtime-Function-Response-Mode': 'streaming',
    'Transfer-Encoding': 'chunked',
  }
  const typed = { ...headers, 'Content-Type': 'text/event-stream' }
  await call(`/invocation/${ID}/response`, { body: 'whole', headers: typed })
  await running()
  const trailers = {
    'Lambda-Runtime-Function-Error-Type': 'Runtime.Broken',
    'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"B"}').toString('base64'),
  }
  await call(`/invocation/${ID}/response`, {
    body: 'half',
    headers: { ...headers, Trailer: Object.keys(trailers).join(', ') },
    trailers,
  })

  expect(answers).toEqual([
    { kind: 'streamed', error: undefined },
    {
      kind: 'streamed',
      error: { payload: Buffer.from('{"errorType":"B"}'), errorType: 'Runtime.Broken' },
    },
  ])
  expect(pieces).toEqual(['begun text/event-stream', 'whole', 'begun undefined', 'half'])
})

test('a streaming runtime is read no further while the receiver of its answer is behind', async () => {
  await running()
  let free = (): void => undefined
  room = new Promise((resolve) => (free = resolve))
  const sent = httpRequest({
    port,
    method: 'POST',
    path: `/2018-06-01/runtime/invocation/${ID}/response`,
    headers: { 'Lambda-Runtime-Function-Response-Mode': 'streaming' },
    agent: false,
  })
  const answered = once(sent, 'response')
  sent.write('1')
  await expect.poll(() => pieces).toContain('1')
  sent.end('2')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const heldBack = [...pieces]
  room = undefined
  free()
  await answered

  expect(heldBack).toEqual(['begun undefined', '1'])
  expect(pieces).toEqual(['begun undefined', '1', '2'])
})

test('a stream whose connection breaks ends with an error', async () => {
  await running()
  const sent = httpRequest({
    port,
    method: 'POST',
    path: `/2018-06-01/runtime/invocation/${ID}/response`,
    headers: { 'Lambda-Runtime-Function-Response-Mode': 'streaming' },
    agent: false,
  })
  sent.on('error', () => undefined)
  sent.write('half')
  await expect.poll(() => pieces).toContain('half')

  sent.destroy()

  await expect
    .poll(() => answers)
    .toMatchObject([{ kind: 'streamed', error: { errorType: 'Runtime.TruncatedResponse' } }])
})

test('init/error is taken once, before the first next', async () => {
  const first = await call('/init/error', { body: '{"errorType":"X"}' })
  const second = await call('/init/error', { body: '{}' })

  expect([first.status, second.status]).toEqual([202, 403])
  expect(initErrors).toEqual(['undefined {"errorType":"X"}'])
})

test('other paths and methods are 404, and malformed HTTP closes the connection', async () => {
  expect((await call('/nothing')).status).toBe(404)
  expect((await call('/invocation/next', { method: 'POST' })).status).toBe(404)
  const socket = connect(port, '127.0.0.1')
  socket.end('GARBAGE\r\n\r\n')
  await once(socket, 'close')
})
