import type { CentralEntry } from './central-directory.ts'
import { FLAG_DESCRIPTOR, STORED } from './central-directory.ts'
import type { ForwardReader } from './bytes.ts'
import { findExtraFault } from './extra-field.ts'
import { refusal, shown } from './refusal.ts'

const LOCAL_BYTES = 30
const LOCAL_SIGNATURE = 0x04034b50
const DESCRIPTOR_SIGNATURE = 0x08074b50
const NO_COMMENT = Buffer.alloc(0)

/**
 * Reads the local header at the reader's place and holds it against the central one: readers that stream see
 * only this one, readers that seek only the other (PyPI 2025, ZipDiff 2025: that is how packages are smuggled).
 * @throws PlatformError INVALID_ARTIFACT
 */
export function readLocalHeader(reader: ForwardReader, entry: CentralEntry): void {
  const offset = reader.position
  const differs = (what: string): Error =>
    refusal('zip.local-header', `the two headers of ${shown(entry.path)} differ: ${what}`, {
      entry: entry.path,
      offset,
    })
  const fixed = reader.peek(LOCAL_BYTES)
  if (fixed.length < LOCAL_BYTES) throw differs('the file ends')
  const nameEnd = LOCAL_BYTES + fixed.readUInt16LE(26)
  const length = nameEnd + fixed.readUInt16LE(28)
  if (reader.left < length + entry.compressedBytes) throw differs('the file ends')
  const header = reader.take(length)
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw differs('there is no local one')
  if (header.readUInt16LE(6) !== entry.flags) throw differs('flags')
  if (header.readUInt16LE(8) !== entry.method) throw differs('method')
  if (header.readUInt32LE(10) !== entry.modified) throw differs('time')
  const described = (entry.flags & FLAG_DESCRIPTOR) !== 0
  const same = (value: number, central: number): boolean =>
    value === central || (described && value === 0)
  if (!same(header.readUInt32LE(14), entry.crc32)) throw differs('CRC')
  if (!same(header.readUInt32LE(18), entry.compressedBytes)) throw differs('compressed size')
  if (!same(header.readUInt32LE(22), entry.sizeBytes)) throw differs('size')
  if (!header.subarray(LOCAL_BYTES, nameEnd).equals(entry.nameBytes)) throw differs('name')
  const fault = findExtraFault(header.subarray(nameEnd), {
    name: entry.nameBytes,
    comment: NO_COMMENT,
    hostSystem: entry.hostSystem,
    externalAttributes: entry.externalAttributes,
    place: 'local',
  })
  if (fault !== undefined)
    throw refusal('zip.extra-field', `the local extra field of ${shown(entry.path)} ${fault}`, {
      entry: entry.path,
      offset,
    })
}

/**
 * The data descriptor after an entry that has one: with or without its signature, 32-bit sizes, the same values
 * as the central header. A CRC that looks like the signature makes it readable in two ways and is refused.
 */
export function readDescriptor(reader: ForwardReader, entry: CentralEntry): void {
  if ((entry.flags & FLAG_DESCRIPTOR) === 0) return
  const offset = reader.position
  const refuse = (message: string): Error =>
    refusal('zip.descriptor', `the data descriptor of ${shown(entry.path)} ${message}`, {
      entry: entry.path,
      offset,
    })
  if (entry.crc32 === DESCRIPTOR_SIGNATURE) throw refuse('can be read in two ways')
  const head = reader.peek(4)
  const signed = head.length === 4 && head.readUInt32LE(0) === DESCRIPTOR_SIGNATURE
  // A stored entry's end can be found by streaming readers through the signature alone.
  if (entry.method === STORED && !signed) throw refuse('has no signature')
  const length = signed ? 16 : 12
  if (reader.left < length) throw refuse('is cut off')
  const values = reader.take(length).subarray(length - 12)
  const same =
    values.readUInt32LE(0) === entry.crc32 &&
    values.readUInt32LE(4) === entry.compressedBytes &&
    values.readUInt32LE(8) === entry.sizeBytes
  if (!same) throw refuse('differs from the central header')
}

/** Passes chunks on and refuses a descriptor's signature in them, across chunk borders too. */
export function* withoutDescriptorSignature(
  chunks: Iterable<Buffer>,
  entry: CentralEntry,
): Generator<Buffer> {
  const signature = Buffer.alloc(4)
  signature.writeUInt32LE(DESCRIPTOR_SIGNATURE)
  let carry = Buffer.alloc(0)
  for (const chunk of chunks) {
    const seam = Buffer.concat([carry, chunk.subarray(0, 3)])
    if (chunk.includes(signature) || seam.includes(signature))
      throw refusal(
        'zip.descriptor',
        `${shown(entry.path)} is stored with a data descriptor and holds a descriptor's signature`,
        { entry: entry.path },
      )
    carry = Buffer.from(Buffer.concat([carry, chunk.subarray(-3)]).subarray(-3))
    yield chunk
  }
}
