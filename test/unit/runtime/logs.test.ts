import { describe, expect, test } from 'vitest'

import { LogCapture } from '../../../services/runtime/log-capture.ts'
import { platformLines, type Report } from '../../../services/runtime/log-lines.ts'

const report: Report = {
  requestId: 'r',
  durationMs: 3.009,
  billedMs: 4,
  memoryMb: 128,
  maxMemoryMb: 36,
}
const nowMs = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const text = platformLines(undefined, nowMs)

describe('platform lines in text', () => {
  test('START, END and REPORT are AWS’s, trailing tab included', () => {
    expect(text.start('r', '$LATEST')).toEqual(['START RequestId: r Version: $LATEST'])
    expect(text.end({ ...report, initMs: 110.1 })).toEqual([
      'END RequestId: r',
      'REPORT RequestId: r\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t',
    ])
  })

  test('a failure is said before END and adds its status, an error its type', () => {
    const timeout = text.end({ ...report, status: 'timeout', remark: 'Task timed out' })
    expect(timeout[0]).toBe('Task timed out')
    expect(timeout[2]).toMatch(/\tStatus: timeout\t$/)
    const [, error] = text.end({ ...report, status: 'error', errorType: 'Runtime.ExitError' })
    expect(error).toMatch(/\tStatus: error\tError Type: Runtime.ExitError\t$/)
    expect(text.initReport(1236.04, 'init', { status: 'timeout' })).toEqual([
      'INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout',
    ])
  })
})

describe('platform lines in JSON', () => {
  const lines = (systemLevel: string) =>
    platformLines({ format: 'JSON', group: 'g', systemLevel }, nowMs)

  test('are records of the Telemetry API with a time', () => {
    const json = lines('INFO')
    expect(json.start('r', '7')).toEqual([
      '{"time":"2026-01-02T03:04:05.678Z","type":"platform.start","record":{"requestId":"r","version":"7"}}',
    ])
    const told = json.end({ ...report, initMs: 110.1 })
    expect(told).toHaveLength(1)
    expect(JSON.parse(told[0] ?? '')).toMatchObject({
      type: 'platform.report',
      record: {
        status: 'success',
        metrics: {
          durationMs: 3.01,
          billedDurationMs: 4,
          memorySizeMB: 128,
          maxMemoryUsedMB: 36,
          initDurationMs: 110.1,
        },
      },
    })
  })

  test.each([
    ['DEBUG', 1, 2, 2],
    ['INFO', 1, 1, 2],
    ['WARN', 0, 0, 2],
  ])('from level %s on', (level, starts, wells, failures) => {
    const json = lines(level)

    expect(json.start('r', '1')).toHaveLength(starts)
    expect(json.end(report)).toHaveLength(wells)
    expect(json.end({ ...report, functionError: true })).toHaveLength(failures)
    expect(json.initReport(1, 'init', { status: 'timeout' })).toHaveLength(1)
  })
})

describe('the capture', () => {
  const capture = () => {
    const out: string[] = []
    return { log: new LogCapture((bytes) => out.push(Buffer.from(bytes).toString())), out }
  }

  test('keeps the last 4,096 bytes of what was written', () => {
    const { log } = capture()
    for (let i = 0; i < 1_000; i += 1) log.write(Buffer.from(`line ${i}\n`))

    const tail = Buffer.from(log.tail()).toString()
    expect(tail).toHaveLength(4_096)
    expect(tail.endsWith('line 999\n')).toBe(true)
  })

  test('drops what is over the limit, counts it, says so, and keeps its end for the tail', () => {
    const { log, out } = capture()
    const chunk = Buffer.alloc(100_000, 'x')
    for (let i = 0; i < 20; i += 1) log.write(chunk)
    log.write(Buffer.from('the end'))
    log.line('END')

    const kept = out.join('')
    expect(kept.length).toBeLessThan(1_048_576 + 200)
    expect(kept).toContain(`[lacre] ${2_000_000 + 7 - 1_048_576} bytes of output dropped`)
    expect(Buffer.from(log.tail()).toString()).toMatch(/the end\n\[lacre\] .*\nEND\n$/)
  })

  test('starts anew with each invocation', () => {
    const { log } = capture()
    log.write(Buffer.from('before\n'))
    log.begin('r2')
    log.line('START')

    expect(Buffer.from(log.tail()).toString()).toBe('START\n')
  })

  test('says in which invocation bytes came, and ends a line that was begun', () => {
    const out: [string, string | undefined][] = []
    const log = new LogCapture((bytes, id) => out.push([Buffer.from(bytes).toString(), id]))
    log.begin('one')
    log.write(Buffer.from('half'))
    log.close()
    log.close()
    log.begin('two')
    log.line('START')

    expect(out).toEqual([
      ['half', 'one'],
      ['\n', 'one'],
      ['START\n', 'two'],
    ])
  })

  test('gives platform lines a line of their own after output without an end', () => {
    const { log } = capture()
    log.write(Buffer.from('half'))
    log.line('END')

    expect(Buffer.from(log.tail()).toString()).toBe('half\nEND\n')
  })
})
