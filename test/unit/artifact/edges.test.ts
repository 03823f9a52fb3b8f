import { crc32 } from 'node:zlib'

import { expect, test } from 'vitest'

import {
  compareUtf8,
  digestOf,
  openArtifact,
  unsealedSource,
  withSealBlock,
} from '../../../services/artifact/index.ts'
import { ForwardReader } from '../../../services/artifact/bytes.ts'
import { bufferSource, sha256, type ByteSource } from '../../../services/model/index.ts'
import { buildZip, sealBlockOf } from '../../support/zip-builder.ts'
import { openSpec, ruleOf } from './open.ts'

test('orders paths by their UTF-8 bytes, also beyond the basic plane', () => {
  expect(['\u{1F600}', '\uFF5E', 'a'].toSorted(compareUtf8)).toEqual(['a', '\uFF5E', '\u{1F600}'])
})

test('hands out no byte beyond its range', () => {
  const reader = new ForwardReader(bufferSource(Buffer.from('abcdef')), { start: 1, end: 4 })

  expect(reader.take(2).toString()).toBe('bc')
  expect(() => reader.take(2)).toThrow(RangeError)
  expect(reader.take(1).toString()).toBe('d')
})

test('reads window after window into memory that it was given, and hands out the same bytes', () => {
  const bytes = Buffer.alloc(2 * 1_048_576 + 5, 'abc')
  const given: (Uint8Array | undefined)[] = []
  const source: ByteSource = {
    sizeBytes: bytes.length,
    read(offset, length, into) {
      given.push(into)
      const piece = bytes.subarray(offset, offset + length)
      if (into === undefined) return piece
      into.set(piece)
      return into.subarray(0, length)
    },
  }

  const digest = Buffer.from(digestOf(source, 'sha256')).toString('hex')

  expect(digest).toBe(sha256(bytes))
  expect(given).toHaveLength(3)
  expect(new Set(given).size).toBe(1)
})

test('refuses a local header that is cut off by the directory', async () => {
  const entries = [{ name: 'a', content: 'x' }]
  const zip = buildZip({ entries })
  const headerBytes = 30 + 1 + 1

  for (const lost of [3, headerBytes - 1]) {
    const short = Buffer.concat([zip.subarray(0, headerBytes - lost), zip.subarray(headerBytes)])
    // The directory moved by what is lost, and the end record says so.
    short.writeUInt32LE(headerBytes - lost, short.length - 6)
    expect(await ruleOf(short)).toBe('zip.local-header')
  }
})

/** Info-ZIP's Unicode path field (0x7075): version, CRC-32 of the name, another name. */
function unicodePath(name: string, of = 'a', version = 1): Buffer {
  const data = Buffer.alloc(5 + Buffer.byteLength(name))
  data.writeUInt8(version, 0)
  data.writeUInt32LE(crc32(of), 1)
  data.write(name, 5)
  const head = Buffer.alloc(4)
  head.writeUInt16LE(0x7075, 0)
  head.writeUInt16LE(data.length, 2)
  return Buffer.concat([head, data])
}

test.each([
  ['the same name again', unicodePath('a'), 'accepted'],
  ['another name', unicodePath('b'), 'zip.extra-field'],
  ['the name of another entry', unicodePath('a', 'b'), 'zip.extra-field'],
  ['a version that nobody knows', unicodePath('a', 'a', 2), 'zip.extra-field'],
])('reads a Unicode path field that gives %s: %s', async (_what, extra, rule) => {
  const zip = buildZip({ entries: [{ name: 'a', content: 'x', both: { extra } }] })

  expect(await ruleOf(zip)).toBe(rule)
})

test('reads nothing outside a zip whose block was put in or taken out', async () => {
  const plain = await openSpec({ entries: [{ name: 'a', content: 'x' }] })
  const sealed = withSealBlock(plain, sealBlockOf([{ id: 1, payload: Buffer.from('{}') }]))
  const unsealed = unsealedSource(await openArtifact(sealed))

  for (const source of [sealed, unsealed])
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0, source.sizeBytes + 1],
      [source.sizeBytes, 1],
    ] as const)
      expect(() => source.read(offset, length)).toThrow(RangeError)
})
