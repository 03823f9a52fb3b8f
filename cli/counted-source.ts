import type { ByteSource } from '../services/model/index.ts'
import type { Progress } from './terminal.ts'

/** A source whose reads are told to a progress: how far into it they came, and it never goes back. */
export function countedSource(source: ByteSource, progress: Progress): ByteSource {
  let readBytes = 0
  return {
    sizeBytes: source.sizeBytes,
    read(offset, length, into) {
      readBytes = Math.min(source.sizeBytes, readBytes + length)
      progress.update(readBytes, source.sizeBytes)
      return source.read(offset, length, into)
    },
  }
}
