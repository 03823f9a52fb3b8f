import fc from 'fast-check'
import { expect, test } from 'vitest'

import { encodeFrame, FrameReader, FrameTooLarge } from '../../../services/runtime/frames.ts'

test('frames come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }),
      (bodies, cuts) => {
        const bytes = Buffer.concat(bodies.map((body) => encodeFrame(body)))
        const out: Buffer[] = []
        const reader = new FrameReader(64, (frame) => out.push(Buffer.from(frame)))
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const end = at + (cuts[i % cuts.length] ?? 1)
          reader.push(bytes.subarray(at, end))
          at = end
        }
        expect(out).toEqual(bodies.map((body) => Buffer.from(body)))
      },
    ),
  )
})

test('a length over the limit is refused before its body arrives', () => {
  const reader = new FrameReader(10, () => undefined)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(11)

  expect(() => reader.push(length)).toThrow(FrameTooLarge)
})

test('several parts make one frame', () => {
  expect(encodeFrame(Buffer.from('ab'), Buffer.from('c'))).toEqual(Buffer.from('\x03\0\0\0abc'))
})
