import { deflateRawSync, crc32 } from 'node:zlib'

import { expect, test } from 'vitest'

import { archivedEntries, entryContent } from '../../../services/artifact/index.ts'
import { ForwardReader, windowMemory, WINDOW_BYTES } from '../../../services/artifact/bytes.ts'
import { inflateChunks, isSmall, WHOLE_LIMIT_BYTES } from '../../../services/artifact/content.ts'
import { findEndRecord } from '../../../services/artifact/end-record.ts'
import { parseEntryPath } from '../../../services/artifact/entry-name.ts'
import { findExtraFault } from '../../../services/artifact/extra-field.ts'
import { shown } from '../../../services/artifact/refusal.ts'
import { locateSealBlock } from '../../../services/artifact/seal-block.ts'
import { checkLinks, parseLinkTarget } from '../../../services/artifact/symlinks.ts'
import { bufferSource, limits } from '../../../services/model/index.ts'
import { buildZip, extraField, sealBlockOf } from '../../support/zip-builder.ts'
import { open, openSpec, read, ruleOf, toldOf } from './open.ts'

const words = (message: string) => expect.objectContaining({ publicMessage: message }) as Error
const u16 = (value: number) => Buffer.from([value & 0xff, value >> 8])
const u32 = (value: number) => Buffer.concat([u16(value & 0xffff), u16(value >>> 16)])
const u64 = (value: number) => Buffer.concat([u32(value), u32(0)])

test('takes names up to their limits, and not beyond', () => {
  const part = 'p'.repeat(255)
  const accepts = (path: string) =>
    expect(parseEntryPath(path)).toEqual({ path, isDirectory: false })
  accepts(part)
  accepts(Array.from({ length: 256 }, () => 'd').join('/'))
  accepts(`${`${part}/`.repeat(15)}${'e'.repeat(limits.ENTRY_PATH_LIMIT_BYTES - 15 * 256)}`)
  accepts('ab:c')
  expect(() => parseEntryPath(`${part}p`)).toThrow(/has a part longer than 255 bytes$/)
  expect(() => parseEntryPath('d/'.repeat(256) + 'd')).toThrow(/is deeper than 256 directories$/)
})

test('shows 200 characters of a name, and marks what it leaves away', () => {
  expect(shown('n'.repeat(200))).toBe(`\`${'n'.repeat(200)}\``)
  expect(shown('n'.repeat(201))).toBe(`\`${'n'.repeat(200)}…\``)
})

test('takes a link for what it says: a colon after two letters names no drive', () => {
  expect(parseLinkTarget('l', Buffer.from('ab:c'))).toBe('ab:c')
  expect(() => parseLinkTarget('l', Buffer.from('C:c'))).toThrow(/is absolute$/)
  const links = (...pairs: [string, string][]) => checkLinks(new Map(pairs))
  // What goes through a link goes through its steps in their order.
  expect(() => links(['q', 'x/..'], ['p', 'q'])).not.toThrow()
  expect(() => links(['p', 'a//./b/../..'])).not.toThrow()
  expect(() => links(['p', './..'])).toThrow(/leaves the root$/)
  expect(() => links(['p', 'a//../..'])).toThrow(/leaves the root$/)
})

test('follows 40 links and 400,000 steps, and as far as a path may be long', () => {
  const chain = (count: number) =>
    new Map(Array.from({ length: count }, (_, at) => [`l${at}`, `l${at + 1}`]))
  expect(() => checkLinks(chain(41))).not.toThrow()
  expect(() => checkLinks(chain(42))).toThrow(words('the symlink `l0` never ends'))

  const still = Array.from({ length: 500 }, () => '.').join('/')
  const standing = (count: number) =>
    new Map(Array.from({ length: count }, (_, at) => [`l${at}`, still]))
  expect(() => checkLinks(standing(800))).not.toThrow()
  const far = expect.objectContaining({
    publicMessage: 'the symlinks of the zip lead too far',
    detail: { rule: 'zip.symlink-loop', entry: 'l800' },
  }) as Error
  expect(() => checkLinks(standing(801))).toThrow(far)

  const long = (length: number) => new Map([['l', `${'a'.repeat(length)}/.`]])
  expect(() => checkLinks(long(4_096))).not.toThrow()
  expect(() => checkLinks(long(4_097))).toThrow(/lead too far$/)
})

test('opens a link whose target is as long as may be', async () => {
  const target = (length: number) =>
    buildZip({
      entries: [{ name: 'l', content: 'd/'.repeat(length / 2 - 1) + 'ee', mode: 0o120777 }],
    })
  expect(await ruleOf(target(1_024))).toBe('accepted')
  expect(await ruleOf(target(1_026))).toBe('zip.symlink-target')
})

test('looks for the end record in a zip of exactly the limit', () => {
  const source = (sizeBytes: number) => ({
    sizeBytes,
    read: (_offset: number, length: number) => Buffer.alloc(length),
  })
  expect(() => findEndRecord(source(limits.ARTIFACT_LIMIT_BYTES))).toThrow(/Could not unzip/)
  expect(() => findEndRecord(source(limits.ARTIFACT_LIMIT_BYTES + 1))).toThrow(
    words(`the zip is larger than ${limits.ARTIFACT_LIMIT_BYTES} bytes`),
  )
})

test('counts as many entries as are allowed, and sees a locator at the very start', () => {
  const end = (entries: number) => {
    const record = Buffer.alloc(22)
    record.write('PK\x05\x06', 'latin1')
    record.writeUInt16LE(entries, 8)
    record.writeUInt16LE(entries, 10)
    return record
  }
  const rule = (bytes: Buffer) => {
    try {
      return findEndRecord(bufferSource(bytes)).entryCount
    } catch (error) {
      return (error as { detail: { rule: string } }).detail.rule
    }
  }
  expect(rule(end(limits.ENTRY_COUNT_LIMIT))).toBe(limits.ENTRY_COUNT_LIMIT)
  expect(rule(end(limits.ENTRY_COUNT_LIMIT + 1))).toBe('zip.entry-count')
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  expect(rule(Buffer.concat([locator, end(0)]))).toBe('zip.zip64')
})

const context = {
  name: Buffer.from('a'),
  comment: Buffer.from('c'),
  hostSystem: 3,
  externalAttributes: 7,
  place: 'central' as const,
}
const malformed = (id: string) => `has field ${id}, which is malformed`

test.each<[string, number, Uint8Array, string | undefined]>([
  ['an old owner of nothing', 0x7855, Buffer.alloc(0), undefined],
  ['old times with owners', 0x5855, Buffer.alloc(12), undefined],
  ['an owner cut after its version', 0x7875, Buffer.from([1, 1]), malformed('0x7875')],
  ['an owner without a group', 0x7875, Buffer.from([1, 1, 0]), malformed('0x7875')],
  ['an owner of no bytes and a group of none', 0x7875, Buffer.from([1, 0, 0]), undefined],
  ['an owner of another version', 0x7875, Buffer.from([2, 0, 0]), malformed('0x7875')],
  ['an empty NTFS tag at the end', 0x000a, Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]), undefined],
  [
    'an NTFS tag that is not times',
    0x000a,
    Buffer.concat([u32(0), u16(2), u16(1), u16(0).subarray(1)]),
    undefined,
  ],
  ['a path cut in its CRC', 0x7075, Buffer.from([1, 0, 0, 0]), malformed('0x7075')],
  [
    'a path without a name',
    0x7075,
    Buffer.concat([Buffer.from([1]), u32(crc32('a'))]),
    'has field 0x7075, which gives another name',
  ],
  ['a comment cut in its CRC', 0x6375, Buffer.from([1, 0, 0, 0]), malformed('0x6375')],
  [
    'a comment of another version',
    0x6375,
    Buffer.concat([Buffer.from([2]), u32(crc32('c'))]),
    malformed('0x6375'),
  ],
  [
    'the CRC alone of its comment',
    0x6375,
    Buffer.concat([Buffer.from([1]), u32(crc32('c'))]),
    undefined,
  ],
  [
    'the CRC of another comment',
    0x6375,
    Buffer.concat([Buffer.from([1]), u32(crc32('d'))]),
    malformed('0x6375'),
  ],
  ['attributes of nothing', 0x6c78, Buffer.from([0]), undefined],
  ['the same host system', 0x6c78, Buffer.from([1, 0, 3]), undefined],
  ['the same attributes', 0x6c78, Buffer.concat([Buffer.from([4]), u32(7)]), undefined],
  ['a mode alone', 0x6c78, Buffer.from([2, 0, 0]), undefined],
])('reads in an extra field %s', (_title, id, data, fault) => {
  expect(findExtraFault(Buffer.from(extraField(id, data)), context)).toBe(fault)
})

const MAGIC = Buffer.from('LACRE SEAL v1\0\0\0', 'latin1')

test.each<[string, Buffer, string]>([
  ['too short for its frame', MAGIC, '16 bytes before the central directory are of no entry'],
  ['without pairs', Buffer.concat([u64(24), u64(24), MAGIC]), 'the seal block is empty'],
  [
    'with two sizes',
    Buffer.concat([u64(24), u64(25), MAGIC]),
    'the seal block has sizes that disagree',
  ],
  [
    'with some bytes for a pair',
    Buffer.concat([u64(31), Buffer.alloc(7), u64(31), MAGIC]),
    'the seal block is not filled by its pairs',
  ],
  [
    'with a pair too short for its id',
    Buffer.concat([u64(35), u64(3), Buffer.alloc(3), u64(35), MAGIC]),
    'the seal block is not filled by its pairs',
  ],
  [
    'with a pair that goes on behind it',
    Buffer.concat([u64(36), u64(5), u32(1), u64(36), MAGIC]),
    'the seal block is not filled by its pairs',
  ],
  [
    'with a large seal',
    sealBlockOf([{ id: 1, payload: Buffer.alloc(limits.SEAL_PAYLOAD_LIMIT_BYTES + 1) }]),
    `the seal block holds a seal larger than ${limits.SEAL_PAYLOAD_LIMIT_BYTES} bytes`,
  ],
  [
    'with seventeen seals',
    sealBlockOf(Array.from({ length: 17 }, () => ({ id: 1, payload: Buffer.from('x') }))),
    'the seal block holds more than 16 seals',
  ],
])('says of a seal block %s what is wrong, and where', (_title, block, message) => {
  const before = Buffer.alloc(9)
  const rule = message.startsWith('the') ? 'zip.seal-block' : 'zip.unclaimed-bytes'
  const source = bufferSource(Buffer.concat([before, block]))
  expect(() => locateSealBlock(source, { start: 9, end: 9 + block.length })).toThrow(
    expect.objectContaining({ publicMessage: message, detail: { rule, offset: 9 } }) as Error,
  )
})

test('takes a block whose one pair has nothing but its id', () => {
  const block = Buffer.concat([u64(36), u64(4), u32(1), u64(36), MAGIC])
  expect(locateSealBlock(bufferSource(block), { start: 0, end: 36 + 8 })).toEqual({
    offset: 0,
    length: 44,
  })
})

test('reads a range once, a window at a time', () => {
  const asked: number[] = []
  const bytes = Buffer.alloc(WINDOW_BYTES + 30, 'x')
  const source = {
    sizeBytes: bytes.length,
    read: (offset: number, length: number) => {
      asked.push(length)
      return bytes.subarray(offset, offset + length)
    },
  }
  const reader = new ForwardReader(source, { start: 10, end: bytes.length })
  expect([reader.take(5).length, reader.take(WINDOW_BYTES - 5).length]).toEqual([
    5,
    WINDOW_BYTES - 5,
  ])
  expect(asked).toEqual([WINDOW_BYTES])
  expect(reader.take(20).length).toBe(20)
  expect(asked).toEqual([WINDOW_BYTES, 20])
  expect(() => reader.take(1)).toThrow(new RangeError('1 bytes wanted, 0 left'))
  expect(windowMemory({ ...source, sizeBytes: 7 })).toHaveLength(7)
  expect(windowMemory({ ...source, sizeBytes: 2 * WINDOW_BYTES })).toHaveLength(WINDOW_BYTES)
})

test('holds at once what is small, packed and unpacked', () => {
  const [limit, more] = [WHOLE_LIMIT_BYTES, WHOLE_LIMIT_BYTES + 1]
  const small = (sizeBytes: number, compressedBytes: number) =>
    isSmall({ path: 'a', method: 8, crc32: 0, sizeBytes, compressedBytes })
  expect([small(limit, limit), small(more, 1), small(1, more)]).toEqual([true, false, false])
})

test('inflates in small pieces, and none of them beyond what is promised', async () => {
  const content = Buffer.alloc(100_000, 'abc')
  const packed = deflateRawSync(content)
  const promised = {
    path: 'a',
    method: 8,
    crc32: crc32(content),
    sizeBytes: content.length,
    compressedBytes: packed.length,
  }
  const sizes: number[] = []
  for await (const chunk of inflateChunks(promised, [packed])) sizes.push(chunk.length)
  expect(Math.max(...sizes)).toBe(16_384)

  const lying = inflateChunks({ ...promised, sizeBytes: 5 }, [packed])
  await expect(lying.next()).rejects.toThrow(/`a` does not have the 5 bytes/)
  const behind = inflateChunks({ ...promised, compressedBytes: packed.length + 3 }, [
    Buffer.concat([packed, Buffer.alloc(3)]),
  ])
  await expect(read(behind)).rejects.toThrow(/goes on after its deflate stream has ended$/)
})

test('says what a descriptor has wrong: any of its three values', async () => {
  const [crc, size] = [crc32('content'), 7]
  const told = (...values: number[]) =>
    toldOf(
      buildZip({
        entries: [
          {
            name: 'a',
            content: 'content',
            descriptor: 'signed',
            descriptorBytes: Buffer.concat(
              [0x08074b50, ...values].map((value) => u32(Number(value))),
            ),
          },
        ],
      }),
    )
  const differs = expect.objectContaining({
    message: 'the data descriptor of `a` differs from the central header',
  }) as unknown
  expect(await told(crc + 1, size, size)).toEqual(differs)
  expect(await told(crc, size + 1, size)).toEqual(differs)
  expect(await told(crc, size, size + 1)).toEqual(differs)
})

test('lets content look like a descriptor where there is none', async () => {
  const content = Buffer.concat([Buffer.from('x'), u32(0x08074b50)])
  expect(await ruleOf(buildZip({ entries: [{ name: 'a', content }] }))).toBe('accepted')
})

test('gives an empty entry no chunk, and content of what it opened alone', async () => {
  const artifact = await openSpec({
    entries: [{ name: 'd/', mode: 0o040755 }, { name: 'z' }, { name: 'a', content: 'x' }],
  })
  const [, , empty] = artifact.entries
  expect(empty?.path).toBe('z')
  if (empty === undefined) throw new Error('no entry')
  expect((await entryContent(artifact, empty).next()).done).toBe(true)

  const archived = []
  for (const { name, sizeBytes, content } of archivedEntries(artifact))
    archived.push([name, sizeBytes, (await read(content())).toString()])
  expect(archived).toEqual([
    ['d/', 0, ''],
    ['z', 0, ''],
    ['a', 1, 'x'],
  ])

  const strange = { ...artifact, entries: [...artifact.entries] }
  await expect(entryContent(strange, empty).next()).rejects.toThrow(
    'the entry is not of an opened artifact',
  )
  const unknown = { ...empty, path: 'nowhere' }
  await expect(
    entryContent(
      await open(Buffer.from(artifact.source.read(0, artifact.source.sizeBytes))),
      unknown,
    ).next(),
  ).rejects.toThrow('the entry is not of an opened artifact')
  expect(() => [...archivedEntries(strange)]).toThrow('the artifact was not opened here')
})
