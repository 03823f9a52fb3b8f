import { describe, expect, test } from 'vitest'

import { FramedLogs, type RecordFacts } from '../../../services/runtime/framed-logs.ts'
import { LogCapture } from '../../../services/runtime/log-capture.ts'

/** As aws-lambda-ric writes it: the last byte of the type says text or JSON, whether there is a time, and the level. */
function frame(type: number, text: string, options: { timeMs?: number; length?: number } = {}) {
  const body = Buffer.from(text)
  const { timeMs, length = body.byteLength } = options
  const head = Buffer.alloc(timeMs === undefined ? 8 : 16)
  head.writeUInt32BE(0xa55a0000 + type, 0)
  head.writeUInt32BE(length, 4)
  if (timeMs !== undefined) head.writeBigUInt64BE(BigInt(timeMs) * 1_000n, 8)
  return Buffer.concat([head, body])
}

interface Told extends RecordFacts {
  readonly text: string
}

function reader() {
  const told: Told[] = []
  let skipped = 0
  const logs = new FramedLogs({
    record: (text, facts) => told.push({ text: text.toString(), ...facts }),
    skipped: (bytes) => (skipped += bytes),
  })
  return { logs, told, skipped: () => skipped }
}

const textsOf = (told: readonly Told[]): string[] => told.map(({ text }) => text)
const at = { timeMs: 1_767_322_245_678 }

describe('framed records', () => {
  test.each([
    [
      'Node, text',
      frame(0x0f, 'a\tINFO\tone\ntwo\n', at),
      ['a\tINFO\tone\ntwo', 'INFO', at.timeMs],
    ],
    ['Node, JSON', frame(0x16, '{"message":"x"}', at), ['{"message":"x"}', 'ERROR', at.timeMs]],
    ['Python, no level', frame(0x03, 'x\r\ny', at), ['x\r\ny', undefined, at.timeMs]],
    ['trace', frame(0x07, 'x', at), ['x', 'TRACE', at.timeMs]],
    ['fatal', frame(0x1b, 'x', at), ['x', 'FATAL', at.timeMs]],
    ['Ruby, no time', frame(0x01, 'x\n\n'), ['x\n', undefined, undefined]],
    ['nothing', frame(0x03, '', at), ['', undefined, at.timeMs]],
  ])('%s: one record, with its level and time', (_who, bytes, expected) => {
    const { logs, told } = reader()

    logs.push(bytes)

    expect(told.map(({ text, level, timeMs }) => [text, level, timeMs])).toEqual([expected])
  })

  test('are the same however they are split, damage between them too', () => {
    const stream = Buffer.concat([
      frame(0x0f, 'first\nof two lines\n', at),
      Buffer.from('raw one\nraw two, begun'),
      frame(0x01, 'second'),
      Buffer.of(0xa5, 0x5a, 0x00, 0xff, 0x0a, 0xa5, 0x5a, 0xa5, 0x0a),
      frame(0x12, 'third', at),
    ])
    const whole = reader()
    whole.logs.push(stream)
    whole.logs.end()
    const replaced = '\ufffd'
    expect(textsOf(whole.told)).toEqual([
      'first\nof two lines', 'raw one', 'raw two, begun', 'second', `${replaced}Z\0${replaced}`,
      `${replaced}Z${replaced}`, 'third',
    ]) // prettier-ignore
    for (let size = 1; size < stream.byteLength; size += 1) {
      const parts = reader()
      for (let from = 0; from < stream.byteLength; from += size)
        parts.logs.push(stream.subarray(from, from + size))
      parts.logs.end()
      expect(parts.told, `in pieces of ${size}`).toEqual(whole.told)
    }
  })

  test.each([
    ['a level that is none', Buffer.concat([Buffer.of(0xa5, 0x5a, 0, 0x1f), Buffer.alloc(12)])],
    ['another magic', Buffer.concat([Buffer.of(0xa5, 0x5a, 1, 0x03), Buffer.alloc(12)])],
    ['a length over the limit', frame(0x03, '', { ...at, length: 16_777_217 })],
    ['a length below zero', frame(0x03, '', { ...at, length: 0xffff_ffff })],
  ])('%s is read as lines, and the next frame as a frame', (_what, damaged) => {
    const { logs, told, skipped } = reader()

    logs.push(Buffer.concat([damaged, Buffer.from(' said raw\n'), frame(0x0f, 'well', at)]))

    expect(told.map(({ level }) => level)).toEqual([undefined, 'INFO'])
    expect(told[0]?.text).toMatch(/ said raw$/)
    expect(told[1]?.text).toBe('well')
    expect(skipped()).toBe(0)
  })

  test('one that is never finished is what there is of it, and what follows is read anew', () => {
    const { logs, told } = reader()
    logs.push(frame(0x0f, 'half', { ...at, length: 1_000 }))
    expect(told).toEqual([])

    logs.end()
    logs.push(frame(0x13, 'next', at))
    logs.push(frame(0x0f, '', { ...at, length: 5 }).subarray(0, 11))
    logs.end()

    expect(told.map(({ text, level }) => [text, level]).slice(0, 2)).toEqual([
      ['half', 'INFO'],
      ['next', 'WARN'],
    ])
    expect(told).toHaveLength(3)
  })

  test('of a long one, framed or a line, the first 262,144 bytes are kept', () => {
    const { logs, told, skipped } = reader()
    const long = frame(0x0f, 'x'.repeat(1_000_000), at)
    for (let from = 0; from < long.byteLength; from += 65_536)
      logs.push(long.subarray(from, from + 65_536))
    const line = Buffer.alloc(10, 'y')
    for (let n = 0; n < 30_000; n += 1) logs.push(line)
    logs.push(Buffer.from('\n'))

    expect(told.map(({ text }) => [text[0], text.length])).toEqual([
      ['x', 262_144],
      ['y', 262_144],
    ])
    expect(skipped()).toBe(1_000_000 + 300_000 - 2 * 262_144)
  })

  test('noise of any kind ends, and loses no byte of what is below the limit', () => {
    let seed = 7
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }
    for (let round = 0; round < 200; round += 1) {
      const { logs, told } = reader()
      const pieces = Array.from({ length: 20 }, () => {
        const alphabet = [0xa5, 0x5a, 0x00, 0x03, 0x0a, 0x41]
        if (random(3) > 0) return Buffer.from(Array.from({ length: random(9) }, () => alphabet[random(6)] ?? 0)) // prettier-ignore
        return frame(random(32), 'y'.repeat(random(9)), random(2) === 0 ? at : {})
      })
      for (const piece of pieces) logs.push(piece)
      logs.end()
      logs.push(frame(0x0f, 'the end', at))
      expect(told.at(-1)).toEqual({ text: 'the end', level: 'INFO', ...at })
    }
  })
})

describe('framed records in the capture', () => {
  const capture = () => {
    const out: { text: string; id: string | undefined; level?: string | undefined }[] = []
    const log = new LogCapture((bytes, id, record) => {
      const text = Buffer.from(bytes).toString()
      out.push(record === undefined ? { text, id } : { text, id, level: record.level })
    })
    return { log, out, framed: log.openFramed(() => undefined) }
  }

  test('come whole beside a line of output that was begun, and into the tail', () => {
    const { log, out, framed } = capture()
    log.begin('r')
    log.write(Buffer.from('be'))
    framed.push(frame(0x0f, 'one\ntwo\n', at))
    log.write(Buffer.from('gun\n'))

    expect(out).toEqual([
      { text: 'be', id: 'r' },
      { text: 'one\ntwo', id: 'r', level: 'INFO' },
      { text: 'gun\n', id: 'r' },
    ])
    expect(Buffer.from(log.tail()).toString()).toContain('one\ntwo\n')
  })

  test('count against the limit of an invocation, what is cut off them too', () => {
    const { log, out, framed } = capture()
    log.begin('r')
    for (let n = 0; n < 5; n += 1) framed.push(frame(0x0f, 'x'.repeat(300_000), at))
    framed.push(frame(0x0f, 'the end', at))
    expect(log.flooded).toBe(true)
    log.line('END')

    const kept = out.reduce((sum, { text }) => sum + text.length, 0)
    expect(kept).toBeLessThan(1_048_576 + 200)
    const dropped = 5 * 300_001 + 'the end'.length + 1 - 1_048_576
    expect(out.map(({ text }) => text).join('')).toContain(
      `[lacre] ${dropped} bytes of output dropped`,
    )
    expect(Buffer.from(log.tail()).toString()).toMatch(/the end\n\[lacre\] .*\nEND\n$/)
  })

  test.each([
    ['is not told yet', false],
    ['is told', true],
  ])('one that floods, which %s, goes on in the next invocation, where the rest of it is read', (_what, told) => {
    const { log, out, framed } = capture()
    log.begin('one')
    const long = frame(0x0f, 'x'.repeat(2_000_000), at)
    framed.push(long.subarray(0, 1_900_000))
    if (told) log.line('REPORT')
    log.begin('two')
    framed.push(long.subarray(1_900_000))
    framed.push(frame(0x13, 'next', at))

    expect(
      out.filter(({ level }) => level !== undefined).map(({ text, level }) => [text.length, level]),
    ).toEqual([
      [262_144, 'INFO'],
      [4, 'WARN'],
    ])
  }) // prettier-ignore

  test('one that was begun ends with its invocation, and with the log', () => {
    const { log, out, framed } = capture()
    log.begin('one')
    framed.push(frame(0x0f, 'never finished', { ...at, length: 99 }))
    log.begin('two')
    framed.push(Buffer.from('no line end'))
    log.close()

    expect(out).toEqual([
      { text: 'never finished', id: 'one', level: 'INFO' },
      { text: 'no line end', id: 'two', level: undefined },
    ])
  })
})
