import { createHash } from 'node:crypto'
import { lstat, opendir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { PlatformError, type ByteSource, type Sha256 } from '../model/index.ts'
import { openSource, type BlobSource } from './blob-source.ts'
import { errorCode, isDiskFault, toDiskError } from './disk-errors.ts'

/** Short enough that hashing a piece is not felt by other requests. */
const PIECE_BYTES = 262_144

/** What lies where blobs lie. */
export interface BlobFile {
  /** Below the directory of blobs. */
  readonly path: string
  /** Undefined where it is no blob by its name, place and kind. */
  readonly digest: Sha256 | undefined
  /** Set where the disk does not say what is there. */
  readonly unreadable?: true
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

  /**
   * What its bytes are found to be when they are hashed again. `pace` is asked after each piece.
   * @throws PlatformError UNAVAILABLE where too many files are open to look
   */
  async examine(digest: Sha256, pace?: Pace): Promise<BlobCondition> {
    try {
      if (!(await this.has(digest))) return 'missing'
      using source = openSource(this.pathOf(digest))
      return (await hashOf(source, pace)) === digest ? 'sound' : 'damaged'
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'missing'
      if (isDiskFault(error)) return 'unreadable'
      throw toDiskError(error)
    }
  }

  /**
   * Every file there is, in no order, and what of the directories cannot be read; of what is written at the moment
   * nothing.
   */
  async *list(): AsyncGenerator<BlobFile> {
    try {
      for (const shard of await names(this.#root)) {
        if (shard === 'temporary') continue
        if (/^[0-9a-f]{2}$/.test(shard)) yield* this.#listShard(shard)
        else yield nothing(shard)
      }
    } catch (error) {
      yield unreadable('.', error)
    }
  }

  async *#listShard(shard: string): AsyncGenerator<BlobFile> {
    try {
      for await (const { name } of await opendir(join(this.#root, shard))) {
        const found = await this.#find(shard, name)
        if (found !== undefined) yield found
      }
    } catch (error) {
      yield unreadable(shard, error)
    }
  }

  async #find(shard: string, name: string): Promise<BlobFile | undefined> {
    const path = `${shard}/${name}`
    try {
      const found = await lstat(join(this.#root, path))
      const isBlob = found.isFile() && /^[0-9a-f]{64}$/.test(name) && name.startsWith(shard)
      const digest = isBlob ? (name as Sha256) : undefined
      return { path, digest, sizeBytes: found.size, writtenMs: found.mtimeMs }
    } catch (error) {
      return errorCode(error) === 'ENOENT' ? undefined : unreadable(path, error)
    }
  }
}

function nothing(path: string): BlobFile {
  return { path, digest: undefined, sizeBytes: 0, writtenMs: 0 }
}

/** What is wrong with the disk in one place does not keep others from being looked at; anything else is thrown. */
function unreadable(path: string, error: unknown): BlobFile {
  if (!isDiskFault(error)) throw toDiskError(error)
  return { ...nothing(path), unreadable: true }
}

/** `unreadable`: the disk does not say what is there, so that it may be sound or not. */
export type BlobCondition = 'sound' | 'damaged' | 'missing' | 'unreadable'

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
