import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { InvokeCommand } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../support/app.ts'
import { Canaries } from '../support/canaries.ts'
import { eventually } from '../support/eventually.ts'
import { createActive } from '../support/functions.ts'
import { zipOf } from '../support/packages.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import { spansOf, treeOf, type ReceivedSpan } from '../support/spans.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

async function withApp(
  work: (app: TestApp, collector: Receiver) => Promise<void>,
  endpoint?: (collector: Receiver) => string,
): Promise<void> {
  const collector = await startReceiver()
  const data = mkdtempSync(join(tmpdir(), 'lacre-tracing-'))
  const url = endpoint?.(collector) ?? collector.url.replace(/\/$/, '')
  const app = await startTestApp({
    data,
    otlpEndpoint: url,
    allowSource: ['127.0.0.1'],
    openMetrics: true,
  })
  try {
    await work(app, collector)
  } finally {
    await app[Symbol.asyncDispose]()
    await collector[Symbol.asyncDispose]()
    rmSync(data, { recursive: true, force: true })
  }
}

const inTrace = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => {
  const { traceId } = spans.find((span) => span.name === name) ?? {}
  return spans.filter((span) => span.traceId === traceId)
}

const metricsOf = async (app: TestApp): Promise<string> =>
  await (await fetch(`${app.url}/metrics`)).text()

/** Adds headers to every request of the client, as a tracing SDK does. */
function withHeaders(app: TestApp, headers: Readonly<Record<string, string>>): void {
  app.client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, headers)
      return next(args)
    },
    { step: 'build', name: 'traced', override: true },
  )
}

test('a deployment is one tree down to its activation, and an invocation one down to its function', async () => {
  const secrets = new Canaries()
  const [inEnvironment, inPayload] = [secrets.make('an environment'), secrets.make('a payload')]
  const code =
    'exports.handler = async (event) => ({ ...event, trace: process.env._X_AMZN_TRACE_ID })'
  let collector: Receiver | undefined
  let answered: unknown
  await withApp(async (app, to) => {
    collector = to
    await createActive(app.client, 'traced', {
      Code: { ZipFile: zipOf({ 'index.js': code }) },
      Environment: { Variables: { SECRET: inEnvironment } },
    })
    withHeaders(app, {
      traceparent: `00-${TRACE}-${PARENT}-01`,
      'x-amzn-trace-id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
    })
    const Payload = JSON.stringify({ secret: inPayload })
    const { Payload: answer } = await app.client.send(
      new InvokeCommand({ FunctionName: 'traced', Payload }),
    )
    answered = JSON.parse(Buffer.from(answer ?? []).toString())
    const text = await metricsOf(app)
    expect(text).toContain('lacre_trace_spans_dropped_total')
  })
  const received = collector?.got ?? []
  const spans = spansOf(received)
  const deploy = inTrace(spans, 'lambda CreateFunction')
  const invoke = spans.filter(({ traceId }) => traceId === TRACE)

  expect(received.every(({ path }) => path === '/v1/traces')).toBe(true)
  expect(received[0]?.headers['content-type']).toBe('application/json')
  expect(treeOf(deploy)).toEqual([
    ['lambda CreateFunction', 'open artifact', 'verify seals', 'decide', ['commit', 'activate']],
  ])
  expect(treeOf(invoke, PARENT)).toEqual([['lambda Invoke', ['invoke', 'lease', 'function']]])
  const [server] = invoke.filter(({ kind }) => kind === 2)
  expect(server?.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.response.status_code': '200',
    'rpc.service': 'lambda',
    'rpc.method': 'Invoke',
  })
  expect(server?.attributes['aws.request_id']).toMatch(/^[0-9a-f-]{36}$/)
  expect(answered).toMatchObject({
    secret: inPayload,
    trace: 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
  })
  for (const { startTimeUnixNano, endTimeUnixNano, spanId, traceId } of spans) {
    expect(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)).toBe(true)
    expect(`${traceId} ${spanId}`).toMatch(/^[0-9a-f]{32} [0-9a-f]{16}$/)
  }
  secrets.look('spans', JSON.stringify(received))
  expect(secrets.take()).toEqual([])
})

test('a refused request fails by its code and tells nothing else; what the caller does not sample is not told', async () => {
  let collector: Receiver | undefined
  await withApp(async (app, to) => {
    collector = to
    const refused = new InvokeCommand({ FunctionName: 'a-name-nobody-has' })
    await expect(app.client.send(refused)).rejects.toThrow()
    withHeaders(app, { traceparent: `00-${TRACE}-${PARENT}-00` })
    await expect(app.client.send(refused)).rejects.toThrow()
  })
  const received = collector?.got ?? []
  const spans = spansOf(received)

  expect(spans.filter(({ name }) => name === 'lambda Invoke')).toMatchObject([
    { attributes: { 'http.response.status_code': '404' } },
  ])
  expect(spans.filter(({ traceId }) => traceId === TRACE)).toEqual([])
  expect(JSON.stringify(received)).not.toContain('a-name-nobody-has')
})

test.each<[string, (collector: Receiver) => void, ((collector: Receiver) => string)?]>([
  [
    'says no',
    (collector) => (collector.answer = (_got, response) => void response.writeHead(500).end()),
  ],
  ['says nothing', (collector) => (collector.answer = () => undefined)],
  ['is not there', () => undefined, () => 'http://127.0.0.1:9'],
  ['is where nothing may be sent', () => undefined, () => 'http://192.0.2.1:4318'],
])('a collector that %s costs spans, and no request', async (_name, spoil, endpoint) => {
  await withApp(async (app, collector) => {
    spoil(collector)
    const ok = await fetch(`${app.url}/api/v1/whoami`)
    expect(ok.status).toBe(403)
    if (_name !== 'says nothing')
      await eventually(() => metricsOf(app)).toMatch(
        /lacre_trace_spans_dropped_total\{reason="export"\} [1-9]/,
      )
  }, endpoint)
})
