import { limits, type ByteSource, type EntryKind } from '../model/index.ts'
import { ForwardReader } from './bytes.ts'
import { holdsForbiddenSignature, type EndRecord } from './end-record.ts'
import { decodeName, parseEntryPath } from './entry-name.ts'
import { findExtraFault } from './extra-field.ts'
import { refusal, shown } from './refusal.ts'

export const STORED = 0
export const DEFLATED = 8
export const FLAG_DESCRIPTOR = 0x0008
const FLAG_UTF8 = 0x0800
const HOST_HPFS = 6
/** Compression level hints, data descriptor, UTF-8. Anything else (encryption, patches, masked headers) is refused. */
const ALLOWED_FLAGS = 0x0006 | FLAG_DESCRIPTOR | FLAG_UTF8

const CENTRAL_BYTES = 46
const CENTRAL_SIGNATURE = 0x02014b50
/** 65,534 names of 200 bytes; more is no program but an attack on memory. */
const DIRECTORY_LIMIT_BYTES = 16_777_216

const HOST_UNIX = 3
const HOST_DARWIN = 19
const DOS_DIRECTORY = 0x10
const S_IFMT = 0o170000
const S_IFREG = 0o100000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000

/** One central header, read strictly. */
export interface CentralEntry {
  readonly path: string
  readonly kind: EntryKind
  /** 0o644 or 0o755 for files, else 0. */
  readonly mode: number
  /** The name's very bytes, to be found again in the local header. */
  readonly nameBytes: Buffer
  readonly flags: number
  readonly method: number
  /** DOS time and date as one number. */
  readonly modified: number
  readonly crc32: number
  readonly compressedBytes: number
  readonly sizeBytes: number
  readonly offset: number
  readonly hostSystem: number
  readonly externalAttributes: number
}

/**
 * All entries in the order of the directory, which has to fill exactly the bytes that the end record claims.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function readCentralDirectory(source: ByteSource, end: EndRecord): CentralEntry[] {
  if (end.directoryBytes > DIRECTORY_LIMIT_BYTES)
    throw refusal(
      'zip.directory-size',
      `the central directory is larger than ${DIRECTORY_LIMIT_BYTES} bytes`,
    )
  const reader = new ForwardReader(source, { start: end.directoryOffset, end: end.offset })
  const entries: CentralEntry[] = []
  let unzippedBytes = 0
  for (let index = 0; index < end.entryCount; index += 1) {
    const entry = readEntry(reader)
    unzippedBytes += entry.sizeBytes
    if (unzippedBytes >= limits.UNZIPPED_SIZE_LIMIT_BYTES)
      throw refusal(
        'zip.unzipped-size',
        `Unzipped size must be smaller than ${limits.UNZIPPED_SIZE_LIMIT_BYTES} bytes`,
      )
    entries.push(entry)
  }
  if (reader.left !== 0)
    throw refusal(
      'zip.directory-bounds',
      `the central directory holds ${reader.left} bytes beside its entries`,
      { offset: reader.position },
    )
  // After all sizes are added up: to be too large is the plainer answer, and AWS's.
  for (const entry of entries) checkRatio(entry)
  return entries
}

function checkRatio(entry: CentralEntry): void {
  const { path, sizeBytes, compressedBytes } = entry
  if (sizeBytes <= limits.INFLATE_RATIO_FLOOR_BYTES) return
  if (sizeBytes > compressedBytes * limits.INFLATE_RATIO_LIMIT)
    throw refusal(
      'zip.ratio',
      `${shown(path)} grows more than ${limits.INFLATE_RATIO_LIMIT} times on inflating`,
      { entry: path },
    )
}

function readEntry(reader: ForwardReader): CentralEntry {
  const offset = reader.position
  const cut = (): Error =>
    refusal('zip.directory-entry', 'the central directory ends inside an entry', { offset })
  const fixed = reader.peek(CENTRAL_BYTES)
  if (fixed.length < CENTRAL_BYTES) throw cut()
  if (fixed.readUInt32LE(0) !== CENTRAL_SIGNATURE)
    throw refusal(
      'zip.directory-entry',
      'the central directory holds something else than entries',
      {
        offset,
      },
    )
  const nameEnd = CENTRAL_BYTES + fixed.readUInt16LE(28)
  const extraEnd = nameEnd + fixed.readUInt16LE(30)
  const length = extraEnd + fixed.readUInt16LE(32)
  if (reader.left < length) throw cut()
  const header = reader.take(length)
  const flags = header.readUInt16LE(8)
  // A copy: the window should not live as long as the entry.
  const nameBytes = Buffer.from(header.subarray(CENTRAL_BYTES, nameEnd))
  // Info-ZIP converts names of OS/2 from its code page, whatever their flag says.
  const marked = (flags & FLAG_UTF8) !== 0 && header.readUInt8(5) !== HOST_HPFS
  const name = decodeName(nameBytes, marked)
  const { path, isDirectory } = parseEntryPath(name)
  const entry = {
    path,
    ...kindAndMode(header, { name, isDirectory }),
    nameBytes,
    flags,
    method: header.readUInt16LE(10),
    modified: header.readUInt32LE(12),
    crc32: header.readUInt32LE(16),
    compressedBytes: header.readUInt32LE(20),
    sizeBytes: header.readUInt32LE(24),
    offset: header.readUInt32LE(42),
    hostSystem: header.readUInt8(5),
    externalAttributes: header.readUInt32LE(38),
  }
  if (header.readUInt16LE(34) !== 0)
    throw refusal('zip.multi-disk', `${shown(name)} starts on another disk`, { entry: name })
  checkFields(entry, name)
  checkExtraAndComment(entry, {
    name,
    extra: header.subarray(nameEnd, extraEnd),
    comment: header.subarray(extraEnd),
  })
  return entry
}

function checkFields(entry: CentralEntry, name: string): void {
  const refuse = (rule: string, message: string): Error =>
    refusal(rule, `${shown(name)} ${message}`, { entry: name })
  if ((entry.flags & 0x2041) !== 0) throw refuse('zip.encryption', 'is encrypted')
  if ((entry.flags & ~ALLOWED_FLAGS) !== 0)
    throw refuse('zip.flags', `has the flags 0x${entry.flags.toString(16)}, which are refused`)
  if (entry.method !== STORED && entry.method !== DEFLATED)
    throw refuse('zip.method', `has compression method ${entry.method}, not stored or deflated`)
  const sizes = [entry.compressedBytes, entry.sizeBytes, entry.offset]
  if (sizes.includes(0xffff_ffff)) throw refuse('zip.zip64', 'announces zip64; zip64 is refused')
  if (entry.method === STORED && entry.compressedBytes !== entry.sizeBytes)
    throw refuse('zip.size', 'is stored, and has two different sizes')
  if (entry.kind === 'directory' && entry.sizeBytes !== 0)
    throw refuse('zip.size', 'is a directory with content')
}

function checkExtraAndComment(
  entry: CentralEntry,
  parts: { readonly name: string; readonly extra: Buffer; readonly comment: Buffer },
): void {
  const { name, extra, comment } = parts
  const fault = findExtraFault(extra, {
    name: entry.nameBytes,
    comment,
    hostSystem: entry.hostSystem,
    externalAttributes: entry.externalAttributes,
    place: 'central',
  })
  if (fault !== undefined)
    throw refusal('zip.extra-field', `the extra field of ${shown(name)} ${fault}`, { entry: name })
  if (holdsForbiddenSignature(comment))
    throw refusal('zip.comment', `the comment of ${shown(name)} holds a record signature`, {
      entry: name,
    })
}

/**
 * File, directory or link. The trailing slash, the unix file type and the DOS attribute have to agree: readers
 * choose between them differently. Devices, pipes and sockets are no content.
 */
function kindAndMode(
  header: Buffer,
  named: { readonly name: string; readonly isDirectory: boolean },
): { kind: EntryKind; mode: number } {
  const { name, isDirectory } = named
  const hostSystem = header.readUInt8(5)
  const unixMode = header.readUInt16LE(40)
  const type = unixMode & S_IFMT
  if (type === S_IFLNK) {
    if (isDirectory || hostSystem !== HOST_UNIX)
      throw refusal('zip.kind', `readers disagree whether ${shown(name)} is a symlink`, {
        entry: name,
      })
    return { kind: 'symlink', mode: 0 }
  }
  if (type !== 0 && type !== S_IFREG && type !== S_IFDIR)
    throw refusal('zip.special-file', `${shown(name)} is a device, pipe or socket`, { entry: name })
  const saysDirectory = type === S_IFDIR || (header.readUInt8(38) & DOS_DIRECTORY) !== 0
  if (isDirectory ? type === S_IFREG : saysDirectory)
    throw refusal('zip.kind', `readers disagree whether ${shown(name)} is a directory`, {
      entry: name,
    })
  if (isDirectory) return { kind: 'directory', mode: 0 }
  const unix = hostSystem === HOST_UNIX || hostSystem === HOST_DARWIN
  return { kind: 'file', mode: unix && (unixMode & 0o100) !== 0 ? 0o755 : 0o644 }
}
