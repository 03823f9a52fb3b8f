import { bufferSource, type Artifact, type ByteSource } from '../model/index.ts'
import { DIRECTORY_OFFSET_FIELD, findEndRecord } from './end-record.ts'
import { bufferOf } from './bytes.ts'

/** The bytes that `sha256` covers: the file without its seal block, the end record set back accordingly. */
export function unsealedSource(artifact: Artifact): ByteSource {
  return withSealBlock(artifact, undefined)
}

/**
 * The same zip with this seal block in the place of the one it has, or without one: every other byte stays, but for
 * the end record's directory offset. To insert and to remove are inverses, byte for byte.
 */
export function withSealBlock(artifact: Artifact, block: Uint8Array | undefined): ByteSource {
  const { source, sealBlock } = artifact
  if (sealBlock === undefined && block === undefined) return source
  const end = findEndRecord(source)
  const blockLength = sealBlock?.length ?? 0
  const entriesEnd = end.directoryOffset - blockLength
  const offsetField = Buffer.alloc(4)
  offsetField.writeUInt32LE(entriesEnd + (block?.byteLength ?? 0))
  const fieldAt = end.offset + DIRECTORY_OFFSET_FIELD
  return concatSources([
    sliceSource(source, 0, entriesEnd),
    ...(block === undefined ? [] : [bufferSource(block)]),
    sliceSource(source, end.directoryOffset, fieldAt),
    bufferSource(offsetField),
    sliceSource(source, fieldAt + 4, source.sizeBytes),
  ])
}

/** The end record with another directory offset, and the comment after it. */
export function patchedEndRecord(record: Uint8Array, directoryOffset: number): Buffer {
  const patched = Buffer.from(bufferOf(record))
  patched.writeUInt32LE(directoryOffset, DIRECTORY_OFFSET_FIELD)
  return patched
}

/** A piece of a file that is put together again; whoever reads the whole checks the range. */
function sliceSource(source: ByteSource, start: number, end: number): ByteSource {
  return {
    sizeBytes: end - start,
    read: (offset, length, into) => source.read(start + offset, length, into),
  }
}

function concatSources(parts: readonly ByteSource[]): ByteSource {
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  return {
    sizeBytes,
    read(offset, length, into) {
      if (offset < 0 || length < 0 || offset + length > sizeBytes)
        throw new RangeError(`read of ${length} bytes at ${offset} outside ${sizeBytes}`)
      const pieces: Uint8Array[] = []
      let start = 0
      for (const part of parts) {
        const from = Math.max(offset, start)
        const to = Math.min(offset + length, start + part.sizeBytes)
        if (from < to)
          pieces.push(part.read(from - start, to - from, into?.subarray(from - offset)))
        start += part.sizeBytes
      }
      const [only] = pieces
      return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
    },
  }
}
