import { connect } from 'node:net'

import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { zipOf } from '../../support/packages.ts'
import { signWithSmithy } from '../../support/signers.ts'

const CODE = `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
exports.slow = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first'); await wait(600); stream.write(' last'); stream.end() })
exports.broken = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('half'); await wait(50); throw new RangeError('cold') })
exports.large = awslambda.streamifyResponse(async (event, stream) => {
  let written = 0
  for (let n = 0; n < event.pieces; n += 1) {
    if (!stream.write(Buffer.alloc(65536, 'x'))) await new Promise((resolve) => stream.once('drain', resolve))
    written += 1 }
  console.log('pieces', written); stream.end() })
exports.plain = async (event) => ({ event })
exports.thrown = async () => { throw new RangeError('cold') }
`
let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
  const names = ['slow', 'broken', 'large', 'plain', 'thrown']
  const code = { ZipFile: zipOf({ 'index.js': CODE }) }
  for (const name of names)
    await createActive(app.client, name, { Code: code, Handler: `index.${name}` })
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

/** Every event of an answer, with the time it came at. */
async function stream(name: string, more: Partial<InvokeWithResponseStreamCommandInput> = {}) {
  const answer = await app.client.send(
    new InvokeWithResponseStreamCommand({ FunctionName: name, Payload: '{}', ...more }),
  )
  const pieces: { text: string; atMs: number }[] = []
  let complete: Record<string, unknown> | undefined
  for await (const event of answer.EventStream ?? []) {
    if (event.PayloadChunk !== undefined) {
      const text = Buffer.from(event.PayloadChunk.Payload ?? []).toString()
      pieces.push({ text, atMs: performance.now() })
    }
    if (event.InvokeComplete !== undefined) complete = { ...event.InvokeComplete }
  }
  const text = pieces.map((piece) => piece.text).join('')
  return { answer, pieces, text, complete, endedMs: performance.now() }
}

test('the unmodified SDK reads the first piece before the handler has ended', async () => {
  const { answer, pieces, text, complete } = await stream('slow', { LogType: 'Tail' })

  expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' })
  expect(answer.ResponseStreamContentType).toBe('application/vnd.amazon.eventstream')
  expect(text).toBe('first last')
  expect(pieces[0]?.text).toBe('first')
  expect((pieces.at(-1)?.atMs ?? 0) - (pieces[0]?.atMs ?? 0)).toBeGreaterThan(300)
  expect(complete?.['ErrorCode']).toBeUndefined()
  expect(Buffer.from(String(complete?.['LogResult']), 'base64').toString()).toContain('REPORT')
})

test('an error after the first byte comes in InvokeComplete', async () => {
  const { text, complete } = await stream('broken')

  expect(text).toBe('half')
  expect(complete).toMatchObject({ ErrorCode: 'Unhandled' })
  expect(JSON.parse(String(complete?.['ErrorDetails']))).toMatchObject({
    errorType: 'RangeError',
    errorMessage: 'cold',
  })
})

test('a function that does not stream is one piece, its error the end without one', async () => {
  const plain = await stream('plain', { Payload: '{"n":1}' })
  const thrown = await stream('thrown')

  expect(JSON.parse(plain.text)).toEqual({ event: { n: 1 } })
  expect(plain.complete).toEqual({})
  expect(thrown.pieces).toEqual([])
  expect(thrown.complete).toMatchObject({ ErrorCode: 'Unhandled' })
  expect(String(thrown.complete?.['ErrorDetails'])).toContain('"errorType":"RangeError"')
})

test('Invoke of a streaming function answers all of it at once', async () => {
  const answer = await app.client.send(new InvokeCommand({ FunctionName: 'slow', Payload: '{}' }))

  expect(Buffer.from(answer.Payload ?? []).toString()).toBe('first last')
})

test('more than 6 MB goes through a stream', async () => {
  const { text, complete } = await stream('large', { Payload: '{"pieces":160}' })

  expect(text).toHaveLength(160 * 65_536)
  expect(complete).toEqual({})
})

test('what fails before the first byte is an HTTP error, a dry run an empty 204', async () => {
  const call = (input: Partial<InvokeWithResponseStreamCommandInput>) =>
    app.client.send(new InvokeWithResponseStreamCommand({ FunctionName: 'plain', ...input }))

  const missing = await refusalOf(call({ FunctionName: 'nothing' }))
  const event = await refusalOf(call({ InvocationType: 'Event' as 'DryRun' }))
  const noJson = await refusalOf(call({ Payload: '{' }))
  const dry = await call({ InvocationType: 'DryRun' })

  expect(missing).toMatchObject({ status: 404, name: 'ResourceNotFoundException' })
  expect(event).toMatchObject({ status: 400, name: 'ValidationException' })
  expect(noJson).toMatchObject({ status: 400, name: 'InvalidRequestContentException' })
  expect(dry.StatusCode).toBe(204)
})

/** The bytes of a signed call, as a client of one's own would send them. */
async function signedCall(name: string, body: string): Promise<string> {
  const { host } = new URL(app.url)
  const path = `/2021-11-15/functions/${name}/response-streaming-invocations`
  const signed = await signWithSmithy(app.admin, { path, headers: { host }, body })
  const lines = Object.entries({ ...signed.headers, 'content-length': String(body.length) })
  const head = lines.map(([header, value]) => `${header}: ${value}\r\n`).join('')
  return `POST ${signed.url} HTTP/1.1\r\n${head}\r\n${body}`
}

test('a client that reads nothing makes the function wait, not the service grow', async () => {
  const before = process.memoryUsage().arrayBuffers
  const { port } = new URL(app.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.pause()
  socket.write(await signedCall('large', '{"pieces":800}'))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const heldMb = (process.memoryUsage().arrayBuffers - before) / 1_048_576

  // 50 MB were asked for: what waits is no more than the sockets and one piece.
  expect(heldMb).toBeLessThan(20)
  expect(app.deps.runtime.stats().busy).toBe(1)
  socket.destroy()
  // The client has gone: the function runs to its end, and what it writes is thrown away.
  await expect.poll(() => app.deps.runtime.stats().busy, { timeout: 10_000 }).toBe(0)
})
