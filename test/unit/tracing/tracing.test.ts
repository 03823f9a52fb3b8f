import { setImmediate as turn } from 'node:timers/promises'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { PlatformError, systemClock, systemRandom } from '../../../services/model/index.ts'
import { parseOtlpEndpoint } from '../../../services/host-names.ts'
import { FLUSH_LIMIT_MS, OtlpTracer, QUEUE_LIMIT_SPANS } from '../../../services/tracing/index.ts'
import { parseTraceparent, toTraceparent } from '../../../services/tracing/trace-context.ts'
import { spansOf } from '../../support/spans.ts'

const GOOD = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('traceparent', () => {
  test('is read as W3C has it, of later versions too', () => {
    const context = parseTraceparent(GOOD)

    expect(context && toTraceparent(context)).toBe(GOOD)
    expect(parseTraceparent(GOOD.replace(/01$/, '00'))?.sampled).toBe(false)
    expect(parseTraceparent(GOOD.replace(/^00/, 'cc') + '-more')?.sampled).toBe(true)
  })

  test.each([
    undefined,
    '',
    GOOD.toUpperCase(),
    `${GOOD}-more`,
    ` ${GOOD}`,
    GOOD.replace(/^00/, 'ff'),
    GOOD.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    GOOD.replace('00f067aa0ba902b7', '0'.repeat(16)),
    GOOD.slice(0, -1),
    `cc${GOOD.slice(2)}-${'x'.repeat(300)}`,
  ])('`%s` is none', (text) => {
    expect(parseTraceparent(text)).toBeUndefined()
  })
})

describe('what is handed over', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  function open(post: (body: string, signal: AbortSignal) => Promise<void>) {
    const counted = { exported: 0, queue: 0, export: 0, end: 0 }
    const tracer = new OtlpTracer({
      clock: systemClock,
      random: systemRandom,
      metrics: {
        spansExported: (count) => void (counted.exported += count),
        spansDropped: (count, why) => void (counted[why] += count),
      },
      resource: { 'service.name': 'lacre' },
      post,
    })
    return { tracer, counted }
  }
  const many = async (tracer: OtlpTracer, count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) await tracer.span('s', {}, async () => turn())
  }

  test('comes in batches, a second after the first at the latest', async () => {
    const bodies: string[] = []
    const { tracer, counted } = open((body) => Promise.resolve(void bodies.push(body)))
    await tracer.span('above', {}, async () => {
      await tracer.span('below', { attributes: { n: 1, x: 1.5, ok: true } }, async () => turn())
    })
    const early = bodies.length
    await vi.advanceTimersByTimeAsync(1_000)
    const spans = spansOf(bodies.map((body) => ({ body, path: '', headers: {} })))

    expect(early).toBe(0)
    expect(bodies).toHaveLength(1)
    expect(spans).toMatchObject([
      { name: 'below', attributes: { n: '1', x: 1.5, ok: true } },
      { name: 'above' },
    ])
    expect(spans[0]?.parentSpanId).toBe(spans[1]?.spanId)
    expect(counted).toEqual({ exported: 2, queue: 0, export: 0, end: 0 })
  })

  test('is bounded: what a sleeping collector does not take is dropped and counted, and nobody waits', async () => {
    const { tracer, counted } = open(
      (_body, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('given up')))
        }),
    )
    await many(tracer, QUEUE_LIMIT_SPANS + 512 + 7)
    const closing = tracer[Symbol.asyncDispose]()
    await vi.advanceTimersByTimeAsync(FLUSH_LIMIT_MS)
    await closing
    await many(tracer, 1)

    expect(counted).toEqual({ exported: 0, queue: 7, export: 0, end: QUEUE_LIMIT_SPANS + 512 + 1 })
  })

  test('is handed over at the end', async () => {
    const { tracer, counted } = open(() => Promise.resolve())
    await many(tracer, 600)
    await tracer[Symbol.asyncDispose]()

    expect(counted).toEqual({ exported: 600, queue: 0, export: 0, end: 0 })
  })

  test('tells of an error its code alone, and hands it on', async () => {
    const bodies: string[] = []
    const { tracer } = open((body) => Promise.resolve(void bodies.push(body)))
    const secret = new PlatformError('ACCESS_DENIED', 'a secret')
    await expect(tracer.span('s', {}, () => Promise.reject(secret))).rejects.toBe(secret)
    await expect(
      tracer.span('t', {}, () => Promise.reject(new Error('a secret'))),
    ).rejects.toThrow()
    await tracer[Symbol.asyncDispose]()

    expect(spansOf(bodies.map((body) => ({ body, path: '', headers: {} })))).toMatchObject([
      { attributes: { 'error.type': 'ACCESS_DENIED' }, status: { code: 2 } },
      { attributes: { 'error.type': 'INTERNAL' }, status: { code: 2 } },
    ])
    expect(bodies.join()).not.toContain('a secret')
  })
})

test('an endpoint is an http(s) URL, with nothing secret in it', () => {
  expect(parseOtlpEndpoint('http://127.0.0.1:4318/')).toBe('http://127.0.0.1:4318')
  expect(parseOtlpEndpoint('')).toBeUndefined()
  for (const text of ['x', 'ftp://a', 'http://a:b@c', 'http://a?b', 'http://a#b'])
    expect(() => parseOtlpEndpoint(text)).toThrow('--otlp-endpoint')
})
