import { createHash } from 'node:crypto'
import { lstat, opendir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { PlatformError, type ByteSource, type Sha256 } from '../model/index.ts'
import { openSource, type BlobSource } from './blob-source.ts'
import { errorCode, toDiskError } from './disk-errors.ts'

/** Short enough that hashing a piece is not felt by other requests. */
const PIECE_BYTES = 262_144

/** What lies where blobs lie. */
export interface BlobFile {
  /** Below the directory of blobs. */
  readonly path: string
  /** Undefined where it is no blob by its name, place and kind. */
  readonly digest: Sha256 | undefined
  readonly sizeBytes: number
  readonly writtenMs: number
}

/** The blobs of a data directory, to be read: beside a running service, too. */
export class BlobDirectory {
  readonly #root: string

  constructor(dataDir: string) {
    this.#root = join(dataDir, 'blobs')
  }

  pathOf(digest: Sha256): string {
    return join(this.#root, digest.slice(0, 2), digest)
  }

  async has(digest: Sha256): Promise<boolean> {
    try {
      return (await stat(this.pathOf(digest))).isFile()
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw toDiskError(error)
    }
  }

  /** @throws PlatformError INTERNAL where a blob that was admitted is not there */
  open(digest: Sha256): BlobSource {
    try {
      return openSource(this.pathOf(digest))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw toDiskError(error)
      throw new PlatformError('INTERNAL', `the blob \`${digest}\` is missing`, { cause: error })
    }
  }

  /** Whether the bytes still hash to their name; false where there are none. `pace` is asked after each piece. */
  async rehash(digest: Sha256, pace?: Pace): Promise<boolean> {
    if (!(await this.has(digest))) return false
    using source = this.open(digest)
    return (await hashOf(source, pace)) === digest
  }

  /** Every file there is, in no order; of what is written at the moment nothing. */
  async *list(): AsyncGenerator<BlobFile> {
    for (const shard of await names(this.#root)) {
      if (shard === 'temporary') continue
      const isShard = /^[0-9a-f]{2}$/.test(shard)
      if (!isShard) {
        yield { path: shard, digest: undefined, sizeBytes: 0, writtenMs: 0 }
        continue
      }
      for await (const { name } of await opendir(join(this.#root, shard))) {
        const found = await lstat(join(this.#root, shard, name)).catch(() => undefined)
        if (found === undefined) continue
        const isBlob = found.isFile() && /^[0-9a-f]{64}$/.test(name) && name.startsWith(shard)
        yield {
          path: `${shard}/${name}`,
          digest: isBlob ? (name as Sha256) : undefined,
          sizeBytes: found.size,
          writtenMs: found.mtimeMs,
        }
      }
    }
  }
}

/** Told of bytes just read; reading goes on when it resolves. */
export type Pace = (bytes: number) => Promise<void>

async function hashOf(source: ByteSource, pace: Pace = takeTurns): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    const piece = source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at))
    hash.update(piece)
    await pace(piece.byteLength)
  }
  return hash.digest('hex')
}

const takeTurns: Pace = () => new Promise((resolve) => setImmediate(resolve))

async function names(dir: string): Promise<string[]> {
  try {
    return await readdir(dir)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw toDiskError(error)
  }
}
