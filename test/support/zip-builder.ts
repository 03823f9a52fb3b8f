import { crc32, deflateRawSync } from 'node:zlib'

/** What one of the two headers of an entry says; whatever is left out is the truth. */
export interface HeaderFields {
  readonly signature?: number
  readonly name?: string | Uint8Array
  readonly flags?: number
  readonly method?: number
  readonly modified?: number
  readonly crc32?: number
  readonly compressedBytes?: number
  readonly sizeBytes?: number
  readonly extra?: Uint8Array
}

export interface CentralFields extends HeaderFields {
  readonly madeBy?: number
  readonly comment?: Uint8Array
  readonly disk?: number
  readonly externalAttributes?: number
  readonly offset?: number
}

export interface ZipEntrySpec {
  readonly name: string | Uint8Array
  readonly content?: string | Uint8Array
  /** 0 stored (default), 8 deflated. */
  readonly method?: number
  /** The packed bytes, where they are not simply the content stored or deflated. */
  readonly packed?: Uint8Array
  /** Unix type and permissions; default a file with 0644, or a directory where the name ends with a slash. */
  readonly mode?: number
  readonly descriptor?: 'signed' | 'unsigned'
  /** The descriptor's bytes, where they are not the truth. */
  readonly descriptorBytes?: Uint8Array
  /** What both headers say. */
  readonly both?: HeaderFields
  readonly local?: HeaderFields
  readonly central?: CentralFields
  /** Bytes between this entry and whatever comes before it. */
  readonly gapBefore?: Uint8Array
}

export interface EndFields {
  readonly comment?: Uint8Array
  readonly disk?: number
  readonly directoryDisk?: number
  readonly entriesHere?: number
  readonly entries?: number
  readonly directoryBytes?: number
  readonly directoryOffset?: number
  readonly commentBytes?: number
}

export interface ZipSpec {
  readonly entries: readonly ZipEntrySpec[]
  /** Between the last entry and the central directory: where a seal block stands. */
  readonly gap?: Uint8Array
  readonly beforeEnd?: Uint8Array
  readonly after?: Uint8Array
  readonly end?: EndFields
}

/** 1980-01-01 00:00 as DOS writes it. */
export const DOS_EPOCH = 0x00210000

/** A plain zip of these files, for tests that need just any. */
export function zipOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return buildZip({
    entries: Object.entries(files).map(([name, content]) => ({ name, content, method: 8 })),
  })
}

/** A zip whose every field can be made a lie. */
export function buildZip(spec: ZipSpec): Buffer {
  const parts: Uint8Array[] = []
  const centrals: Buffer[] = []
  let offset = 0
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes)
    offset += bytes.byteLength
  }
  for (const entry of spec.entries) {
    add(entry.gapBefore ?? new Uint8Array())
    const truth = truthOf(entry)
    centrals.push(centralHeader(entry, truth, offset))
    add(localHeader(entry, truth))
    add(truth.packed)
    add(entry.descriptorBytes ?? descriptorOf(entry, truth))
  }
  add(spec.gap ?? new Uint8Array())
  const directory = Buffer.concat(centrals)
  const directoryOffset = offset
  add(directory)
  add(spec.beforeEnd ?? new Uint8Array())
  add(
    endRecord(spec, {
      entries: centrals.length,
      directoryBytes: directory.length,
      directoryOffset,
    }),
  )
  add(spec.after ?? new Uint8Array())
  return Buffer.concat(parts)
}

interface Truth {
  readonly name: Buffer
  readonly flags: number
  readonly method: number
  readonly packed: Uint8Array
  readonly crc32: number
  readonly sizeBytes: number
  readonly mode: number
}

function truthOf(entry: ZipEntrySpec): Truth {
  const name = Buffer.from(entry.name as Uint8Array)
  const content = Buffer.from((entry.content ?? '') as Uint8Array)
  const method = entry.method ?? 0
  const ascii = name.every((byte) => byte < 0x80)
  const isDirectory = name.at(-1) === 0x2f
  return {
    name,
    flags: (ascii ? 0 : 0x0800) | (entry.descriptor === undefined ? 0 : 0x0008),
    method,
    packed: entry.packed ?? (method === 8 ? deflateRawSync(content) : content),
    crc32: crc32(content),
    sizeBytes: content.length,
    mode: entry.mode ?? (isDirectory ? 0o040755 : 0o100644),
  }
}

function localHeader(entry: ZipEntrySpec, truth: Truth): Buffer {
  const said: HeaderFields = { ...entry.both, ...entry.local }
  const described = entry.descriptor !== undefined
  const name = Buffer.from((said.name ?? truth.name) as Uint8Array)
  const extra = said.extra ?? new Uint8Array()
  const header = Buffer.alloc(30)
  header.writeUInt32LE(said.signature ?? 0x04034b50, 0)
  header.writeUInt16LE(20, 4)
  header.writeUInt16LE(said.flags ?? truth.flags, 6)
  header.writeUInt16LE(said.method ?? truth.method, 8)
  header.writeUInt32LE(said.modified ?? DOS_EPOCH, 10)
  header.writeUInt32LE(said.crc32 ?? (described ? 0 : truth.crc32), 14)
  header.writeUInt32LE(said.compressedBytes ?? (described ? 0 : truth.packed.byteLength), 18)
  header.writeUInt32LE(said.sizeBytes ?? (described ? 0 : truth.sizeBytes), 22)
  header.writeUInt16LE(name.length, 26)
  header.writeUInt16LE(extra.byteLength, 28)
  return Buffer.concat([header, name, extra])
}

function centralHeader(entry: ZipEntrySpec, truth: Truth, offset: number): Buffer {
  const said: CentralFields = { ...entry.both, ...entry.central }
  const name = Buffer.from((said.name ?? truth.name) as Uint8Array)
  const extra = said.extra ?? new Uint8Array()
  const comment = said.comment ?? new Uint8Array()
  const header = Buffer.alloc(46)
  header.writeUInt32LE(said.signature ?? 0x02014b50, 0)
  header.writeUInt16LE(said.madeBy ?? (3 << 8) | 30, 4)
  header.writeUInt16LE(20, 6)
  header.writeUInt16LE(said.flags ?? truth.flags, 8)
  header.writeUInt16LE(said.method ?? truth.method, 10)
  header.writeUInt32LE(said.modified ?? DOS_EPOCH, 12)
  header.writeUInt32LE(said.crc32 ?? truth.crc32, 16)
  header.writeUInt32LE(said.compressedBytes ?? truth.packed.byteLength, 20)
  header.writeUInt32LE(said.sizeBytes ?? truth.sizeBytes, 24)
  header.writeUInt16LE(name.length, 28)
  header.writeUInt16LE(extra.byteLength, 30)
  header.writeUInt16LE(comment.byteLength, 32)
  header.writeUInt16LE(said.disk ?? 0, 34)
  header.writeUInt32LE((said.externalAttributes ?? truth.mode * 0x10000) >>> 0, 38)
  header.writeUInt32LE(said.offset ?? offset, 42)
  return Buffer.concat([header, name, extra, comment])
}

function descriptorOf(entry: ZipEntrySpec, truth: Truth): Buffer {
  if (entry.descriptor === undefined) return Buffer.alloc(0)
  const descriptor = Buffer.alloc(16)
  descriptor.writeUInt32LE(0x08074b50, 0)
  descriptor.writeUInt32LE(entry.both?.crc32 ?? truth.crc32, 4)
  descriptor.writeUInt32LE(truth.packed.byteLength, 8)
  descriptor.writeUInt32LE(truth.sizeBytes, 12)
  return entry.descriptor === 'signed' ? descriptor : descriptor.subarray(4)
}

function endRecord(
  spec: ZipSpec,
  truth: {
    readonly entries: number
    readonly directoryBytes: number
    readonly directoryOffset: number
  },
): Buffer {
  const said = spec.end ?? {}
  const comment = said.comment ?? new Uint8Array()
  const record = Buffer.alloc(22)
  record.writeUInt32LE(0x06054b50, 0)
  record.writeUInt16LE(said.disk ?? 0, 4)
  record.writeUInt16LE(said.directoryDisk ?? 0, 6)
  record.writeUInt16LE(said.entriesHere ?? said.entries ?? truth.entries, 8)
  record.writeUInt16LE(said.entries ?? truth.entries, 10)
  record.writeUInt32LE(said.directoryBytes ?? truth.directoryBytes, 12)
  record.writeUInt32LE(said.directoryOffset ?? truth.directoryOffset, 16)
  record.writeUInt16LE(said.commentBytes ?? comment.byteLength, 20)
  return Buffer.concat([record, comment])
}

/** An extra field: id, length, data. */
export function extraField(id: number, data: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt16LE(id, 0)
  header.writeUInt16LE(data.byteLength, 2)
  return Buffer.concat([header, data])
}

/** A seal block around any pairs, as DESIGN §3 draws it. */
export function sealBlockOf(
  pairs: readonly { readonly id: number; readonly payload: Uint8Array }[],
): Buffer {
  const body = pairs.map(({ id, payload }) => {
    const head = Buffer.alloc(12)
    head.writeBigUInt64LE(BigInt(payload.byteLength + 4), 0)
    head.writeUInt32LE(id, 8)
    return Buffer.concat([head, payload])
  })
  const inner = Buffer.concat(body)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(inner.length + 8 + 16))
  return Buffer.concat([size, inner, size, Buffer.from('LACRE SEAL v1\0\0\0', 'latin1')])
}
