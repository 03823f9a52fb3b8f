import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { Metering, type MeteringOptions } from '../../../services/logs/index.ts'
import type { AttemptRecord } from '../../../services/model/index.ts'

const MINUTE_MS = 60_000
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-x-latency-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const open = (options: Partial<MeteringOptions> = {}): Metering =>
  new Metering({ dir, log: { error: () => undefined }, ...options })
const attempt = (endedAtMs: number, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  endedAtMs,
  requestId: 'r',
  functionName: 'f',
  version: '1',
  attempt: 1,
  outcome: 'success',
  durationMs: 10,
  billedMs: 10,
  memoryMb: 128,
  maxMemoryMb: 40,
  ...more,
})
const asked = { fromMs: 0, untilMs: 4 * MINUTE_MS, slotMs: 2 * MINUTE_MS }

test('attempts lie in the slot in which they ended, with those that failed counted', async () => {
  await using metering = open()
  metering.record(attempt(0))
  metering.record(attempt(2 * MINUTE_MS - 1, { outcome: 'error', durationMs: 2_000 }))
  metering.record(attempt(2 * MINUTE_MS, { outcome: 'timeout', functionName: 'g' }))
  metering.record(attempt(4 * MINUTE_MS))

  const all = await metering.latency(asked)
  const own = await metering.latency({ ...asked, functionName: 'g' })

  expect(all.slots).toMatchObject([
    { atMs: 0, attempts: 2, errors: 1 },
    { atMs: 2 * MINUTE_MS, attempts: 1, errors: 1 },
  ])
  expect(all.functions).toMatchObject([
    { functionName: 'f', attempts: 2, errors: 1 },
    { functionName: 'g', attempts: 1, errors: 1 },
  ])
  expect(own.slots[0]).toEqual({
    atMs: 0,
    attempts: 0,
    errors: 0,
    p50Ms: null,
    p90Ms: null,
    p99Ms: null,
  })
  expect(own.functions).toHaveLength(1)
})

test('a window is rounded outwards to whole slots', async () => {
  await using metering = open()

  const { fromMs, untilMs, slots } = await metering.latency({
    fromMs: MINUTE_MS,
    untilMs: 3 * MINUTE_MS,
    slotMs: 2 * MINUTE_MS,
  })

  expect([fromMs, untilMs, slots.length]).toEqual([0, 4 * MINUTE_MS, 2])
})

test('a share of the attempts took no longer than is said, and hardly less', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: 0, max: 900_000, noNaN: true }), { minLength: 1, maxLength: 60 }),
      async (durations) => {
        rmSync(dir, { recursive: true, force: true })
        await using metering = open()
        for (const durationMs of durations) metering.record(attempt(0, { durationMs }))

        const [first] = (await metering.latency(asked)).slots

        const sorted = durations.toSorted((a, b) => a - b)
        for (const [share, told] of [[0.5, first?.p50Ms], [0.9, first?.p90Ms], [0.99, first?.p99Ms]] as const) {
          const real = sorted[Math.ceil(share * sorted.length) - 1] ?? 0
          expect(told).toBeGreaterThanOrEqual(real * 0.999_999)
          expect(told).toBeLessThanOrEqual(Math.max(0.1, real) * 1.15)
        }
      },
    ),
    { numRuns: 60 },
  )
}) // prettier-ignore

test('it is the same after a restart, goes with the records, and leaves the sums', async () => {
  const limits = { segmentLimitBytes: 2_000, limitBytes: 6_000 }
  const ofAll = { fromMs: 0, untilMs: 60 * MINUTE_MS, slotMs: MINUTE_MS }
  {
    await using metering = open(limits)
    for (let minute = 0; minute < 30; minute += 1) {
      for (let i = 0; i < 4; i += 1) metering.record(attempt(minute * MINUTE_MS))
      await metering.latency(ofAll)
    }
  }

  await using metering = open(limits)
  const kept = (await metering.attempts(ofAll, { limit: 1_000 })).attempts.length
  const [told] = (await metering.latency(ofAll)).functions
  const { sums } = await metering.usage(ofAll)
  const names = readdirSync(dir)

  expect(kept).toBeLessThan(100)
  expect(told?.attempts).toBe(kept)
  expect(sums).toMatchObject([{ attempts: 120 }])
  const ending = (text: string): number => names.filter((name) => name.endsWith(text)).length
  expect(ending('.latency.json')).toBeLessThan(ending('.log'))
})
