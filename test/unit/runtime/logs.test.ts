import { describe, expect, test } from 'vitest'

import { LogCapture } from '../../../services/runtime/log-capture.ts'
import {
  endLine,
  initReportLine,
  reportLine,
  startLine,
} from '../../../services/runtime/log-lines.ts'
import { LineCutter } from '../../../services/runtime/log-sink.ts'

const report = { requestId: 'r', durationMs: 3.009, billedMs: 4, memoryMb: 128, maxMemoryMb: 36 }

describe('platform lines', () => {
  test('START, END and REPORT are AWS’s, trailing tab included', () => {
    expect(startLine('r', '$LATEST')).toBe('START RequestId: r Version: $LATEST')
    expect(endLine('r')).toBe('END RequestId: r')
    expect(reportLine({ ...report, initMs: 110.1 })).toBe(
      'REPORT RequestId: r\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t',
    )
  })

  test('a failure adds its status, an error its type', () => {
    expect(reportLine({ ...report, status: 'timeout' })).toMatch(/\tStatus: timeout\t$/)
    expect(reportLine({ ...report, status: 'error', errorType: 'Runtime.ExitError' })).toMatch(
      /\tStatus: error\tError Type: Runtime.ExitError\t$/,
    )
    expect(initReportLine(1236.04, 'init', { status: 'timeout' })).toBe(
      'INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout',
    )
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
    log.begin()
    log.line('START')

    expect(Buffer.from(log.tail()).toString()).toBe('START\n')
  })

  test('gives platform lines a line of their own after output without an end', () => {
    const { log } = capture()
    log.write(Buffer.from('half'))
    log.line('END')

    expect(Buffer.from(log.tail()).toString()).toBe('half\nEND\n')
  })
})

test('lines are cut whole across chunks and characters, and overlong ones shortened', () => {
  const lines: string[] = []
  const cutter = new LineCutter((line) => lines.push(line))
  const bytes = Buffer.from('é one\ntwo\n')
  for (const byte of bytes) cutter.push(Uint8Array.of(byte))
  cutter.push(Buffer.from(`${'x'.repeat(300_000)}\n`))

  expect(lines.slice(0, 2)).toEqual(['é one', 'two'])
  expect(lines[2]).toHaveLength(262_144)
})
