import { randomUUID } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { createConnection, createServer } from 'node:net'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { program, shellExtension } from '../support/extensions.ts'
import { canBubblewrap, RuntimeBench, type Files } from '../support/runtime.ts'

interface Event {
  readonly time: string
  readonly type: string
  readonly record: Record<string, unknown> & { readonly metrics?: Record<string, number> }
}

const canCurl = spawnSync('curl', ['--version']).status === 0

/**
 * An extension in Node that registers, subscribes to telemetry where it listens itself, and keeps what comes in
 * /tmp/events, a line each. `destination` names how; a TCP listener keeps the lines as they come.
 */
function listener(options: {
  readonly destination: object
  readonly path?: string
  readonly schemaVersion?: string
  readonly types?: readonly string[]
  /** How many deliveries are answered 500. */
  readonly refusals?: number
}): Files {
  const { destination, path = '/2022-07-01/telemetry', schemaVersion = '2022-12-13' } = options
  const { types = ['platform', 'function', 'extension'], refusals = 0 } = options
  const buffering = { timeoutMs: 25 }
  return {
    'extensions/listener': program(`#!/var/lang/bin/node
const http = require('http'), net = require('net'), fs = require('fs')
const api = process.env.AWS_LAMBDA_RUNTIME_API
const call = (method, path, headers, body) => new Promise((resolve, reject) => {
  const sent = http.request('http://' + api + path, { method, headers }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ head: response.headers, status: response.statusCode, text }))
  })
  sent.on('error', reject).end(body)
})
let refusals = ${refusals}
const keep = (lines) => { for (const line of lines) fs.appendFileSync('/tmp/events', line + '\\n') }
http.createServer((request, response) => {
  let text = ''
  request.on('data', (chunk) => (text += chunk)).on('end', () => {
    if (refusals-- > 0) return response.writeHead(500).end()
    keep(JSON.parse(text).map((event) => JSON.stringify(event)))
    response.end()
  })
}).listen(8080, 'sandbox.localdomain')
net.createServer((socket) => socket.on('data', (chunk) => fs.appendFileSync('/tmp/events', chunk))).listen(8081, 'sandbox.localdomain')
;(async () => {
  const { head } = await call('POST', '/2020-01-01/extension/register', { 'Lambda-Extension-Name': 'listener' }, '{"events":["INVOKE","SHUTDOWN"]}')
  const id = { 'Lambda-Extension-Identifier': head['lambda-extension-identifier'] }
  const subscribe = (more) => call('PUT', '${path}', id, JSON.stringify({
    schemaVersion: '${schemaVersion}', types: ${JSON.stringify(types)}, buffering: ${JSON.stringify(buffering)},
    destination: ${JSON.stringify(destination)}, ...more }))
  const bad = await subscribe({ types: ['all'] })
  const good = await subscribe({})
  fs.writeFileSync('/tmp/subscribed', [bad.status, bad.text, good.status, good.text].join(' '))
  console.log('listening')
  for (let n = 0; ; n += 1) {
    const { eventType } = JSON.parse((await call('GET', '/2020-01-01/extension/event/next', id)).text)
    if (n === 0) { const late = await subscribe({}); fs.writeFileSync('/tmp/late', late.status + ' ' + late.text) }
    if (eventType === 'SHUTDOWN') {
      await new Promise((resolve) => setTimeout(resolve, 300))
      for (const line of fs.readFileSync('/tmp/events', 'utf8').split('\\n')) if (line.includes('platform.report')) console.log('kept ' + line)
      process.exit(0)
    }
  }
})()
`),
  }
}

const CODE: Files = {
  'index.js': `const fs = require('fs')
console.log('while it starts')
exports.handler = async (event) => {
  console.log('in the handler')
  for (let n = 0; n < (event.lines ?? 0); n += 1) console.log('x'.repeat(10_000))
  if (event.read) fs.writeFileSync('/tmp/read', '')
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs))
  if (event.exit) process.exit(event.exit)
  const read = (name) => fs.existsSync('/tmp/' + name) ? fs.readFileSync('/tmp/' + name, 'utf8') : ''
  return { events: read('events'), subscribed: read('subscribed'), late: read('late') }
}\n`,
}

describe.skipIf(!canBubblewrap)('telemetry in the sandbox', () => {
  let bench: RuntimeBench
  beforeAll(async () => {
    bench = await RuntimeBench.open({ isolation: 'bubblewrap', maxEnvironments: 20 })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const specOf = (layer: Files, more: object = {}) =>
    bench.spec(CODE, { layers: [layer], memoryMb: 512, ...more })

  /** Invokes until what the extension has kept holds what is asked for. */
  async function until(
    spec: Awaited<ReturnType<typeof specOf>>,
    has: (events: readonly Event[]) => boolean,
  ): Promise<readonly Event[]> {
    let events: readonly Event[] = []
    await eventually(async () => {
      // Long enough for a batch to arrive while nothing is frozen.
      const { json, tail } = await bench.invoke(spec, { sleepMs: 100 })
      const { events: text } = json as { events?: string }
      expect(text, tail).toBeDefined()
      events = (text ?? '')
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Event]))
      return has(events)
    }).toBe(true)
    return events
  }

  test.each([
    ['HTTP', { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080' }],
    ['TCP', { protocol: 'TCP', port: 8081 }],
  ])(
    'over %s an extension hears of INIT, each invocation and every line',
    async (_how, destination) => {
      const spec = await specOf(listener({ destination }))
      const id = randomUUID()
      const first = await bench.invoke(spec, {}, id)
      expect(first.functionError, first.tail).toBe(false)

      const events = await until(spec, (all) =>
        all.some(({ type, record }) => type === 'platform.report' && record['requestId'] === id),
      )

      const of = (type: string): readonly Event[] => events.filter((event) => event.type === type)
      const mine = (type: string): Event | undefined =>
        of(type).find(({ record }) => record['requestId'] === id)
      expect(of('platform.initStart')[0]?.record).toMatchObject({
      initializationType: 'on-demand', phase: 'init', functionName: 'probe', functionVersion: '1',
      instanceMaxMemory: 512 * 1_048_576,
    }) // prettier-ignore
      expect(of('platform.initRuntimeDone')[0]?.record).toEqual({
      initializationType: 'on-demand', phase: 'init', status: 'success',
    }) // prettier-ignore
      const initMs = of('platform.initReport')[0]?.record.metrics?.['durationMs'] ?? 0
      expect(initMs).toBeCloseTo(first.initMs ?? -1, 1)
      expect(of('platform.telemetrySubscription')[0]?.record).toEqual({
      name: 'listener', state: 'Subscribed', types: ['platform', 'function', 'extension'],
    }) // prettier-ignore
      expect(of('platform.extension')[0]?.record).toEqual({
      name: 'listener', state: 'Ready', events: ['INVOKE', 'SHUTDOWN'],
    }) // prettier-ignore
      expect(mine('platform.start')?.record).toMatchObject({ version: '1' })
      expect(mine('platform.runtimeDone')?.record).toMatchObject({
        status: 'success',
        metrics: { producedBytes: Buffer.byteLength(first.text) },
        spans: [
          { name: 'responseLatency' },
          { name: 'responseDuration' },
          { name: 'runtimeOverhead' },
        ],
      })
      expect(mine('platform.report')?.record).toMatchObject({
        status: 'success',
        metrics: { billedDurationMs: first.billedMs, memorySizeMB: 512 },
      })
      const lines = of('function').map(({ record }) => record as unknown as string)
      expect(lines.some((line) => line.endsWith('while it starts'))).toBe(true)
      expect(lines.some((line) => line.includes(id) && line.endsWith('in the handler'))).toBe(true)
      expect(of('extension').map(({ record }) => record)).toContain('listening')
      const order = events.map(({ type }) => type)
      expect(order.indexOf('platform.start')).toBeLessThan(order.indexOf('platform.runtimeDone'))
      expect(order.indexOf('platform.runtimeDone')).toBeLessThan(order.indexOf('platform.report'))
    },
  )

  test('a body that is no subscription is told why, one after INIT that it is too late', async () => {
    const spec = await specOf(listener({ destination: { protocol: 'TCP', port: 8081 } }))
    await bench.invoke(spec)

    await eventually(async () => {
      const { json } = await bench.invoke(spec)
      return (json as { late: string }).late
    }).toBe(
      '403 {"errorMessage":"Telemetry API subscription is closed","errorType":"Telemetry.SubscriptionClosed"}',
    )
    const { subscribed } = (await bench.invoke(spec)).json as { subscribed: string }
    expect(subscribed).toBe(
      '400 {"errorMessage":"types is a list of platform, function, extension","errorType":"ValidationError"} 200 "OK"',
    )
  })

  test('a delivery that is refused comes again', async () => {
    const destination = { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080/x' }
    const spec = await specOf(listener({ destination, refusals: 1 }))

    const events = await until(spec, (all) => all.length > 0)

    expect(events[0]?.type).toBe('platform.initStart')
  })

  test('an extension that never reads hurts nobody, and hears what it lost once it reads', async () => {
    const deaf: Files = {
      'extensions/deaf': program(`#!/var/lang/bin/node
const http = require('http'), net = require('net'), fs = require('fs')
const api = process.env.AWS_LAMBDA_RUNTIME_API
const call = (method, path, headers, body) => new Promise((resolve, reject) => {
  const sent = http.request('http://' + api + path, { method, headers }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ head: response.headers, text }))
  })
  sent.on('error', reject).end(body)
})
const sockets = []
net.createServer((socket) => {
  let rest = ''
  sockets.push(socket.pause())
  socket.on('error', () => {}).on('data', (chunk) => {
    const lines = (rest + chunk).split('\\n')
    rest = lines.pop()
    for (const line of lines) if (line.includes('logsDropped')) fs.appendFileSync('/tmp/events', line + '\\n')
  })
  socket.pause()
}).listen(8081, 'sandbox.localdomain')
setInterval(() => { if (fs.existsSync('/tmp/read')) for (const socket of sockets) socket.resume() }, 20)
;(async () => {
  const { head } = await call('POST', '/2020-01-01/extension/register', { 'Lambda-Extension-Name': 'deaf' }, '{"events":["INVOKE"]}')
  const id = { 'Lambda-Extension-Identifier': head['lambda-extension-identifier'] }
  await call('PUT', '/2022-07-01/telemetry', id, JSON.stringify({ schemaVersion: '2022-12-13', types: ['platform', 'function'],
    buffering: { timeoutMs: 25 }, destination: { protocol: 'TCP', port: 8081 } }))
  for (;;) await call('GET', '/2020-01-01/extension/event/next', id)
})()
`),
    }
    const spec = await specOf(deaf)
    for (let n = 0; n < 15; n += 1) {
      const { functionError, tail } = await bench.invoke(spec, { lines: 90 })
      expect(functionError, tail).toBe(false)
    }
    const before = bench.runtime.stats()

    await bench.invoke(spec, { read: true })
    const [dropped] = await until(spec, (all) => all.length > 0)

    expect(dropped?.type).toBe('platform.logsDropped')
    const { reason, droppedRecords, droppedBytes } = dropped?.record ?? {}
    expect(reason).toMatch(/^the receiver /)
    expect(droppedRecords).toBeGreaterThan(0)
    expect(droppedBytes).toBeGreaterThan(1_000)
    expect(bench.runtime.stats()).toMatchObject({ started: before.started, reset: before.reset })
  })

  test('the Logs API of before is served in its own words', async () => {
    const destination = { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080' }
    const layer = listener({
      destination,
      path: '/2020-08-15/logs',
      schemaVersion: '2021-03-18',
      types: ['platform'],
    })
    const spec = await specOf(layer)

    const events = await until(spec, (all) => all.some(({ type }) => type === 'platform.report'))

    const types = new Set(events.map(({ type }) => type))
    expect([...types].sort()).toEqual([
      'platform.end', 'platform.extension', 'platform.logsSubscription', 'platform.report',
      'platform.runtimeDone', 'platform.start',
    ]) // prettier-ignore
  })

  test.each([
    ['timeout', { sleepMs: 20_000 }, undefined],
    ['error', { exit: 3 }, 'Runtime.ExitError'],
  ])(
    'an invocation that ends in %s is reported before the extension is shut down',
    async (status, event, errorType) => {
      const spec = await specOf(
        listener({ destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080' } }),
        {
          timeoutSeconds: 2,
        },
      )
      await bench.invoke(spec)
      const id = randomUUID()

      await bench.invoke(spec, event, id)

      await eventually(() =>
        bench.lines.some((line) => line.startsWith('kept ') && line.includes(id)),
      ).toBe(true)
      const line = bench.lines.find((each) => each.startsWith('kept ') && each.includes(id))
      const { record } = JSON.parse(line?.slice(5) ?? '{}') as Event
      expect(record).toMatchObject({ requestId: id, status })
      if (errorType !== undefined) expect(record).toMatchObject({ errorType })
    },
  )

  test('what waits for a port on the host is not reached from inside', async () => {
    let reached = 0
    const host = createServer(() => (reached += 1)).listen(0, '127.0.0.1')
    const { port } = await new Promise<{ port: number }>((resolve) =>
      host.once('listening', () => resolve(host.address() as { port: number })),
    )
    const spec = await specOf(listener({ destination: { protocol: 'TCP', port } }))

    for (let n = 0; n < 3; n += 1) await bench.invoke(spec, { sleepMs: 300 })

    expect(reached).toBe(0)
    createConnection(port, '127.0.0.1').end()
    await eventually(() => reached).toBe(1)
    host.close()
  })
})

describe.skipIf(!canBubblewrap || !canCurl)('an extension in shell', () => {
  test('subscribes with curl', async () => {
    await using bench = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const body = JSON.stringify({
      types: ['function'],
      destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080' },
    })
    const init = `echo "subscribed $(curl -s -X PUT -H "Lambda-Extension-Identifier: $id" -d '${body}' "http://$AWS_LAMBDA_RUNTIME_API/2022-07-01/telemetry/")"
echo "nobody $(curl -s -X PUT -d '${body}' "http://$AWS_LAMBDA_RUNTIME_API/2022-07-01/telemetry")"`
    const spec = await bench.spec(CODE, { layers: [shellExtension('sh', { init })] })

    await bench.invoke(spec)

    expect(bench.lines).toContain('subscribed "OK"')
    expect(bench.lines.find((line) => line.startsWith('nobody '))).toContain(
      'Extension.MissingExtensionIdentifier',
    )
  })
})
