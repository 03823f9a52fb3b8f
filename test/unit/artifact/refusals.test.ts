import { deflateRawSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { buildZip, extraField, type ZipEntrySpec, type ZipSpec } from '../../support/zip-builder.ts'
import { assertWrittenDown } from '../../support/words.ts'
import { open, openSpec, ruleOf, toldOf } from './open.ts'

const file = (name: string | Uint8Array, more: Partial<ZipEntrySpec> = {}): ZipEntrySpec => ({
  name,
  content: 'content',
  ...more,
})
const link = (name: string, target: string): ZipEntrySpec => ({
  name,
  content: target,
  mode: 0o120777,
})
const one = (more: Partial<ZipEntrySpec>): ZipSpec => ({ entries: [file('a.js', more)] })
const named = (...names: (string | Uint8Array)[]): ZipSpec => ({
  entries: names.map((name) => file(name)),
})
const utf8 = (text: string): Buffer => Buffer.from(text)
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const MIB = 1_048_576

const names: [title: string, spec: ZipSpec, rule: string][] = [
  ['a name twice', named('a', 'a'), 'zip.duplicate-name'],
  ['a file and a directory of one name', named('a', 'a/'), 'zip.size'],
  [
    'a file and an empty directory of one name',
    { entries: [file('a'), { name: 'a/' }] },
    'zip.duplicate-name',
  ],
  ['names that are one after NFC', named('caf\u00e9', 'cafe\u0301'), 'zip.duplicate-name'],
  [
    'directories that are one after NFC',
    named('caf\u00e9/a', 'cafe\u0301/b'),
    'zip.duplicate-name',
  ],
  [
    'an entry under a directory that is the same after NFC',
    { entries: [{ name: 'caf\u00e9/' }, file('cafe\u0301/b')] },
    'zip.duplicate-name',
  ],
  ['an entry beneath a file', named('a', 'a/b'), 'zip.path-conflict'],
  ['an entry far beneath a file', named('a/b/c', 'a'), 'zip.path-conflict'],
  ['`..` as a part', named('a/../b'), 'zip.name-traversal'],
  ['`..` at the end', named('a/..'), 'zip.name-traversal'],
  ['`.` as a part', named('./a'), 'zip.name-dot'],
  ['an empty part', named('a//b'), 'zip.name-empty'],
  ['an empty name', named(''), 'zip.name-empty'],
  ['a slash as name', { entries: [{ name: '/' }] }, 'zip.name-empty'],
  ['an absolute name', named('/etc/passwd'), 'zip.name-absolute'],
  ['a backslash', named('a\\b'), 'zip.name-backslash'],
  ['a version number of VMS', named('lib/a.js;1'), 'zip.name-version'],
  ['a version number of VMS without digits', named('a.js;'), 'zip.name-version'],
  ['a drive letter', named('C:a'), 'zip.name-drive'],
  ['a NUL', named('a\0.js'), 'zip.name-control'],
  ['an escape character', named('\u001b[2Ja'), 'zip.name-control'],
  ['a bidi override', named('a\u202egnp.js'), 'zip.name-control'],
  ['a byte order mark', named('\ufeffa.js'), 'zip.name-control'],
  ['a line separator', named('a\u2028b'), 'zip.name-control'],
  ['a name that is not UTF-8', named(Buffer.from([0x61, 0xff])), 'zip.name-encoding'],
  [
    'a non-ASCII name of OS/2, which Info-ZIP converts',
    one({ name: 'd\u00e9j\u00e0', central: { madeBy: 0x061e } }),
    'zip.name-encoding',
  ],
  [
    'a non-ASCII name without the UTF-8 flag',
    { entries: [file('\u00e9', { both: { flags: 0 } })] },
    'zip.name-encoding',
  ],
  ['a part longer than a file system takes', named('x'.repeat(256)), 'zip.name-length'],
  ['a path longer than a kernel takes', named(`${'x'.repeat(250)}/`.repeat(17)), 'zip.name-length'],
  ['a path too deep', named(`${'x/'.repeat(256)}x`), 'zip.name-depth'],
]

const headers: [title: string, spec: ZipSpec, rule: string][] = [
  ['another name in the local header', one({ local: { name: 'b.js' } }), 'zip.local-header'],
  ['another method in the local header', one({ local: { method: 8 } }), 'zip.local-header'],
  ['other flags in the local header', one({ local: { flags: 0x0800 } }), 'zip.local-header'],
  ['another time in the local header', one({ local: { modified: 1 } }), 'zip.local-header'],
  ['another CRC in the local header', one({ local: { crc32: 1 } }), 'zip.local-header'],
  ['another size in the local header', one({ local: { sizeBytes: 1 } }), 'zip.local-header'],
  [
    'another compressed size in the local header',
    one({ local: { compressedBytes: 1 } }),
    'zip.local-header',
  ],
  [
    'a wrong CRC in the local header beside a descriptor',
    one({ descriptor: 'signed', local: { crc32: 1 } }),
    'zip.local-header',
  ],
  ['no local header', one({ local: { signature: 1 } }), 'zip.local-header'],
  ['no central header', one({ central: { signature: 1 } }), 'zip.directory-entry'],
  ['a CRC that lies in both headers', one({ both: { crc32: 1 } }), 'zip.crc'],
  ['a CRC that lies over deflated data', one({ method: 8, both: { crc32: 1 } }), 'zip.crc'],
  ['a stored size that lies', one({ both: { sizeBytes: 3 } }), 'zip.size'],
  ['a size below what inflates', one({ method: 8, both: { sizeBytes: 3 } }), 'zip.size'],
  ['a size above what inflates', one({ method: 8, both: { sizeBytes: 30 } }), 'zip.size'],
  ['a size of zero over data', one({ method: 8, both: { sizeBytes: 0 } }), 'zip.size'],
  [
    'bytes after the deflate stream',
    one({ method: 8, packed: Buffer.concat([deflateRawSync('content'), utf8('x')]) }),
    'zip.deflate',
  ],
  [
    'a deflate stream cut off',
    one({ method: 8, packed: deflateRawSync('content').subarray(0, 4) }),
    'zip.deflate',
  ],
  ['no deflate stream at all', one({ method: 8, packed: utf8('\xff\xff\xff') }), 'zip.deflate'],
  ['traditional encryption', one({ both: { flags: 1 } }), 'zip.encryption'],
  ['strong encryption', one({ both: { flags: 0x41 } }), 'zip.encryption'],
  ['masked headers', one({ both: { flags: 0x2000 } }), 'zip.encryption'],
  ['patched data', one({ both: { flags: 0x20 } }), 'zip.flags'],
  ['method bzip2', one({ both: { method: 12 } }), 'zip.method'],
  ['method deflate64', one({ both: { method: 9 } }), 'zip.method'],
  ['an entry of another disk', one({ central: { disk: 1 } }), 'zip.multi-disk'],
  ['a directory with content', { entries: [file('a/')] }, 'zip.size'],
  [
    'a comment of an entry that holds a signature',
    one({ central: { comment: utf8('PK\x05\x06') } }),
    'zip.comment',
  ],
]

const kinds: [title: string, spec: ZipSpec, rule: string][] = [
  ['a fifo', one({ mode: 0o010644 }), 'zip.special-file'],
  ['a character device', one({ mode: 0o020644 }), 'zip.special-file'],
  ['a block device', one({ mode: 0o060644 }), 'zip.special-file'],
  ['a socket', one({ mode: 0o140644 }), 'zip.special-file'],
  ['a directory by mode with the name of a file', one({ mode: 0o040755 }), 'zip.kind'],
  [
    'a file by mode with the name of a directory',
    { entries: [{ name: 'a/', mode: 0o100644 }] },
    'zip.kind',
  ],
  [
    'a directory by DOS attribute with the name of a file',
    one({ central: { externalAttributes: 0x10 } }),
    'zip.kind',
  ],
  [
    'a symlink by mode with the name of a directory',
    { entries: [{ name: 'a/', mode: 0o120777 }] },
    'zip.kind',
  ],
  [
    'a symlink made on another system',
    one({ mode: 0o120777, central: { madeBy: 20 } }),
    'zip.kind',
  ],
]

const links: [title: string, spec: ZipSpec, rule: string][] = [
  ['a symlink to nowhere', { entries: [link('l', '')] }, 'zip.symlink-target'],
  ['an absolute symlink', { entries: [link('l', '/etc/passwd')] }, 'zip.symlink-target'],
  ['a symlink with a backslash', { entries: [link('l', 'a\\b')] }, 'zip.symlink-target'],
  ['a symlink with a NUL', { entries: [link('l', 'a\0b')] }, 'zip.symlink-target'],
  [
    'a symlink that is not UTF-8',
    { entries: [{ name: 'l', content: Buffer.from([0xff]), mode: 0o120777 }] },
    'zip.symlink-target',
  ],
  [
    'a symlink longer than any path',
    { entries: [link('l', 'a'.repeat(1025))] },
    'zip.symlink-target',
  ],
  ['a symlink out of the root', { entries: [link('l', '..')] }, 'zip.symlink-outside'],
  ['a symlink out and in again', { entries: [link('a/l', '../../a/b')] }, 'zip.symlink-outside'],
  [
    'a symlink that leaves through another',
    { entries: [link('a/b/l', '../..'), link('m', 'a/b/l/..')] },
    'zip.symlink-outside',
  ],
  ['a symlink to itself', { entries: [link('l', 'l')] }, 'zip.symlink-loop'],
  ['two symlinks in a circle', { entries: [link('a', 'b'), link('b', 'a')] }, 'zip.symlink-loop'],
  [
    'symlinks that multiply',
    {
      entries: Array.from({ length: 60 }, (_, at) =>
        link(`l${at}`, at === 0 ? 'x' : `${`l${at - 1}/../`.repeat(38)}l${at - 1}`),
      ),
    },
    'zip.symlink-loop',
  ],
  ['an entry beneath a symlink', { entries: [link('l', 'a'), file('l/b')] }, 'zip.beneath-symlink'],
  [
    'an entry beneath a later symlink',
    { entries: [file('l/b'), link('l', 'a')] },
    'zip.beneath-symlink',
  ],
]

const extras: [title: string, spec: ZipSpec, rule: string][] = [
  [
    'a zip64 field',
    one({ both: { extra: extraField(0x0001, Buffer.alloc(16)) } }),
    'zip.extra-field',
  ],
  [
    'an AES field',
    one({ both: { extra: extraField(0x9901, Buffer.alloc(7)) } }),
    'zip.extra-field',
  ],
  ['an unknown field', one({ both: { extra: extraField(0x1234) } }), 'zip.extra-field'],
  [
    'a field twice',
    one({ both: { extra: Buffer.concat([extraField(0xcafe), extraField(0xcafe)]) } }),
    'zip.extra-field',
  ],
  [
    'a cut field',
    one({ both: { extra: extraField(0x5455, Buffer.alloc(5)).subarray(0, 7) } }),
    'zip.extra-field',
  ],
  ['a stray byte', one({ both: { extra: Buffer.alloc(1) } }), 'zip.extra-field'],
  [
    'a fault in the local extra alone',
    one({ local: { extra: Buffer.alloc(3) } }),
    'zip.extra-field',
  ],
  [
    'a malformed timestamp',
    one({ both: { extra: extraField(0x5455, Buffer.alloc(4)) } }),
    'zip.extra-field',
  ],
  [
    'a malformed owner',
    one({ both: { extra: extraField(0x7875, Buffer.from([1, 4, 0])) } }),
    'zip.extra-field',
  ],
  [
    'an owner of another version',
    one({ both: { extra: extraField(0x7875, Buffer.from([2, 0, 0])) } }),
    'zip.extra-field',
  ],
  [
    'an owner with bytes left',
    one({ both: { extra: extraField(0x7875, Buffer.from([1, 0, 0, 0])) } }),
    'zip.extra-field',
  ],
  [
    'a malformed old owner',
    one({ both: { extra: extraField(0x7855, Buffer.alloc(3)) } }),
    'zip.extra-field',
  ],
  [
    'a malformed old timestamp',
    one({ both: { extra: extraField(0x5855, Buffer.alloc(3)) } }),
    'zip.extra-field',
  ],
  [
    'a cut NTFS tag',
    one({ both: { extra: extraField(0x000a, Buffer.alloc(6)) } }),
    'zip.extra-field',
  ],
  [
    'NTFS times of a wrong size',
    one({ both: { extra: extraField(0x000a, Buffer.from([0, 0, 0, 0, 1, 0, 0, 0])) } }),
    'zip.extra-field',
  ],
  [
    'a jar mark with data',
    one({ both: { extra: extraField(0xcafe, Buffer.alloc(1)) } }),
    'zip.extra-field',
  ],
  [
    'a unicode path without a name',
    one({ both: { extra: extraField(0x7075, Buffer.from([1])) } }),
    'zip.extra-field',
  ],
  [
    'a unicode path of another name',
    one({
      both: { extra: extraField(0x7075, Buffer.concat([Buffer.from([1]), u32(7), utf8('a.js')])) },
    }),
    'zip.extra-field',
  ],
  [
    'a unicode comment in the local header',
    one({ local: { extra: extraField(0x6375, Buffer.concat([Buffer.from([1]), u32(0)])) } }),
    'zip.extra-field',
  ],
  [
    'attributes for streaming readers that differ',
    one({ local: { extra: extraField(0x6c78, Buffer.concat([Buffer.from([4]), u32(0)])) } }),
    'zip.extra-field',
  ],
  [
    'a host system for streaming readers that differs',
    one({ local: { extra: extraField(0x6c78, Buffer.from([1, 0, 0])) } }),
    'zip.extra-field',
  ],
  [
    'attributes for streaming readers of a wrong size',
    one({ local: { extra: extraField(0x6c78, Buffer.from([4])) } }),
    'zip.extra-field',
  ],
  [
    'attributes for streaming readers with unknown parts',
    one({ local: { extra: extraField(0x6c78, Buffer.from([8])) } }),
    'zip.extra-field',
  ],
  [
    'no attributes for streaming readers',
    one({ local: { extra: extraField(0x6c78) } }),
    'zip.extra-field',
  ],
]

const descriptors: [title: string, spec: ZipSpec, rule: string][] = [
  [
    'a descriptor that differs',
    one({ method: 8, descriptor: 'signed', descriptorBytes: Buffer.alloc(12) }),
    'zip.descriptor',
  ],
  [
    'a descriptor that is missing',
    one({ method: 8, descriptor: 'signed', descriptorBytes: Buffer.alloc(0) }),
    'zip.descriptor',
  ],
  [
    'a descriptor readable in two ways',
    one({ method: 8, descriptor: 'unsigned', both: { crc32: 0x08074b50 }, content: '' }),
    'zip.crc',
  ],
  [
    'a stored entry whose descriptor has no signature',
    one({ descriptor: 'unsigned' }),
    'zip.descriptor',
  ],
  [
    "a stored entry with a descriptor's signature inside",
    one({ descriptor: 'signed', content: 'xPK\x07\x08y' }),
    'zip.descriptor',
  ],
  [
    "a large stored entry with a descriptor's signature over a window's edge",
    one({
      descriptor: 'signed',
      content: Buffer.concat([Buffer.alloc(MIB - 2), utf8('PK\x07\x08'), Buffer.alloc(9)]),
    }),
    'zip.descriptor',
  ],
]

const frames: [title: string, spec: ZipSpec, rule: string][] = [
  ['bytes after the end record', { ...named('a'), after: utf8('x') }, 'zip.trailing-bytes'],
  [
    'a comment length that runs short',
    { ...named('a'), end: { comment: utf8('xy'), commentBytes: 1 } },
    'zip.trailing-bytes',
  ],
  [
    'a comment length that runs over',
    { ...named('a'), end: { commentBytes: 1 } },
    'zip.trailing-bytes',
  ],
  [
    'a comment with a zip64 end',
    { ...named('a'), end: { comment: utf8('PK\x06\x06') } },
    'zip.comment',
  ],
  [
    'a comment with a zip64 locator',
    { ...named('a'), end: { comment: utf8('PK\x06\x07') } },
    'zip.comment',
  ],
  [
    'a comment with our magic',
    { ...named('a'), end: { comment: utf8('LACRE SEAL v1') } },
    'zip.comment',
  ],
  [
    'a comment with an end signature',
    { ...named('a'), end: { comment: utf8('PK\x05\x06') } },
    'zip.ambiguous-end',
  ],
  [
    'a whole zip in the comment',
    { ...named('a'), end: { comment: buildZip(named('b')) } },
    'zip.ambiguous-end',
  ],
  ['bytes before the first entry', one({ gapBefore: utf8('#!/bin/sh') }), 'zip.leading-bytes'],
  [
    'bytes between entries',
    { entries: [file('a'), file('b', { gapBefore: utf8('x') })] },
    'zip.unclaimed-bytes',
  ],
  ['bytes before the central directory', { ...named('a'), gap: utf8('x') }, 'zip.unclaimed-bytes'],
  [
    'many bytes before the central directory',
    { ...named('a'), gap: Buffer.alloc(100) },
    'zip.unclaimed-bytes',
  ],
  [
    'bytes between directory and end record',
    { ...named('a'), beforeEnd: utf8('x') },
    'zip.directory-bounds',
  ],
  [
    'bytes in the directory after its entries',
    { ...named('a'), beforeEnd: utf8('x'), end: { directoryBytes: 46 + 1 + 1 } },
    'zip.directory-bounds',
  ],
  [
    'an entry that is not counted',
    { ...named('a', 'b'), end: { entries: 1 } },
    'zip.directory-bounds',
  ],
  ['an entry that is only counted', { ...named('a'), end: { entries: 2 } }, 'zip.directory-entry'],
  [
    'two numbers of entries',
    { ...named('a'), end: { entriesHere: 2, entries: 1 } },
    'zip.multi-disk',
  ],
  ['another disk', { ...named('a'), end: { disk: 1 } }, 'zip.multi-disk'],
  ['a directory on another disk', { ...named('a'), end: { directoryDisk: 1 } }, 'zip.multi-disk'],
  ['65,535 entries', { ...named('a'), end: { entries: 0xffff } }, 'zip.entry-count'],
  [
    'a directory offset of zip64',
    { ...named('a'), end: { directoryOffset: 0xffffffff } },
    'zip.zip64',
  ],
  [
    'a directory size of zip64',
    { ...named('a'), end: { directoryBytes: 0xffffffff } },
    'zip.zip64',
  ],
  [
    'a zip64 locator',
    { ...named('a'), beforeEnd: Buffer.concat([utf8('PK\x06\x07'), Buffer.alloc(16)]) },
    'zip.zip64',
  ],
  ['sizes of zip64', one({ both: { sizeBytes: 0xffffffff } }), 'zip.zip64'],
  ['a compressed size of zip64', one({ both: { compressedBytes: 0xffffffff } }), 'zip.zip64'],
  ['an offset of zip64', one({ central: { offset: 0xffffffff } }), 'zip.zip64'],
  [
    'two entries of one place',
    { entries: [file('a'), file('b', { central: { offset: 0 } })] },
    'zip.overlap',
  ],
  [
    'an entry past the directory',
    one({ both: { compressedBytes: 1000, sizeBytes: 1000 } }),
    'zip.local-header',
  ],
]

const sizes: [title: string, spec: ZipSpec, rule: string][] = [
  [
    '262,144,000 bytes unzipped, by header',
    {
      entries: [
        file('a', { both: { sizeBytes: 131_072_000, method: 8, compressedBytes: 1e6 } }),
        file('b', { both: { sizeBytes: 131_072_000, method: 8, compressedBytes: 1e6 } }),
      ],
    },
    'zip.unzipped-size',
  ],
  ['a bomb', one({ method: 8, content: Buffer.alloc(2 * MIB) }), 'zip.ratio'],
  [
    'a bomb that lies about its size',
    one({ method: 8, content: Buffer.alloc(2 * MIB), both: { sizeBytes: 1000 } }),
    'zip.size',
  ],
]

const all = [
  ...names,
  ...headers,
  ...kinds,
  ...links,
  ...extras,
  ...descriptors,
  ...frames,
  ...sizes,
]

test.each(all)('refuses %s', async (_title, spec, rule) => {
  expect(await ruleOf(buildZip(spec))).toBe(rule)
})

test('says where and why it refuses, word for word as written down', async () => {
  const told: Record<string, unknown> = {}
  for (const [title, spec] of all) told[title] = await toldOf(buildZip(spec))

  assertWrittenDown(new URL('refusals.words.json', import.meta.url), told)
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['text', utf8('not a zip')],
  ['a zip cut off before its end record', buildZip(named('a')).subarray(0, 40)],
])("answers AWS's words for %s", async (_title, bytes) => {
  await expect(open(bytes)).rejects.toMatchObject({
    code: 'INVALID_ARTIFACT',
    publicMessage:
      'Could not unzip uploaded file. Please check your file, then try to upload again.',
    detail: { rule: 'zip.not-a-zip' },
  })
})

test("answers AWS's words for too much content", async () => {
  await expect(
    openSpec(one({ method: 8, both: { sizeBytes: 262_144_000 } })),
  ).rejects.toMatchObject({
    publicMessage: 'Unzipped size must be smaller than 262144000 bytes',
  })
})

test('names the entry in its sentence, with what could fool a terminal escaped', async () => {
  await expect(openSpec(named('a\u202eb.js'))).rejects.toThrow(
    'the name `a\\u{202e}b.js` holds a control or format character',
  )
})
