import { createCipheriv } from 'node:crypto'
import { crc32, deflateRawSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { entryContent } from '../../../services/artifact/index.ts'
import { sha256 } from '../../../services/model/index.ts'
import { buildZip, extraField, zipOf, type ZipEntrySpec } from '../../support/zip-builder.ts'
import { open, openSpec, read, ruleOf } from './open.ts'

const MIB = 1_048_576
/** Bytes that deflate cannot make smaller, the same each time. */
const noise = (length: number): Buffer =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(length))
const prefixed = (...parts: (number | Uint8Array | string)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as Uint8Array),
    ),
  )
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

test.each<[string, ZipEntrySpec]>([
  ['stored', { name: 'a', content: 'content' }],
  ['deflated', { name: 'a', content: 'content', method: 8 }],
  ['empty', { name: 'a' }],
  ['empty and deflated', { name: 'a', method: 8 }],
  ['with a signed descriptor', { name: 'a', content: 'content', method: 8, descriptor: 'signed' }],
  [
    'with an unsigned descriptor',
    { name: 'a', content: 'content', method: 8, descriptor: 'unsigned' },
  ],
  ['stored with a signed descriptor', { name: 'a', content: 'content', descriptor: 'signed' }],
  [
    'with sizes in the local header and a descriptor',
    {
      name: 'a',
      content: 'content',
      descriptor: 'signed',
      local: { crc32: crc32('content'), sizeBytes: 7, compressedBytes: 7 },
    },
  ],
  ['with a name in UTF-8', { name: 'd\u00e9j\u00e0 vu/\u{1f600}.js', content: 'content' }],
  ['with a name in UTF-8 and without NFC', { name: 'cafe\u0301', content: 'content' }],
  ['with a semicolon that begins no version', { name: 'lib;1/a;b.js;1x', content: 'content' }],
  ['with a comment', { name: 'a', central: { comment: Buffer.from('made by hand') } }],
  ['with compression hints', { name: 'a', content: 'content', method: 8, both: { flags: 6 } }],
  [
    'made on Windows',
    { name: 'a', content: 'content', central: { madeBy: 0, externalAttributes: 0x20 } },
  ],
])('accepts an entry %s', async (_title, entry) => {
  expect(await ruleOf(buildZip({ entries: [entry] }))).toBe('accepted')
})

test.each<[string, Buffer]>([
  ['a timestamp', extraField(0x5455, Buffer.alloc(13, 7))],
  ['an owner', extraField(0x7875, Buffer.from([1, 4, 1, 2, 3, 4, 4, 1, 2, 3, 4]))],
  ['an owner without data', extraField(0x7875)],
  ['an old owner', extraField(0x7855, Buffer.alloc(4))],
  ['an old timestamp', extraField(0x5855, Buffer.alloc(8))],
  ['NTFS times', extraField(0x000a, prefixed(Buffer.alloc(4), 1, 0, 24, 0, Buffer.alloc(24)))],
  ['a jar mark', extraField(0xcafe)],
  ['a unicode path of the same name', extraField(0x7075, prefixed(1, u32(crc32('a')), 'a'))],
  [
    'attributes for streaming readers',
    extraField(0x6c78, prefixed(7, 30, 3, 0, 0, u32(0o100644 * 0x10000))),
  ],
  ['an alignment', extraField(0xd935, Buffer.alloc(2))],
  ['two fields', Buffer.concat([extraField(0xcafe), extraField(0x5455, Buffer.alloc(5))])],
])('accepts the extra field of %s', async (_title, extra) => {
  expect(await ruleOf(buildZip({ entries: [{ name: 'a', both: { extra } }] }))).toBe('accepted')
})

test('accepts a unicode comment in the central header', async () => {
  const comment = Buffer.from('hello')
  const extra = extraField(0x6375, prefixed(1, u32(crc32(comment)), 'hello'))

  expect(await ruleOf(buildZip({ entries: [{ name: 'a', central: { comment, extra } }] }))).toBe(
    'accepted',
  )
})

test('accepts an archive comment, and an empty archive', async () => {
  expect(await ruleOf(buildZip({ entries: [], end: { comment: Buffer.from('PK') } }))).toBe(
    'accepted',
  )
})

test('accepts a zip stored in a zip', async () => {
  const inner = zipOf({ 'a.js': 'content' })

  expect(await ruleOf(buildZip({ entries: [{ name: 'inner.zip', content: inner }] }))).toBe(
    'accepted',
  )
})

test('keeps the execute bit of the owner and no other', async () => {
  const artifact = await openSpec({
    entries: [
      { name: 'a', mode: 0o100755 },
      { name: 'b', mode: 0o104711 },
      { name: 'c', mode: 0o100666 },
      { name: 'd', mode: 0o100611 },
      { name: 'e', mode: 0o100755, central: { madeBy: 20 } },
      { name: 'f', mode: 0o100755, central: { madeBy: (19 << 8) | 20 } },
    ],
  })

  expect(artifact.entries.map((entry) => entry.mode)).toEqual([
    0o755, 0o755, 0o644, 0o644, 0o644, 0o755,
  ])
})

test('keeps symlinks that stay inside, and says their target', async () => {
  const artifact = await openSpec({
    entries: [
      { name: 'a/b', content: 'content' },
      { name: 'a/l', content: '../a/./b', mode: 0o120777 },
      { name: 'm', content: 'a/l', mode: 0o120777, method: 8 },
      { name: 'dangling', content: 'nowhere/', mode: 0o120777 },
    ],
  })
  const entry = artifact.entries.find(({ path }) => path === 'm')

  expect(entry).toMatchObject({ kind: 'symlink', mode: 0, sizeBytes: 3, sha256: sha256('a/l') })
  if (entry !== undefined)
    expect((await read(entryContent(artifact, entry))).toString()).toBe('a/l')
})

test('has empty directories as entries, and not those that hold something', async () => {
  const artifact = await openSpec({
    entries: [{ name: 'a/' }, { name: 'a/b/' }, { name: 'a/b/c' }, { name: 'empty/', method: 8 }],
  })

  expect(artifact.entries).toMatchObject([
    { path: 'a/b/c', kind: 'file' },
    { path: 'empty', kind: 'directory', mode: 0, sizeBytes: 0, sha256: sha256('') },
  ])
})

test.each([
  ['deflated', 8, 3 * MIB + 17],
  ['stored', 0, 3 * MIB + 17],
  ['stored with a descriptor', 0, 2 * MIB],
])('reads a large %s entry in pieces', async (title, method, length) => {
  const content = noise(length)
  const artifact = await openSpec({
    entries: [
      {
        name: 'large',
        content,
        method,
        ...(title.includes('descriptor') ? { descriptor: 'signed' as const } : {}),
      },
      { name: 'small', content: 'content' },
    ],
  })
  const [entry] = artifact.entries

  expect(entry).toMatchObject({ path: 'large', sizeBytes: length, sha256: sha256(content) })
  if (entry !== undefined)
    expect((await read(entryContent(artifact, entry))).equals(content)).toBe(true)
})

test.each([
  ['a larger size', { sizeBytes: 3 * MIB + 1 }, undefined, 'zip.size'],
  ['a smaller size', { sizeBytes: 3 * MIB - 1 }, undefined, 'zip.size'],
  ['another CRC', { crc32: 1 }, undefined, 'zip.crc'],
  ['bytes after its stream', {}, 'after', 'zip.deflate'],
  ['a stream cut off', {}, 'cut', 'zip.deflate'],
  ['a stream broken in the middle', {}, 'broken', 'zip.deflate'],
])('refuses a large entry with %s', async (_title, both, damage, rule) => {
  const content = Buffer.from(noise((3 * MIB) / 2).toString('hex'))
  const good = deflateRawSync(content)
  const broken = Buffer.from(good)
  broken.fill(0xff, 400_000, 470_000)
  const packed =
    damage === 'after'
      ? Buffer.concat([good, Buffer.alloc(2 * MIB)])
      : damage === 'cut'
        ? good.subarray(0, -10)
        : damage === 'broken'
          ? broken
          : good

  expect(
    await ruleOf(buildZip({ entries: [{ name: 'large', content, method: 8, packed, both }] })),
  ).toBe(rule)
})

test('says so when the source has changed since it was opened', async () => {
  const bytes = buildZip({ entries: [{ name: 'a', content: 'content' }] })
  const artifact = await open(bytes)
  bytes.write('CONTENT', 31)
  const [entry] = artifact.entries

  expect(entry).toBeDefined()
  if (entry !== undefined)
    await expect(read(entryContent(artifact, entry))).rejects.toMatchObject({
      detail: { rule: 'zip.crc' },
    })
})

test('gives the fault of the source on and does not hide it', async () => {
  const bytes = buildZip({ entries: [{ name: 'a', content: noise(3 * MIB), method: 8 }] })
  const artifact = await open(bytes)
  const [entry] = artifact.entries
  const failing = {
    ...artifact,
    source: {
      sizeBytes: bytes.length,
      read(offset: number, length: number) {
        if (offset > 2 * MIB) throw new RangeError('the disk is gone')
        return bytes.subarray(offset, offset + length)
      },
    },
  }

  expect(entry).toBeDefined()
  if (entry !== undefined)
    await expect(read(entryContent(failing, entry))).rejects.toThrow('the disk is gone')
})
