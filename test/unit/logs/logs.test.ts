import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import {
  Logs,
  type LogEvent,
  type LogQuery,
  type LogsOptions,
} from '../../../services/logs/index.ts'

let dir: string
let nowMs: number
let said: string[]
let dropped: number
let evicted: number
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-x-logs-unit-'))
  nowMs = 1_000_000
  said = []
  dropped = 0
  evicted = 0
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const open = (options: Partial<LogsOptions> = {}): Promise<Logs> =>
  Logs.open({
    dir,
    clock: { nowMs: () => nowMs, monotonicMs: () => performance.now() },
    log: { info: (_, text) => said.push(text), warn: (_, text) => said.push(text) },
    metrics: {
      logLinesDropped: (count) => (dropped += count),
      logBytesEvicted: (bytes) => (evicted += bytes),
    },
    ...options,
  })
const group = '/aws/lambda/f'
const stream = (version = '1', word = 'a'): string => `2026/01/02/[${version}]${word.repeat(32)}`
const target = { group, stream: stream(), functionName: 'f' }

async function all(logs: Logs, name = group, query: LogQuery = {}): Promise<LogEvent[]> {
  const events: LogEvent[] = []
  for (let from: LogEvent['at'] | undefined; ;) {
    const page = await logs.read(name, query, { from, limit: 7 })
    if (page === undefined) return events
    events.push(...page.events)
    if (page.done) return events
    from = page.next
  }
}
const messages = (events: readonly LogEvent[]): string[] => events.map(({ message }) => message)
const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `line ${from + i}`)

function filesOf(suffix: string): string[] {
  return readdirSync(dir).flatMap((name) =>
    statSync(join(dir, name)).isDirectory()
      ? readdirSync(join(dir, name)).filter((file) => file.endsWith(suffix)).map((file) => join(dir, name, file))
      : [],
  ).toSorted() // prettier-ignore
}

describe('what was written is read', () => {
  test('in its order, whole, with its invocation and stream, at once', async () => {
    await using logs = await open()
    const one = logs.writerFor(target)
    const two = logs.writerFor({ ...target, stream: stream('2', 'b') })
    one(Buffer.from('ha'), 'r1')
    two(Buffer.from('other\n'), 'r2')
    one(Buffer.from('lf\n\n"quoted" é\u2028\n'), 'r1')

    const events = await all(logs)

    expect(messages(events)).toEqual(['other', 'half', '', '"quoted" é\u2028'])
    expect(events.map(({ requestId }) => requestId)).toEqual(['r2', 'r1', 'r1', 'r1'])
    expect(events[1]).toMatchObject({ stream: stream(), functionName: 'f', timestampMs: 1_000_000 })
    expect(messages(await all(logs, group, { requestId: 'r2' }))).toEqual(['other'])
    expect(messages(await all(logs, group, { stream: (name) => name === stream('2', 'b') }))).toEqual(['other'])
  }) // prettier-ignore

  test('a framed record is one event, whatever line was begun, with its level and its own time: of the past, in order', async () => {
    await using logs = await open({ segmentLimitBytes: 2_000 })
    const write = logs.writerFor(target)
    write(Buffer.from('be'), 'r')
    write(Buffer.from('two\nlines'), 'r', { timeMs: 999_990, level: 'WARN' })
    write(Buffer.from('gun\n'), 'r')
    write(Buffer.from('earlier'), 'r', { timeMs: 5, level: 'INFO' })
    write(Buffer.from('later'), 'r', { timeMs: 9e15, level: undefined })
    write(Buffer.from('timeless'), 'r', { timeMs: undefined, level: undefined })

    const events = await all(logs)

    expect(events.map(({ timestampMs, message, level }) => [timestampMs, message, level])).toEqual([
      [999_990, 'two\nlines', 'WARN'],
      [1_000_000, 'begun', undefined],
      [1_000_000, 'earlier', 'INFO'],
      [1_000_000, 'later', undefined],
      [1_000_000, 'timeless', undefined],
    ])
  })

  test('across rotations, restarts and pages, nothing lost and nothing twice', async () => {
    const written = numbered(500)
    for (let run = 0; run < 5; run += 1) {
      await using logs = await open({ segmentLimitBytes: 2_000 })
      for (const line of written.slice(run * 100, run * 100 + 100)) {
        nowMs += 10
        logs.append(target, line, 'r')
        if (Math.floor(nowMs / 10) % 13 === 0) await logs.read(group, {}, { limit: 1 })
      }
    }

    await using logs = await open({ segmentLimitBytes: 2_000 })

    expect(filesOf('.log').length).toBeGreaterThan(10)
    expect(messages(await all(logs))).toEqual(written)
    const half = 1_000_000 + 10 * 251
    expect(messages(await all(logs, group, { fromMs: half }))).toEqual(written.slice(250))
    expect(messages(await all(logs, group, { untilMs: half }))).toEqual(written.slice(0, 250))
    // Nothing before that time comes any more: whoever goes on from there waits.
    const page = await logs.read(group, { untilMs: half }, { limit: 10_000 })
    const behind = await logs.read(group, {}, { from: page?.next })
    expect([page?.done, behind?.events]).toEqual([true, []])
    expect(await logs.streams(group)).toEqual([
      { name: stream(), firstMs: 1_000_010, lastMs: 1_005_000, events: 500 },
    ])
  })

  test('backward, page by page, to the first', async () => {
    await using logs = await open({ segmentLimitBytes: 2_000 })
    for (const line of numbered(100)) logs.append(target, line, undefined)

    const pages: string[][] = []
    for (let from: LogEvent['at'] | undefined; ;) {
      const page = await logs.readBackward(group, {}, { from, limit: 30 })
      pages.push(messages(page?.events ?? []))
      if (page?.done !== false) break
      from = page.next
    }

    expect(pages.map(({ length }) => length)).toEqual([30, 30, 30, 10])
    expect(pages.toReversed().flat()).toEqual(numbered(100))
  })

  test('summaries of closed files are kept, and one that is lost is made again', async () => {
    {
      await using logs = await open({ segmentLimitBytes: 500 })
      for (const line of numbered(50)) logs.append(target, line, undefined)
      await logs.streams(group)
    }
    const [kept = ''] = filesOf('.json').filter((path) => !path.endsWith('group.json'))
    unlinkSync(kept)

    await using logs = await open({ segmentLimitBytes: 500 })

    expect(await logs.streams(group)).toMatchObject([{ events: 50 }])
    expect(existsSync(kept)).toBe(true)
  })

  test('times do not go back with the clock, also over a restart', async () => {
    {
      await using logs = await open()
      logs.append(target, 'first', undefined)
    }
    nowMs -= 500_000
    await using logs = await open()
    logs.append(target, 'second', undefined)

    const events = await all(logs)
    expect(messages(events)).toEqual(['first', 'second'])
    expect(events[1]?.timestampMs).toBe(1_000_000)
  })

  test('a line that a kill cut in half costs itself alone', async () => {
    {
      await using logs = await open()
      for (const line of numbered(3)) logs.append(target, line, undefined)
    }
    const [path = ''] = filesOf('.log')
    truncateSync(path, statSync(path).size - 9)

    await using logs = await open()
    logs.append(target, 'after', undefined)

    expect(messages(await all(logs))).toEqual(['line 0', 'line 1', 'after'])
  })

  test('names of groups cannot leave the directory, and do not meet', async () => {
    await using logs = await open()
    for (const name of ['../../up', '..', 'a/b', 'a_b', 'a#b']) {
      logs.append({ ...target, group: name }, name, undefined)
      expect(messages(await all(logs, name))).toEqual([name])
    }
    expect(readdirSync(dir)).toHaveLength(5)
    expect(logs.groups().map(({ name }) => name)).toEqual(['..', '../../up', 'a#b', 'a/b', 'a_b'])
  })

  test('who waits is told of what is written', async () => {
    await using logs = await open()
    logs.append(target, 'one', undefined)
    await all(logs)
    const from = (await logs.read(group, {}, {}))?.next
    const waits = logs.written(group, from, AbortSignal.timeout(60_000))
    logs.append(target, 'two', undefined)
    expect(await waits).toBe(true)
    expect(await logs.written(group, from, AbortSignal.timeout(60_000))).toBe(true)

    expect(messages(await all(logs))).toEqual(['one', 'two'])
    const behind = (await logs.read(group, {}, {}))?.next
    expect(await logs.written(group, behind, AbortSignal.timeout(1))).toBe(false)
    const gone = logs.written('no group', undefined, AbortSignal.timeout(60_000))
    logs.letGo()
    expect(await gone).toBe(false)
  })
})

describe('a disk that is full', () => {
  test('costs lines and no more; it is said once, and when it is over how many', async () => {
    await using logs = await open()
    logs.append(target, 'before', undefined)
    await all(logs)
    const [path = ''] = filesOf('.log')
    unlinkSync(path)
    symlinkSync('/dev/full', path)
    for (let i = 0; i < 3; i += 1) {
      logs.append(target, 'lost', undefined)
      await all(logs)
    }
    expect(dropped).toBe(3)
    expect(said).toEqual(['function logs cannot be written: lines are dropped until they can'])
    unlinkSync(path)
    appendFileSync(path, '')

    logs.append(target, 'after', undefined)
    await all(logs)
    const told = messages(await all(logs))

    expect(told).toContain('after')
    expect(told).toContain('[lacre] 3 lines dropped: they could not be written')
    expect(said.at(-1)).toBe('function logs are written again')
  })

  test('a group that cannot be made costs its lines', async () => {
    await using logs = await open()
    rmSync(dir, { recursive: true, force: true })
    appendFileSync(dir, 'a file in the way')

    for (let i = 0; i < 4; i += 1) logs.append(target, 'lost', undefined)

    expect(dropped).toBe(4)
    expect(said).toHaveLength(1)
  })

  test('what waits for it is bounded', async () => {
    await using logs = await open()
    for (let i = 0; i < 200; i += 1) logs.append(target, 'x'.repeat(100_000), undefined)
    await all(logs)

    expect(dropped).toBeGreaterThan(100)
  })
})

test('the bound holds: the fullest group loses its oldest, quiet ones lose nothing', async () => {
  await using logs = await open({ segmentLimitBytes: 10_000, limitBytes: 50_000 })
  const quiet = { ...target, group: '/aws/lambda/quiet', functionName: 'quiet' }
  logs.append(quiet, 'kept', undefined)
  for (let i = 0; i < 40; i += 1) {
    for (const line of numbered(50, i * 50)) logs.append(target, line, undefined)
    await all(logs)
  }
  await expect.poll(() => logs.sizeBytes).toBeLessThanOrEqual(50_000)

  const left = messages(await all(logs))
  expect(messages(await all(logs, quiet.group))).toEqual(['kept'])
  expect(left.at(-1)).toBe('line 1999')
  expect(left).toEqual(numbered(left.length, 2_000 - left.length))
  expect(evicted).toBeGreaterThan(50_000)
  const onDisk = filesOf('.log').reduce((sum, path) => sum + statSync(path).size, 0)
  expect(onDisk).toBe(logs.sizeBytes)
})
