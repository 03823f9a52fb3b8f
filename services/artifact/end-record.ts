import { limits, type ByteSource } from '../model/index.ts'
import { bufferOf } from './bytes.ts'
import { refusal } from './refusal.ts'

/** APPNOTE.TXT 4.3.16: end of central directory record, and the field that seals move. */
export const END_RECORD_BYTES = 22
export const DIRECTORY_OFFSET_FIELD = 16

const COMMENT_LIMIT_BYTES = 65_535
const LOCATOR_BYTES = 20
const END_SIGNATURE = Buffer.from('PK\x05\x06', 'latin1')
const ZIP64_END_SIGNATURE = Buffer.from('PK\x06\x06', 'latin1')
const ZIP64_LOCATOR_SIGNATURE = Buffer.from('PK\x06\x07', 'latin1')
const SEAL_MAGIC_TEXT = Buffer.from('LACRE SEAL v1', 'latin1')

/** AWS's own words for a file that is no zip at all (recorded answers). */
const NOT_A_ZIP = 'Could not unzip uploaded file. Please check your file, then try to upload again.'

export interface EndRecord {
  /** Where the record starts; the central directory ends exactly here. */
  readonly offset: number
  readonly entryCount: number
  readonly directoryOffset: number
  readonly directoryBytes: number
}

/** Byte strings that no comment may hold: each could make another reader start elsewhere (RULES §3). */
export function holdsForbiddenSignature(comment: Buffer): boolean {
  if (comment.length === 0) return false
  return [END_SIGNATURE, ZIP64_END_SIGNATURE, ZIP64_LOCATOR_SIGNATURE, SEAL_MAGIC_TEXT].some(
    (signature) => comment.includes(signature),
  )
}

/**
 * The one end record: its comment reaches the end of the file, it is the last that any reader searching
 * backwards meets, and no earlier one would do as well for a reader searching forwards.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function findEndRecord(source: ByteSource): EndRecord {
  if (source.sizeBytes > limits.ARTIFACT_LIMIT_BYTES)
    throw refusal('zip.too-large', `the zip is larger than ${limits.ARTIFACT_LIMIT_BYTES} bytes`)
  const tailBytes = Math.min(source.sizeBytes, END_RECORD_BYTES + COMMENT_LIMIT_BYTES)
  const tailStart = source.sizeBytes - tailBytes
  const tail = bufferOf(source.read(tailStart, tailBytes))
  const at = onlyEndRecord(tail)
  const record = tail.subarray(at, at + END_RECORD_BYTES)
  if (holdsForbiddenSignature(tail.subarray(at + END_RECORD_BYTES)))
    throw refusal('zip.comment', 'the archive comment holds a record signature')
  const offset = tailStart + at
  if (offset >= LOCATOR_BYTES) {
    const before = bufferOf(source.read(offset - LOCATOR_BYTES, 4))
    if (before.equals(ZIP64_LOCATOR_SIGNATURE))
      throw refusal('zip.zip64', 'the zip has a zip64 end record; zip64 is refused', { offset })
  }
  return checkRecord(record, offset)
}

/** Offset in `tail` of the record; refuses none, several, and bytes after it. */
function onlyEndRecord(tail: Buffer): number {
  const found: number[] = []
  const starts: number[] = []
  for (let at = tail.indexOf(END_SIGNATURE); at >= 0; at = tail.indexOf(END_SIGNATURE, at + 1)) {
    found.push(at)
    if (at + END_RECORD_BYTES <= tail.length) {
      const end = at + END_RECORD_BYTES + tail.readUInt16LE(at + 20)
      if (end === tail.length) starts.push(at)
    }
  }
  const last = found.at(-1)
  if (last === undefined) throw refusal('zip.not-a-zip', NOT_A_ZIP)
  const [only] = starts
  if (only === undefined)
    throw refusal('zip.trailing-bytes', 'the zip is cut off, or has bytes after its end record')
  if (starts.length > 1 || only !== last)
    throw refusal('zip.ambiguous-end', 'the zip has more than one end record')
  return only
}

function checkRecord(record: Buffer, offset: number): EndRecord {
  const entryCount = record.readUInt16LE(10)
  const directoryBytes = record.readUInt32LE(12)
  const directoryOffset = record.readUInt32LE(DIRECTORY_OFFSET_FIELD)
  if (record.readUInt16LE(4) !== 0 || record.readUInt16LE(6) !== 0)
    throw refusal('zip.multi-disk', 'the zip spans several disks', { offset })
  if (record.readUInt16LE(8) !== entryCount)
    throw refusal('zip.multi-disk', 'the end record has two numbers of entries', { offset })
  if (entryCount > limits.ENTRY_COUNT_LIMIT)
    throw refusal(
      'zip.entry-count',
      `the zip has more than ${limits.ENTRY_COUNT_LIMIT} entries, or is a zip64`,
      { offset },
    )
  if (directoryBytes === 0xffff_ffff || directoryOffset === 0xffff_ffff)
    throw refusal('zip.zip64', 'the end record announces zip64; zip64 is refused', { offset })
  if (directoryOffset + directoryBytes !== offset)
    throw refusal(
      'zip.directory-bounds',
      `the central directory does not end where the end record starts (${offset})`,
      { offset },
    )
  return { offset, entryCount, directoryOffset, directoryBytes }
}
