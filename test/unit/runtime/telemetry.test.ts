import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'

import { afterEach, describe, expect, test, vi } from 'vitest'

import { systemClock, type Clock } from '../../../services/model/index.ts'
import { TelemetryBudget } from '../../../services/runtime/telemetry/budget.ts'
import type { ConnectInside } from '../../../services/runtime/telemetry/delivery.ts'
import { Subscriber, type Delivery } from '../../../services/runtime/telemetry/subscriber.ts'
import {
  parseSubscription,
  type Subscription,
} from '../../../services/runtime/telemetry/subscription.ts'
import { Telemetry } from '../../../services/runtime/telemetry/telemetry.ts'

interface Event {
  readonly time: string
  readonly type: string
  readonly record: unknown
}

const subscription = (more: object = {}, version: 'telemetry' | 'logs' = 'telemetry') =>
  parseSubscription(
    JSON.stringify({
      types: ['platform', 'function', 'extension'],
      buffering: { timeoutMs: 25 },
      destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080/in' },
      ...more,
    }),
    version,
  )

/** Takes batches, or refuses as often as it is told. */
class Receiver implements Delivery {
  readonly batches: (readonly Event[])[] = []
  refusals = 0
  attempts = 0
  hold: Promise<void> | undefined
  closed = false

  async send(events: readonly string[], signal: AbortSignal): Promise<void> {
    this.attempts += 1
    if (this.hold !== undefined)
      await Promise.race([this.hold, once(signal, 'abort').then(() => Promise.reject(new Error()))])
    if (this.refusals > 0) {
      this.refusals -= 1
      throw new Error('refused')
    }
    this.batches.push(events.map((json) => JSON.parse(json) as Event))
  }

  close(): void {
    this.closed = true
  }
}

const subscriberOf = (
  receiver: Receiver,
  more: object = {},
  budget = new TelemetryBudget(),
): Subscriber => subscriberTo(receiver, subscription(more), budget)

const subscriberTo = (
  delivery: Receiver,
  asked: Subscription,
  budget = new TelemetryBudget(),
): Subscriber =>
  new Subscriber({
    subscription: asked,
    delivery,
    budget,
    dropped: (reason, droppedRecords, droppedBytes) =>
      event('platform.logsDropped', { reason, droppedRecords, droppedBytes }),
  })

const telemetryBy = (connect: ConnectInside, clock: Clock = systemClock): Telemetry =>
  new Telemetry(clock, connect, new TelemetryBudget())

const event = (type: string, record: unknown): Event => ({
  time: '2026-01-01T00:00:00.000Z',
  type,
  record,
})

afterEach(() => vi.useRealTimers())

describe('a subscriber', () => {
  test('gathers what comes within its time into one batch, in order', async () => {
    const receiver = new Receiver()
    const subscriber = subscriberOf(receiver)

    for (const text of ['a', 'b', 'c']) subscriber.push(event('function', text))

    await expect.poll(() => receiver.batches).toHaveLength(1)
    expect(receiver.batches[0]?.map(({ record }) => record)).toEqual(['a', 'b', 'c'])
  })

  test('cuts a batch at its number of items, and at its bytes', async () => {
    const receiver = new Receiver()
    const subscriber = subscriberOf(receiver, { buffering: { maxItems: 1_000, timeoutMs: 30_000 } })

    for (let n = 0; n < 1_000; n += 1) subscriber.push(event('function', 'x'))
    await expect.poll(() => receiver.batches.map(({ length }) => length)).toEqual([1_000])
    for (let n = 0; n < 3; n += 1) subscriber.push(event('function', 'x'.repeat(100_000)))
    await expect.poll(() => receiver.batches.map(({ length }) => length)).toEqual([1_000, 2])
    subscriber.close()
  })

  test('hears only of what it asked for', async () => {
    const receiver = new Receiver()
    const subscriber = subscriberOf(receiver, { types: ['extension'] })

    for (const type of ['function', 'platform.start', 'extension'])
      subscriber.push(event(type, type))
    await subscriber.flush()

    expect(receiver.batches).toEqual([[event('extension', 'extension')]])
  })

  test('tries again, and says how much was lost to whoever is reached later', async () => {
    const receiver = new Receiver()
    receiver.refusals = 3
    const subscriber = subscriberOf(receiver)
    subscriber.push(event('function', 'lost'))
    await subscriber.flush()
    expect(receiver.attempts).toBe(3)

    subscriber.push(event('function', 'kept'))
    await subscriber.flush()
    await subscriber.flush()

    const lost = JSON.stringify(event('function', 'lost')).length
    expect(receiver.batches.flat()).toMatchObject([
      { record: 'kept' },
      { type: 'platform.logsDropped', record: { droppedRecords: 1, droppedBytes: lost } },
    ])
  })

  test('one refusal costs nothing but time', async () => {
    const receiver = new Receiver()
    receiver.refusals = 1
    const subscriber = subscriberOf(receiver)
    subscriber.push(event('function', 'a'))

    await subscriber.flush()

    expect(receiver.batches.flat()).toEqual([event('function', 'a')])
  })

  test('a receiver that hangs holds a bounded number of bytes; the rest is dropped and told', async () => {
    const receiver = new Receiver()
    let free = (): void => undefined
    receiver.hold = new Promise((resolve) => (free = resolve))
    const subscriber = subscriberOf(receiver)

    for (let n = 0; n < 100; n += 1) subscriber.push(event('function', 'x'.repeat(100_000)))
    free()
    await subscriber.flush()
    await subscriber.flush()

    const records = receiver.batches.flat()
    const dropped = records.find(({ type }) => type === 'platform.logsDropped')?.record
    const kept = records.filter(({ type }) => type === 'function').length
    expect(kept).toBeLessThanOrEqual(12)
    expect(dropped).toMatchObject({ droppedRecords: 100 - kept })
  })

  test('many small batches wait for a slow receiver as one', async () => {
    vi.useFakeTimers()
    const receiver = new Receiver()
    let free = (): void => undefined
    receiver.hold = new Promise((resolve) => (free = resolve))
    const subscriber = subscriberOf(receiver)

    for (let n = 0; n < 100; n += 1) {
      subscriber.push(event('function', String(n)))
      await vi.advanceTimersByTimeAsync(30)
    }
    free()
    await subscriber.flush()

    expect(receiver.batches.map(({ length }) => length)).toEqual([1, 99])
  })

  test('receivers that never read hold a bounded number of bytes together, leave room for another, and are told what they lost', async () => {
    const budget = new TelemetryBudget(4_000_000)
    let free = (): void => undefined
    const hold = new Promise<void>((resolve) => (free = resolve))
    const deaf = Array.from({ length: 20 }, () => {
      const receiver = new Receiver()
      receiver.hold = hold
      return { receiver, subscriber: subscriberOf(receiver, {}, budget) }
    })
    const text = 'x'.repeat(10_000)
    let most = 0
    for (let n = 0; n < 200; n += 1)
      for (const { subscriber } of deaf) {
        subscriber.push(event('function', text))
        most = Math.max(most, budget.usedBytes)
      }
    expect(most).toBeGreaterThan(3_000_000)
    expect(most).toBeLessThanOrEqual(4_000_000)

    const hearing = new Receiver()
    const other = subscriberOf(hearing, {}, budget)
    for (let n = 0; n < 200; n += 1) {
      other.push(event('function', text))
      if (n % 5 === 4) await other.flush()
    }
    expect(hearing.batches.flat().map(({ type }) => type)).toEqual(Array(200).fill('function'))

    free()
    for (const { receiver, subscriber } of deaf) {
      await subscriber.flush()
      const records = receiver.batches.flat()
      const kept = records.filter(({ type }) => type === 'function').length
      const told = records.filter(({ type }) => type === 'platform.logsDropped')
      expect(told.map(({ record }) => record)).toEqual([
        {
          reason: 'the service held as much telemetry as it may',
          droppedRecords: 200 - kept,
          droppedBytes: (200 - kept) * JSON.stringify(event('function', text)).length,
        },
      ])
      subscriber.close()
    }
    expect(budget.usedBytes).toBe(0)
  })

  test('what it held is free again once it is closed, on its way or not', async () => {
    const budget = new TelemetryBudget(1_000_000)
    const receiver = new Receiver()
    receiver.hold = new Promise(() => undefined)
    const subscriber = subscriberOf(receiver, {}, budget)
    for (let n = 0; n < 100; n += 1) subscriber.push(event('function', 'x'.repeat(10_000)))
    expect(budget.usedBytes).toBeGreaterThan(400_000)

    subscriber.close()

    await expect.poll(() => budget.usedBytes).toBe(0)
  })

  test('begins nothing while its environment is frozen, and goes on after', async () => {
    const receiver = new Receiver()
    const subscriber = subscriberOf(receiver)
    subscriber.pause()
    subscriber.push(event('function', 'a'))
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(receiver.attempts).toBe(0)

    subscriber.resume()

    await expect.poll(() => receiver.batches).toHaveLength(1)
  })

  test('an attempt is not counted against the receiver while it is frozen', async () => {
    vi.useFakeTimers()
    const receiver = new Receiver()
    receiver.hold = new Promise(() => undefined)
    const subscriber = subscriberOf(receiver)
    subscriber.push(event('function', 'a'))
    await vi.advanceTimersByTimeAsync(30)
    subscriber.pause()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(receiver.attempts).toBe(1)

    subscriber.resume()
    await vi.advanceTimersByTimeAsync(5_200)

    expect(receiver.attempts).toBe(2)
    subscriber.close()
  })

  test('one that is closed takes and sends nothing', async () => {
    const receiver = new Receiver()
    const subscriber = subscriberOf(receiver)
    subscriber.push(event('function', 'a'))
    subscriber.close()
    subscriber.push(event('function', 'b'))

    await subscriber.flush()

    expect([receiver.attempts, receiver.closed]).toEqual([0, true])
  })
})

describe('the Logs API’s words', () => {
  const told = async (schemaVersion: string): Promise<readonly Event[]> => {
    const receiver = new Receiver()
    const subscriber = subscriberTo(receiver, subscription({ schemaVersion }, 'logs'))
    const record = { requestId: 'r', status: 'success', metrics: { durationMs: 1 }, spans: [] }
    for (const type of [
      'platform.initStart',
      'platform.runtimeDone',
      'platform.report',
      'function',
    ])
      subscriber.push(event(type, record))
    await subscriber.flush()
    return receiver.batches.flat()
  }

  test('have an end before the report, and nothing of INIT', async () => {
    expect((await told('2020-08-15')).map(({ type, record }) => [type, record])).toMatchObject([
      ['platform.end', { requestId: 'r' }],
      ['platform.report', { requestId: 'r', metrics: { durationMs: 1 } }],
      ['function', {}],
    ])
  })

  test('know of the runtime being done since their second version', async () => {
    expect((await told('2021-03-18'))[0]).toEqual(
      event('platform.runtimeDone', { requestId: 'r', status: 'success' }),
    )
  })
})

describe('delivery', () => {
  const open: { close(): unknown }[] = []
  afterEach(() => {
    for (const server of open.splice(0)) server.close()
  })
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port

  /** Whatever port is asked for, the test's own listener answers. */
  const telemetryTo = (port: number, connections: Socket[] = []): Telemetry =>
    telemetryBy(async () => {
      const socket = createConnection(port, '127.0.0.1')
      await once(socket, 'connect')
      connections.push(socket)
      return socket
    })

  test('over HTTP: arrays, to the path that was named, over one connection', async () => {
    const seen: { url: string | undefined; host: string | undefined; body: Event[] }[] = []
    const server: HttpServer = createHttpServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString()))
      request.on('end', () => {
        const { url, headers } = request
        seen.push({ url, host: headers.host, body: JSON.parse(text) as Event[] })
        response.end()
      })
    }).listen(0, '127.0.0.1')
    open.push(server)
    await once(server, 'listening')
    const connections: Socket[] = []
    const telemetry = telemetryTo(portOf(server), connections)
    telemetry.emit('platform.initStart', { phase: 'init' })

    telemetry.subscribe('sh', subscription())
    await telemetry.flush()
    telemetry.emit('function', 'hello')
    await telemetry.flush()
    telemetry.stop()

    expect(seen.map(({ url, host }) => [url, host])).toEqual([
      ['/in', 'sandbox.localdomain:8080'],
      ['/in', 'sandbox.localdomain:8080'],
    ])
    expect(seen.flatMap(({ body }) => body.map(({ type, record }) => [type, record]))).toEqual([
      ['platform.initStart', { phase: 'init' }],
      [
        'platform.telemetrySubscription',
        { name: 'sh', state: 'Subscribed', types: ['platform', 'function', 'extension'] },
      ],
      ['function', 'hello'],
    ])
    expect(connections).toHaveLength(1)
  })

  test('over HTTP: an answer that is no 2xx is none', async () => {
    let answers = 0
    const server = createHttpServer((request, response) => {
      request.resume()
      answers += 1
      response.writeHead(answers === 1 ? 503 : 200).end()
    }).listen(0, '127.0.0.1')
    open.push(server)
    await once(server, 'listening')
    const telemetry = telemetryTo(portOf(server))

    telemetry.subscribe('sh', subscription())
    await telemetry.flush()
    telemetry.stop()

    expect(answers).toBe(2)
  })

  test('over TCP: one event a line, and a new connection after the old one broke', async () => {
    let text = ''
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', () => undefined)
    }).listen(0, '127.0.0.1')
    open.push(server)
    await once(server, 'listening')
    const telemetry = telemetryTo(portOf(server))
    telemetry.subscribe('sh', subscription({ destination: { protocol: 'TCP', port: 8080 } }))
    await telemetry.flush()
    await expect.poll(() => text).toContain('telemetrySubscription')
    sockets[0]?.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))

    telemetry.emit('function', 'two\nlines')
    await telemetry.flush()

    await expect.poll(() => text.split('\n')).toHaveLength(3)
    const last = JSON.parse(text.split('\n')[1] ?? '') as Event
    expect([last.type, last.record, sockets.length]).toEqual(['function', 'two\nlines', 2])
    telemetry.stop()
  })

  test('connections are made one after the other, at a pace', async () => {
    const happened: string[] = []
    const clock = {
      ...systemClock,
      sleep: async (ms: number) => void happened.push(`slept ${ms}`),
    }
    const telemetry = telemetryBy(async () => {
      happened.push('connected')
      return await Promise.reject(new Error('nobody'))
    }, clock)
    for (const name of ['a', 'b']) telemetry.subscribe(name, subscription())

    await telemetry.flush()
    telemetry.stop()

    expect(happened.slice(0, 3)).toEqual(['slept 100', 'connected', 'slept 100'])
    expect(happened.filter((each) => each === 'connected')).toHaveLength(6)
  })

  test('over TCP: a receiver that never reads delays nobody, and hears what it lost once it reads', async () => {
    let text = ''
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket.pause())
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', () => undefined)
      socket.pause()
    }).listen(0, '127.0.0.1')
    open.push(server)
    await once(server, 'listening')
    const budget = new TelemetryBudget()
    const port = portOf(server)
    const telemetry = new Telemetry(
      systemClock,
      async () => {
        const socket = createConnection(port, '127.0.0.1')
        await once(socket, 'connect')
        return socket
      },
      budget,
    )
    telemetry.subscribe('sh', subscription({ destination: { protocol: 'TCP', port: 8080 } }))
    telemetry.close()
    let most = 0

    // Far more than the kernel takes for one who does not read; at SHUTDOWN no other than within an invocation.
    for (let n = 0; n < 400; n += 1) {
      for (let m = 0; m < 10; m += 1) telemetry.emit('function', `${n} ${'x'.repeat(10_000)}`)
      most = Math.max(most, budget.usedBytes)
      await new Promise((resolve) => setImmediate(resolve))
    }
    void telemetry.flush()
    expect(most).toBeLessThanOrEqual(6 * 262_144)

    const reading = setInterval(() => sockets.forEach((socket) => socket.resume()), 10)
    await expect.poll(() => text, { timeout: 20_000 }).toContain('platform.logsDropped')
    clearInterval(reading)
    telemetry.stop()
    await expect.poll(() => budget.usedBytes).toBe(0)
    for (const socket of sockets) socket.destroy()
  })

  test('nobody there costs the events and nothing else', async () => {
    const telemetry = telemetryBy(() => Promise.reject(new Error('nobody')))
    telemetry.subscribe('sh', subscription())
    telemetry.emit('function', 'x')

    await telemetry.flush()

    telemetry.stop()
  })
})

test('what happens before INIT is over is kept for those who subscribe in it, and no longer', async () => {
  const telemetry = telemetryBy(() => Promise.reject(new Error('nobody')))
  expect([telemetry.open, telemetry.heard]).toEqual([true, true])

  telemetry.close()

  expect([telemetry.open, telemetry.heard]).toEqual([false, false])
})
