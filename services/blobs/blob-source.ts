import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

import type { ByteSource } from '../model/index.ts'

/** A file held open: what is read stays the same bytes even when the name is removed. */
export interface BlobSource extends ByteSource, Disposable {
  /** Where the bytes lie, for a worker thread to open by itself. */
  readonly path: string
}

/** Opens a regular file, never through a link. Throws what the operating system says. */
export function openSource(path: string): BlobSource {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = fstatSync(file)
    return new FileSource(path, file, size)
  } catch (error) {
    closeSync(file)
    throw error
  }
}

class FileSource implements BlobSource {
  readonly path: string
  readonly sizeBytes: number
  #file: number | undefined

  constructor(path: string, file: number, sizeBytes: number) {
    this.path = path
    this.sizeBytes = sizeBytes
    this.#file = file
  }

  read(offset: number, length: number, into?: Uint8Array): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.sizeBytes) {
      throw new RangeError(`read of ${length} bytes at ${offset} outside ${this.sizeBytes}`)
    }
    if (this.#file === undefined) throw new Error('the source was disposed of')
    const fits = into !== undefined && into.byteLength >= length
    const bytes = fits ? into.subarray(0, length) : Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const got = readSync(this.#file, bytes, filled, length - filled, offset + filled)
      if (got === 0) throw new RangeError('the file became shorter while it was read')
      filled += got
    }
    return bytes
  }

  [Symbol.dispose](): void {
    if (this.#file === undefined) return
    closeSync(this.#file)
    this.#file = undefined
  }
}
