import { appendFileSync, mkdtempSync, readdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { Metering, type MeteringOptions } from '../../../services/logs/index.ts'
import type { AttemptRecord } from '../../../services/model/index.ts'

const HOUR_MS = 3_600_000
let dir: string
const errors: string[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-x-logs-metering-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const open = (options: Partial<MeteringOptions> = {}): Metering =>
  new Metering({ dir, log: { error: (_, text) => errors.push(text) }, ...options })
const attempt = (more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  endedAtMs: 10 * HOUR_MS,
  requestId: 'r',
  functionName: 'f',
  version: '1',
  attempt: 1,
  outcome: 'success',
  durationMs: 1.5,
  billedMs: 2,
  memoryMb: 128,
  maxMemoryMb: 40,
  ...more,
})
const whole = { fromMs: 0, untilMs: 1_000 * HOUR_MS }

test('sums by function and version over whole hours', async () => {
  await using metering = open()
  metering.record(attempt({ initMs: 10 }))
  metering.record(attempt({ outcome: 'error', billedMs: 5 }))
  metering.record(attempt({ outcome: 'timeout', endedAtMs: 11 * HOUR_MS + 1 }))
  metering.record(attempt({ functionName: 'a', memoryMb: 1_024 }))

  expect(await metering.usage(whole)).toEqual({
    ...whole,
    sums: [
      { functionName: 'a', version: '1', attempts: 1, errors: 0, timeouts: 0, billedMs: 2, billedMbMs: 2_048, initMs: 0 },
      { functionName: 'f', version: '1', attempts: 3, errors: 2, timeouts: 1, billedMs: 9, billedMbMs: 1_152, initMs: 10 },
    ],
  })
  const later = await metering.usage({ fromMs: 11 * HOUR_MS + 5, untilMs: 11 * HOUR_MS + 6, functionName: 'f' })
  expect(later).toMatchObject({ fromMs: 11 * HOUR_MS, untilMs: 12 * HOUR_MS, sums: [{ attempts: 1 }] })
}) // prettier-ignore

test('sums outlive the records that had to go, over restarts', async () => {
  const limits = { segmentLimitBytes: 2_000, limitBytes: 6_000 }
  for (let run = 0; run < 5; run += 1) {
    await using metering = open(limits)
    for (let i = 0; i < 50; i += 1) {
      metering.record(attempt({ requestId: `r${run * 50 + i}`, endedAtMs: run * HOUR_MS }))
      if (i % 9 === 0) await metering.usage(whole)
    }
  }

  await using metering = open(limits)
  const { sums } = await metering.usage(whole)
  const { attempts } = await metering.attempts(whole, { limit: 1_000 })

  expect(sums).toMatchObject([{ attempts: 250, billedMs: 500 }])
  expect(attempts.length).toBeLessThan(100)
  expect(attempts.at(-1)?.requestId).toBe('r249')
  const logs = readdirSync(dir).filter((name) => name.endsWith('.log'))
  expect(readdirSync(dir).length).toBeGreaterThan(2 * logs.length)
})

test('single attempts come in pages, by function, request and time', async () => {
  await using metering = open({ segmentLimitBytes: 1_000 })
  for (let i = 0; i < 40; i += 1)
    metering.record(
      attempt({ requestId: `r${i % 10}`, attempt: 1 + Math.floor(i / 10), endedAtMs: i * HOUR_MS }),
    )

  const first = await metering.attempts(whole, { limit: 25 })
  const second = await metering.attempts(whole, { limit: 25, from: first.next })
  const tries = await metering.attempts({ ...whole, requestId: 'r3' }, { limit: 25 })
  const late = await metering.attempts({ ...whole, fromMs: 38 * HOUR_MS }, { limit: 25 })

  expect([first.attempts.length, first.done]).toEqual([25, false])
  expect([second.attempts.length, second.done]).toEqual([15, true])
  expect(tries.attempts.map((one) => one.attempt)).toEqual([1, 2, 3, 4])
  expect(late.attempts).toHaveLength(2)
})

test('a disk that refuses loses no record: it is tried again', async () => {
  await using metering = open()
  const path = join(dir, '0000000001.log')
  symlinkSync('/dev/full', path)
  metering.record(attempt())
  expect((await metering.usage(whole)).sums).toEqual([])
  unlinkSync(path)
  appendFileSync(path, '')

  await expect
    .poll(async () => (await metering.usage(whole)).sums, { timeout: 10_000 })
    .toMatchObject([{ attempts: 1 }])
  expect(errors).toEqual([])
})
