import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

import { PlatformError, systemRandom, type ByteSource } from '../services/model/index.ts'

const COPY_BYTES = 1_048_576

export interface FileSource extends ByteSource, Disposable {
  readonly path: string
}

/** A file as a source of bytes; throws the system's error where it cannot be opened, INVALID_PARAMETER where it is no file. */
export function openFileSource(path: string): FileSource {
  const descriptor = openSync(path, 'r')
  const stat = fstatSync(descriptor)
  if (!stat.isFile()) {
    closeSync(descriptor)
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is not a file`)
  }
  return {
    path,
    sizeBytes: stat.size,
    read(offset, length, into) {
      if (offset < 0 || length < 0 || offset + length > stat.size)
        throw new RangeError(`read of ${length} bytes at ${offset} outside ${stat.size}`)
      const fits = into !== undefined && into.byteLength >= length
      const bytes = fits ? into.subarray(0, length) : Buffer.allocUnsafe(length)
      readExactly(descriptor, offset, bytes)
      return bytes
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  }
}

function readExactly(descriptor: number, offset: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength;) {
    const count = readSync(descriptor, bytes, done, bytes.byteLength - done, offset + done)
    if (count === 0) throw new RangeError('the file became shorter while it was read')
    done += count
  }
}

/** A name beside `path` for what is not finished yet, so that a rename puts it into place. */
export function partialPath(path: string): string {
  return `${path}.partial-${Buffer.from(systemRandom.bytes(6)).toString('hex')}`
}

/** Puts a finished, synced file into place; the name is on disk when this returns. */
export function moveIntoPlace(partial: string, path: string): void {
  renameSync(partial, path)
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Writes a file whole or not at all: beside it, synced, then renamed over it. `source` may be the file itself. */
export function writeFileFrom(path: string, source: ByteSource, mode = 0o644): void {
  const partial = partialPath(path)
  const descriptor = openSync(partial, 'wx', mode)
  try {
    const memory = Buffer.allocUnsafe(COPY_BYTES)
    for (let offset = 0; offset < source.sizeBytes;) {
      const length = Math.min(COPY_BYTES, source.sizeBytes - offset)
      writeFully(descriptor, source.read(offset, length, memory))
      offset += length
    }
    fsyncSync(descriptor)
    closeSync(descriptor)
    moveIntoPlace(partial, path)
  } catch (cause) {
    rmSync(partial, { force: true })
    throw cause
  }
}

/** A small text, whole or not at all. */
export function writeTextFile(path: string, text: string): void {
  const bytes = Buffer.from(text)
  const read = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length)
  writeFileFrom(path, { sizeBytes: bytes.byteLength, read })
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength;)
    done += writeSync(descriptor, bytes, done, bytes.byteLength - done)
}
