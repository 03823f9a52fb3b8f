import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { ReleaseSpec } from '../../services/model/index.ts'
import type { AnswerSink, InvokeOutcome } from '../../services/runtime/index.ts'
import { canRun, RuntimeBench, type Files } from '../support/runtime.ts'

const LIMIT_BYTES = 1_000_000

/** A streaming handler of one body over `event`, `stream` and `context`. */
function streaming(body: string, before = ''): Files {
  return {
    'index.js': `${before}
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => { ${body} })\n`,
  }
}

/** A runtime of its own, speaking AWS's Runtime API: chunks, and trailers where it fails in the middle. */
const FOREIGN_CLIENT = `#!/usr/bin/env node
const http = require('node:http')
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const base = '/2018-06-01/runtime/invocation/'
function next() {
  http.get({ host, port, path: base + 'next' }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk))
    response.on('end', () => answer(response.headers['lambda-runtime-aws-request-id'], JSON.parse(text)))
  })
}
function answer(id, event) {
  const request = http.request({ host, port, method: 'POST', path: base + id + '/response', agent: false, headers: {
    'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked', 'Content-Type': 'text/event-stream',
    Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body' } }, (response) => {
    response.resume()
    response.on('end', next)
  })
  for (const letter of 'abc') request.write(letter)
  if (event.fail) request.addTrailers({ 'Lambda-Runtime-Function-Error-Type': 'Runtime.Broken',
    'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"Broken","errorMessage":"seal"}').toString('base64') })
  request.end()
}
next()
`

/** Keeps what comes; `hold` makes the pieces that follow wait. */
class Kept implements AnswerSink {
  contentType: string | undefined
  begun = 0
  sizeBytes = 0
  writes = 0
  readonly #pieces: Buffer[] = []
  #gate: Promise<void> = Promise.resolve()
  #wake: (() => void)[] = []

  get text(): string {
    return Buffer.concat(this.#pieces).toString()
  }

  begin(contentType: string | undefined): void {
    this.begun += 1
    this.contentType = contentType
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#pieces.push(Buffer.from(piece))
    this.sizeBytes += piece.byteLength
    this.writes += 1
    for (const wake of this.#wake.splice(0)) wake()
    await this.#gate
  }

  hold(): () => void {
    let release = (): void => undefined
    this.#gate = new Promise((resolve) => (release = resolve))
    return release
  }

  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }
}

for (const isolation of ['process', 'bubblewrap', 'crun'] as const) {
  describe.skipIf(!canRun(isolation))(`streaming, ${isolation}`, () => {
    let bench: RuntimeBench
    beforeAll(async () => {
      bench = await RuntimeBench.open({
        isolation,
        maxEnvironments: 4,
        streamedAnswerLimitBytes: LIMIT_BYTES,
      })
    })
    afterAll(() => bench[Symbol.asyncDispose]())

    const call = (spec: ReleaseSpec, answer: AnswerSink, event: unknown = {}) =>
      bench.runtime.invoke(spec, {
        requestId: randomUUID(),
        payload: Buffer.from(JSON.stringify(event)),
        invokedArn: `${spec.functionArn}:live`,
        tail: true,
        answer,
        signal: new AbortController().signal,
      })
    const json = (outcome: InvokeOutcome): unknown =>
      JSON.parse(Buffer.from(outcome.payload).toString())

    test('the first byte is there before the handler has ended, and it serves again', async () => {
      const spec = await bench.spec(
        streaming(`stream.setContentType('text/plain'); stream.write('first ' + (event.n ?? 0));
          await new Promise((resolve) => setTimeout(resolve, 400)); stream.write(' last'); stream.end()`),
      )
      const kept = new Kept()
      let ended = false
      const running = call(spec, kept).finally(() => (ended = true))

      await kept.until('first')
      const endedBefore = ended
      const outcome = await running
      const again = new Kept()
      await call(spec, again, { n: 1 })

      expect(endedBefore).toBe(false)
      expect([kept.text, kept.contentType, kept.begun]).toEqual(['first 0 last', 'text/plain', 1])
      expect(outcome).toMatchObject({ functionError: false, contentType: 'text/plain' })
      expect(outcome.payload.byteLength).toBe(0)
      expect(Buffer.from(outcome.logTail).toString()).toContain('REPORT RequestId')
      expect(again.text).toBe('first 1 last')
      expect(bench.runtime.stats().reset).toBe(0)
    })

    test('a receiver that waits makes the handler wait', async () => {
      const spec = await bench.spec(
        streaming(`const piece = Buffer.alloc(65536, 'x'); let written = 0
          for (let n = 0; n < 14; n += 1) {
            if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve))
            written += 1; console.log('written', written) }
          stream.end()`),
        { timeoutSeconds: 10 },
      )
      const kept = new Kept()
      const release = kept.hold()
      const lines = bench.lines.length
      const running = call(spec, kept)
      await kept.until('x')
      await new Promise((resolve) => setTimeout(resolve, 500))
      const writesWhileHeld = kept.writes
      const log = bench.lines.slice(lines).join('\n')
      release()
      const outcome = await running

      // What the sockets in between hold is all that goes on: far from everything.
      expect(writesWhileHeld).toBeLessThanOrEqual(2)
      expect(log).not.toContain('written 14')
      expect(kept.sizeBytes).toBe(14 * 65_536)
      expect(outcome.functionError).toBe(false)
    })

    test('an HTTP response begins with its prelude and eight zero bytes', async () => {
      const spec = await bench.spec(
        streaming(`const out = awslambda.HttpResponseStream.from(stream, { statusCode: 418, headers: { a: 'b' } })
          out.write('tea'); out.end()`),
      )
      const kept = new Kept()

      await call(spec, kept)

      expect(kept.contentType).toBe('application/vnd.awslambda.http-integration-response')
      expect(kept.text).toBe(`{"statusCode":418,"headers":{"a":"b"}}${'\0'.repeat(8)}tea`)
    })

    test('invoked for a whole answer, it is gathered; over 6 MB it is an error and the environment stays', async () => {
      const spec = await bench.spec(
        streaming(
          `for (let n = 0; n < event.n; n += 1) stream.write(Buffer.alloc(1048576, 'y')); stream.end()`,
        ),
      )

      const small = await bench.invoke(spec, { n: 2 })
      const large = await bench.invoke(spec, { n: 7 })
      const third = await bench.invoke(spec, { n: 1 })

      expect(small.text).toBe('y'.repeat(2_097_152))
      expect(small.contentType).toBe('application/octet-stream')
      expect(large.functionError).toBe(true)
      expect(large.json).toEqual({
        errorMessage:
          'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
        errorType: 'Function.ResponseSizeTooLarge',
      })
      expect(third.text).toHaveLength(1_048_576)
    })

    test('a stream is cut at its limit, byte for byte, and what writes on is ended', async () => {
      const spec = await bench.spec(
        streaming(`for (;;) if (!stream.write(Buffer.alloc(65536, 'z')))
            await new Promise((resolve) => stream.once('drain', resolve))`),
        { timeoutSeconds: 20 },
      )
      const kept = new Kept()
      const resets = bench.runtime.stats().reset

      const outcome = await call(spec, kept)

      expect(kept.sizeBytes).toBe(LIMIT_BYTES)
      expect(outcome.functionError).toBe(true)
      expect(json(outcome)).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' })
      await expect.poll(() => bench.runtime.stats().reset).toBe(resets + 1)
    })

    test('an error before the first byte is an ordinary one', async () => {
      const spec = await bench.spec(streaming(`throw new RangeError('cold')`))
      const kept = new Kept()

      const outcome = await call(spec, kept)

      expect(kept.begun).toBe(0)
      expect(outcome.functionError).toBe(true)
      expect(json(outcome)).toMatchObject({ errorType: 'RangeError', errorMessage: 'cold' })
    })

    test('an error after it ends the answer and is told', async () => {
      const spec = await bench.spec(streaming(`stream.write('half'); throw new RangeError('cold')`))
      const kept = new Kept()

      const outcome = await call(spec, kept)
      const again = await call(spec, new Kept())

      expect(kept.text).toBe('half')
      expect(outcome.functionError).toBe(true)
      expect(json(outcome)).toMatchObject({ errorType: 'RangeError', errorMessage: 'cold' })
      expect(json(again)).toMatchObject({ errorType: 'RangeError' })
    })

    test.each<[string, string, RegExp]>([
      [
        'an uncaught exception',
        `stream.write('half'); setTimeout(() => { throw new RangeError('cold') }, 50); await new Promise(() => {})`,
        /RangeError|Runtime.ExitError/,
      ],
      [
        'an exit',
        `stream.write('half'); setTimeout(() => process.exit(7), 50); await new Promise((r) => setTimeout(r, 5000))`,
        /Runtime.ExitError/,
      ],
      [
        'a stream that nothing will end',
        `stream.write('half'); await new Promise(() => {})`,
        /Runtime.NodeJsExit/,
      ],
      [
        'a timeout',
        `stream.write('half'); await new Promise((r) => setTimeout(r, 9000))`,
        /Sandbox.Timedout/,
      ],
    ])('%s in the middle ends the answer', async (_name, body, expected) => {
      const spec = await bench.spec(streaming(body), { timeoutSeconds: 2 })
      const kept = new Kept()

      const outcome = await call(spec, kept)

      expect(kept.text).toBe('half')
      expect(outcome.functionError).toBe(true)
      expect((json(outcome) as { errorType: string }).errorType).toMatch(expected)
    })

    test('a handler that is not async, and a content type that comes too late, are told', async () => {
      const sync = await bench.spec({
        'index.js': `exports.handler = awslambda.streamifyResponse((event, stream) => { stream.end('x') })\n`,
      })
      const late = await bench.spec(
        streaming(
          `stream.write('x'); await new Promise((r) => stream.write('y', r)); stream.setContentType('a/b')`,
        ),
      )

      const one = await call(sync, new Kept())
      const two = await call(late, new Kept())

      expect(json(one)).toMatchObject({ errorType: 'Runtime.InvalidStreamingOperation' })
      expect(json(two)).toMatchObject({ errorType: 'Runtime.InvalidStreamingOperation' })
    })

    test('an ordinary handler answers a caller who would take pieces as it always does', async () => {
      const spec = await bench.spec({ 'index.js': `exports.handler = async () => ({ a: 1 })\n` })
      const kept = new Kept()

      const outcome = await call(spec, kept)

      expect(kept.begun).toBe(0)
      expect(json(outcome)).toEqual({ a: 1 })
      expect(outcome.contentType).toBeUndefined()
    })

    test('a runtime client that is not ours streams through the Runtime API, an error in its trailers', async () => {
      const spec = await bench.spec(
        { bootstrap: { content: FOREIGN_CLIENT, mode: 0o100755 } },
        { runtime: 'provided.al2023' },
      )
      const one = new Kept()
      const two = new Kept()

      const whole = await call(spec, one, { fail: false })
      const broken = await call(spec, two, { fail: true })

      expect([one.text, one.contentType]).toEqual(['abc', 'text/event-stream'])
      expect(whole.functionError).toBe(false)
      expect(two.text).toBe('abc')
      expect(broken.functionError).toBe(true)
      expect(json(broken)).toEqual({ errorType: 'Broken', errorMessage: 'seal' })
    })

    test('a caller who goes away leaves the handler to its end', async () => {
      const spec = await bench.spec(
        streaming(`for (let n = 0; n < 6; n += 1) { stream.write(Buffer.alloc(65536)); await new Promise((r) => setTimeout(r, 50)) }
          stream.end(); console.log('all of it')`),
      )
      const gone = new AbortController()
      const kept = new Kept()
      const lines = bench.lines.length
      const running = bench.runtime.invoke(spec, {
        requestId: randomUUID(),
        payload: Buffer.from('{}'),
        invokedArn: spec.functionArn,
        tail: false,
        answer: kept,
        signal: gone.signal,
      })
      await kept.until('\0')

      gone.abort(new Error('gone'))

      await expect(running).rejects.toThrow('gone')
      await expect
        .poll(() => bench.lines.slice(lines).join('\n'), { timeout: 5_000 })
        .toContain('all of it')
      await expect.poll(() => bench.runtime.stats().busy).toBe(0)
    })
  })
}
