import { crc32, deflateRawSync } from 'node:zlib'

import {
  buildZip,
  extraField,
  type CentralFields,
  type HeaderFields,
  type ZipEntrySpec,
  type ZipSpec,
} from '../../support/zip-builder.ts'
import type { Seeded } from '../seeded.ts'
import { mutateBytes, oddNumber, randomBytes } from './bytes.ts'

/** Extra fields that readers act on: zip64, times, owners, Unicode paths and comments, AES, alignment. */
const EXTRA_IDS = [
  0x0001, 0x000a, 0x5455, 0x7855, 0x7875, 0x7075, 0x7075, 0x6375, 0x6c78, 0x9901, 0xd935, 0xcafe,
]
const FLAGS = [0x0001, 0x0002, 0x0004, 0x0008, 0x0020, 0x0040, 0x0800, 0x2000]
const METHODS = [0, 1, 8, 9, 12, 14, 93, 95, 99]
/** FAT, VMS, Unix, HPFS, Macintosh, NTFS, MVS, Acorn, VFAT, BeOS, Darwin, and nobody. */
const HOSTS = [0, 2, 3, 6, 7, 10, 11, 13, 14, 16, 19, 255]
const MODES = [0o100644, 0o100755, 0o120777, 0o040755, 0o104755, 0o010644, 0o060644, 0, 0o000644]
const ENTRY_NAMES = ['index.js', 'lib/a.js', 'lib/b.txt', 'data/', 'bin/run', 'ä/ö.txt', 'README']

/** A small package whose every part a change can be made to. */
export function randomPackage(chance: Seeded): ZipSpec {
  const names = ENTRY_NAMES.filter((_, index) => index === 0 || chance.integer(0, 2) > 0)
  const entries = names.map((name): ZipEntrySpec => {
    if (name.endsWith('/')) return { name }
    const content = randomBytes(chance, chance.integer(0, 60)).toString('hex')
    const link = chance.integer(0, 9) === 0 && name !== 'index.js'
    if (link) return { name, content: 'index.js', mode: 0o120777 }
    const method = chance.pick([0, 8])
    const mode = chance.pick([0o100644, 0o100755])
    const described = method === 8 && chance.integer(0, 2) === 0
    return { name, content, method, mode, ...(described && { descriptor: 'signed' as const }) }
  })
  return { entries }
}

/** One to three lies of the package's headers, and now and then a change that knows nothing of them. */
export function mutateZip(spec: ZipSpec, chance: Seeded, others: readonly Buffer[]): Buffer {
  let changed = spec
  for (let left = chance.integer(1, 3); left > 0; left -= 1)
    changed = chance.pick(CHANGES)(changed, chance)
  const bytes = buildZip(changed)
  return chance.integer(0, 9) === 0 ? mutateBytes(bytes, chance, [bytes, ...others]) : bytes
}

type Change = (spec: ZipSpec, chance: Seeded) => ZipSpec

const CHANGES: readonly Change[] = [
  (spec, chance) => changeHeader(spec, chance, (entry) => lieOf(entry, chance)),
  (spec, chance) => changeHeader(spec, chance, (entry) => lieOf(entry, chance)),
  (spec, chance) => changeHeader(spec, chance, (entry) => ({ extra: oddExtra(entry, chance) })),
  (spec, chance) =>
    changeHeader(spec, chance, (entry) => ({ name: oddName(nameOf(entry), chance) })),
  (spec, chance) =>
    changeEntry(spec, chance, (entry) => ({
      ...entry,
      central: { ...entry.central, ...centralLie(spec, chance) },
    })),
  (spec, chance) => changeEntry(spec, chance, (entry) => ({ ...entry, mode: chance.pick(MODES) })),
  (spec, chance) => changeEntry(spec, chance, (entry) => oddContent(entry, chance)),
  (spec, chance) =>
    changeEntry(spec, chance, (entry) => ({
      ...entry,
      descriptor: chance.pick(['signed', 'unsigned'] as const),
      ...(chance.integer(0, 2) === 0 && {
        descriptorBytes: randomBytes(chance, chance.pick([4, 12, 16, 20, 24])),
      }),
    })),
  (spec, chance) =>
    changeEntry(spec, chance, (entry) => ({ ...entry, gapBefore: oddBytes(spec, chance) })),
  function again(spec, chance) {
    const entry = chance.pick(spec.entries)
    const name = chance.integer(0, 1) === 0 ? entry.name : oddName(nameOf(entry), chance)
    const content = `other ${chance.integer(0, 9)}`
    return { ...spec, entries: [...spec.entries, { ...entry, name, content }] }
  },
  (spec, chance) => ({ ...spec, entries: spec.entries.toSorted(() => chance.fraction() - 0.5) }),
  (spec, chance) => ({ ...spec, beforeEnd: oddBytes(spec, chance) }),
  (spec, chance) => ({ ...spec, after: oddBytes(spec, chance) }),
  (spec, chance) => ({
    ...spec,
    gap: Buffer.concat([Buffer.from(spec.gap ?? []), oddBytes(spec, chance)]),
  }),
  (spec, chance) => ({
    ...spec,
    gap: mutateBytes(Buffer.from(spec.gap ?? [0]), chance),
  }),
  (spec, chance) => ({ ...spec, end: { ...spec.end, ...endLie(spec, chance) } }),
]

function changeEntry(
  spec: ZipSpec,
  chance: Seeded,
  change: (entry: ZipEntrySpec) => ZipEntrySpec,
): ZipSpec {
  const at = chance.integer(0, spec.entries.length - 1)
  const entries = spec.entries.map((entry, index) => (index === at ? change(entry) : entry))
  return { ...spec, entries }
}

/** A lie of the local header, of the central one, or one that both tell. */
function changeHeader(
  spec: ZipSpec,
  chance: Seeded,
  lie: (entry: ZipEntrySpec) => HeaderFields,
): ZipSpec {
  const where = chance.pick(['local', 'central', 'both'] as const)
  return changeEntry(spec, chance, (entry) => ({
    ...entry,
    [where]: { ...entry[where], ...lie(entry) },
  }))
}

function lieOf(entry: ZipEntrySpec, chance: Seeded): HeaderFields {
  const content = Buffer.from((entry.content ?? '') as Uint8Array)
  switch (chance.integer(0, 5)) {
    case 0:
      return { flags: chance.pick(FLAGS) | chance.pick([0, ...FLAGS]) }
    case 1:
      return { method: chance.pick(METHODS) }
    case 2:
      return { modified: chance.integer(0, 0xffffffff) }
    case 3:
      return { crc32: chance.pick([0, oddNumber(crc32(content), chance)]) }
    case 4:
      return { sizeBytes: oddNumber(content.length, chance) }
    default:
      return { compressedBytes: oddNumber(content.length, chance) }
  }
}

function centralLie({ entries }: ZipSpec, chance: Seeded): CentralFields {
  switch (chance.integer(0, 5)) {
    case 0:
      return { madeBy: chance.pick(HOSTS) * 256 + chance.pick([20, 30, 63]) }
    case 1:
      return { comment: randomBytes(chance, chance.integer(1, 20)) }
    case 2:
      return { disk: chance.integer(0, 2) }
    case 3:
      return { externalAttributes: chance.pick(MODES) * 0x10000 + chance.pick([0, 0x10, 0x20, 1]) }
    case 4:
      return { offset: oddNumber(0, chance) }
    default:
      return { name: nameOf(chance.pick(entries)) }
  }
}

function endLie({ entries }: ZipSpec, chance: Seeded): NonNullable<ZipSpec['end']> {
  const comment = chance.pick([
    Buffer.from('comment'),
    Buffer.from('PK\x05\x06 and more than twenty-two'),
    randomBytes(chance, chance.integer(1, 40)),
  ])
  return chance.pick([
    { comment },
    { commentBytes: chance.integer(0, 30) },
    { entries: oddNumber(entries.length, chance) % 0x10000 },
    { entriesHere: oddNumber(entries.length, chance) % 0x10000 },
    { directoryBytes: oddNumber(100, chance) },
    { directoryOffset: oddNumber(100, chance) },
    { disk: 1 },
  ])
}

/** Another spelling that some reader takes for the same file, or for another one. */
function oddName(name: string, chance: Seeded): string | Uint8Array {
  const at = chance.integer(0, name.length)
  const odd = chance.pick(['/', '\\', '.', '\0', ':', '../', './', '//', ';1', '\u0301', ' ', '\n'])
  return chance.pick([
    name.toUpperCase(),
    `${name}/`,
    name.replace(/\/$/, ''),
    `${name.slice(0, at)}${odd}${name.slice(at)}`,
    name.normalize('NFD'),
    Buffer.from(name, 'latin1'),
    `/${name}`,
    `${name} `,
    chance.pick(ENTRY_NAMES),
  ])
}

function oddExtra(entry: ZipEntrySpec, chance: Seeded): Buffer {
  const id = chance.integer(0, 4) === 0 ? chance.integer(0, 0xffff) : chance.pick(EXTRA_IDS)
  if (id === 0x7075) return unicodePath(entry, chance)
  const field = extraField(id, randomBytes(chance, chance.pick([0, 1, 4, 5, 8, 9, 13, 24, 28])))
  return chance.integer(0, 5) === 0 ? Buffer.concat([field, field]) : field
}

/** Another name beside the one in the header, with the checksum of that one, or the same name again. */
function unicodePath(entry: ZipEntrySpec, chance: Seeded): Buffer {
  const name = Buffer.from(entry.name as Uint8Array)
  const head = Buffer.alloc(5, 1)
  head.writeUInt32LE(chance.integer(0, 3) === 0 ? 0 : crc32(name), 1)
  const other = Buffer.from(nameOf(entry).replace(/^./, 'x'))
  return extraField(0x7075, Buffer.concat([head, chance.pick([name, other, other])]))
}

/** Packed bytes that say more, less or something else than the headers. */
function oddContent(entry: ZipEntrySpec, chance: Seeded): ZipEntrySpec {
  const content = Buffer.from((entry.content ?? '') as Uint8Array)
  const packed = deflateRawSync(content)
  return chance.pick<ZipEntrySpec>([
    { ...entry, content: randomBytes(chance, chance.integer(0, 30)) },
    { ...entry, method: 8, packed: Buffer.concat([packed, randomBytes(chance, 3)]) },
    { ...entry, method: 8, packed: packed.subarray(0, -1) },
    { ...entry, method: 8, packed: deflateRawSync(content, { level: 0 }) },
    { ...entry, method: 8, packed: Buffer.concat([Buffer.from([0, 0, 0, 0xff, 0xff]), packed]) },
    { ...entry, method: 0, packed },
  ])
}

/** Where nothing should be: a few bytes, or what some reader takes for a part of a zip. */
function oddBytes(spec: ZipSpec, chance: Seeded): Buffer {
  const whole = buildZip({ entries: spec.entries.slice(0, 1) })
  return chance.pick([
    randomBytes(chance, chance.integer(1, 30)),
    Buffer.alloc(chance.integer(1, 8)),
    whole,
    whole.subarray(0, 40),
    whole.subarray(-22),
    Buffer.from('LACRE SEAL v1\0\0\0', 'latin1'),
  ])
}

function nameOf({ name }: ZipEntrySpec): string {
  return typeof name === 'string' ? name : Buffer.from(name).toString('latin1')
}
