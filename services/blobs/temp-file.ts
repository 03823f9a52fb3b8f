import { open, rm, type FileHandle } from 'node:fs/promises'

import { openSource, type BlobSource } from './blob-source.ts'
import { onDisk } from './disk-errors.ts'

/**
 * A file of one request. Removed when disposed of, unless it was staged before; one that the disk does not let go is left
 * for `expireTemporary`: what was done with it is done, and its request does not fail for it.
 */
export interface TempFile extends AsyncDisposable {
  readonly path: string
  readonly sizeBytes: number
  /** Appends, in order. @throws PlatformError OUT_OF_SPACE */
  write(chunk: Uint8Array): Promise<void>
  /** What was written so far. */
  source(): BlobSource
  /** Puts what was written on the disk itself. @throws PlatformError OUT_OF_SPACE */
  sync(): Promise<void>
}

/** @throws PlatformError OUT_OF_SPACE */
export async function createTempFile(path: string, onEnd: () => void): Promise<TempFile> {
  // `wx`: nobody else's file is ever taken over.
  return new OpenTempFile(path, await onDisk(() => open(path, 'wx', 0o600)), onEnd)
}

class OpenTempFile implements TempFile {
  readonly path: string
  readonly #handle: FileHandle
  readonly #onEnd: () => void
  #sizeBytes = 0
  #closed = false

  constructor(path: string, handle: FileHandle, onEnd: () => void) {
    this.path = path
    this.#handle = handle
    this.#onEnd = onEnd
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  async write(chunk: Uint8Array): Promise<void> {
    await onDisk(async () => {
      // A short write is legal on a disk that is about to be full.
      for (let done = 0; done < chunk.byteLength;) {
        const { bytesWritten } = await this.#handle.write(chunk, done)
        done += bytesWritten
        this.#sizeBytes += bytesWritten
      }
    })
  }

  source(): BlobSource {
    return openSource(this.path)
  }

  async sync(): Promise<void> {
    await onDisk(() => this.#handle.sync())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#handle.close().catch(() => undefined)
    await rm(this.path, { force: true }).catch(() => undefined)
    this.#onEnd()
  }
}
