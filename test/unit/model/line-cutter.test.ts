import { expect, test } from 'vitest'

import { LineCutter } from '../../../services/model/line-cutter.ts'

test('lines are cut whole across chunks and characters, and overlong ones shortened', () => {
  const lines: string[] = []
  const cutter = new LineCutter((line) => lines.push(line))
  const bytes = Buffer.from('é one\ntwo\n')
  for (const byte of bytes) cutter.push(Uint8Array.of(byte))
  cutter.push(Buffer.from(`${'x'.repeat(300_000)}\n`))

  expect(lines.slice(0, 2)).toEqual(['é one', 'two'])
  expect(lines[2]).toHaveLength(262_144)
})
