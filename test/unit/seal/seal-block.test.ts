import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { PlatformError, SealFormat } from '../../../services/model/index.ts'
import { decodeSealBlock, encodeSealBlock } from '../../../services/seal/index.ts'

const seals = [
  { format: 'bundle' as const, bytes: Buffer.from('{}') },
  { format: 'cms' as const, bytes: Buffer.from([0x30, 0]) },
]
const block = Buffer.from(encodeSealBlock(seals))

/** The block with some of its bytes changed. */
function change(edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(block)
  edit(copy)
  return copy
}

test('lays the block out as it is specified', () => {
  const body = '0600000000000000' + '01000000' + '7b7d' + '0600000000000000' + '02000000' + '3000'
  const size = '3400000000000000'

  expect(block.toString('hex')).toBe(
    size + body + size + Buffer.from('LACRE SEAL v1\0\0\0').toString('hex'),
  )
})

test('gives back the seals it was made of, in their order', () => {
  const seal = fc.record({
    format: fc.constantFrom<SealFormat>('bundle', 'cms'),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  })
  fc.assert(
    fc.property(fc.array(seal, { minLength: 1, maxLength: 16 }), (list) => {
      const decoded = decodeSealBlock(encodeSealBlock(list))
      expect(
        decoded.map(({ format, bytes }) => ({ format, bytes: Uint8Array.from(bytes) })),
      ).toEqual(list)
    }),
  )
})

const big = Buffer.alloc(262_145)

test.each<[string, Uint8Array]>([
  ['no bytes', Buffer.alloc(0)],
  [
    'no pair',
    Buffer.concat([
      Buffer.from('1800000000000000'.repeat(2), 'hex'),
      Buffer.from('LACRE SEAL v1\0\0\0'),
    ]),
  ],
  ['another magic', change((copy) => copy.write('LACRE SEAL v2', copy.length - 16))],
  ['a magic that is not padded with NUL', change((copy) => copy.writeUInt8(0x20, copy.length - 1))],
  ['a first size that is too small', change((copy) => copy.writeUInt8(0x33, 0))],
  ['a second size that is too large', change((copy) => copy.writeUInt8(0x35, copy.length - 24))],
  [
    'both sizes wrong',
    change((copy) => {
      copy.writeUInt8(0x33, 0)
      copy.writeUInt8(0x33, copy.length - 24)
    }),
  ],
  ['an unknown id', change((copy) => copy.writeUInt32LE(3, 16))],
  ['the id 0', change((copy) => copy.writeUInt32LE(0, 16))],
  ['a pair that runs over the end', change((copy) => copy.writeUInt8(0x70, 8))],
  ['a pair that is shorter than its id', change((copy) => copy.writeUInt8(3, 8))],
  ['an empty payload', change((copy) => copy.writeUInt8(4, 8))],
  ['a pair of 2^63 bytes', change((copy) => copy.writeUInt8(0x80, 15))],
  ['a byte before it', Buffer.concat([Buffer.from([0]), block])],
  ['a byte after it', Buffer.concat([block, Buffer.from([0])])],
])('refuses a block with %s', (_title, bytes) => {
  expect(() => decodeSealBlock(bytes)).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }) as PlatformError,
  )
})

test.each<[string, number, Uint8Array]>([
  ['no seal', 0, big.subarray(0, 1)],
  ['17 seals', 17, big.subarray(0, 1)],
  ['a seal above 256 KiB', 1, big],
  ['more than 1 MiB in all', 5, big.subarray(0, 262_144)],
])('makes no block of %s', (_title, count, bytes) => {
  const list = Array.from({ length: count }, () => ({ format: 'cms' as const, bytes }))

  expect(() => encodeSealBlock(list)).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }) as PlatformError,
  )
})

test('answers any bytes with seals or a typed refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(119), (noise, at) => {
      for (const bytes of [
        noise,
        Buffer.concat([block.subarray(0, at), noise, block.subarray(at)]),
      ]) {
        try {
          decodeSealBlock(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_SEAL' })
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
