import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { ZipArchive } from 'archiver'

import { PlatformError, limits, sha256, toIsoTime } from '../model/index.ts'

/** Where an archive goes, piece by piece. */
export interface ArchiveSink {
  write(chunk: Uint8Array): Promise<void>
}

/** Writes files one after the other, and knows the digest of each: nothing of the clock goes in. */
export class ArchiveWriter {
  readonly files = new Map<string, string>()
  readonly #archive = new ZipArchive({ zlib: { level: 6 } })
  readonly #written: Promise<void>
  readonly #date: string
  #sizeBytes = 0

  /** `timeMs` is the one time of all entries. */
  constructor(sink: ArchiveSink, timeMs: number) {
    this.#date = toIsoTime(timeMs)
    this.#written = pipeline(this.#archive, async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) await sink.write(chunk)
    })
    // Awaited in `finish`; a failure while an entry is read must not count as unhandled meanwhile.
    this.#written.catch(() => {})
  }

  async add(path: string, content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content)
    this.#count(bytes.byteLength)
    this.files.set(path, sha256(bytes))
    await this.#append(path, bytes)
  }

  async addStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const hash = createHash('sha256')
    const count = (bytes: number): void => this.#count(bytes)
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        count(chunk.byteLength)
        hash.update(chunk)
        yield chunk
      }
    }
    await this.#append(path, Readable.from(counted(), { objectMode: false }))
    this.files.set(path, hash.digest('hex'))
  }

  async finish(): Promise<void> {
    // A sink that fails now ends it too: what is finalized then never ends by itself.
    await Promise.all([this.#archive.finalize(), this.#written])
  }

  /** Ends what is half written, where something else failed. */
  async abort(): Promise<void> {
    this.#archive.abort()
    // An entry whose source failed is never done, and nothing behind it would end.
    this.#archive.destroy()
    await this.#written.catch(() => {})
  }

  async #append(path: string, content: Buffer | Readable): Promise<void> {
    const appended = once(this.#archive, 'entry')
    appended.catch(() => {})
    const failed =
      content instanceof Readable
        ? once(content, 'error').then(([error]) => Promise.reject(error as Error))
        : new Promise<never>(() => undefined)
    failed.catch(() => {})
    this.#archive.append(content, { name: path, date: this.#date, mode: 0o644 })
    await Promise.race([appended, this.#written, failed])
  }

  /** What is larger cannot be read again: the reader that verifies has the same limit. */
  #count(bytes: number): void {
    this.#sizeBytes += bytes
    if (
      this.#sizeBytes < limits.UNZIPPED_SIZE_LIMIT_BYTES &&
      this.files.size < limits.ENTRY_COUNT_LIMIT
    )
      return
    throw new PlatformError(
      'INVALID_PARAMETER',
      'the evidence is too large for one archive: ask for a shorter window, for entries `own`, or without artifacts',
    )
  }
}
