import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import {
  PlatformError,
  parseSha256,
  type AcceptedArtifact,
  type ByteSource,
  type Sha256,
} from '../model/index.ts'
import { openSource, type BlobSource } from './blob-source.ts'
import { errorCode, onDisk, toDiskError } from './disk-errors.ts'
import { createTempFile, type TempFile } from './temp-file.ts'

/** Short enough that hashing a piece is not felt by other requests. */
const PIECE_BYTES = 262_144

/** What the runtime needs of the store. */
export interface BlobReader {
  /** @throws PlatformError INTERNAL where a blob that was admitted is not there */
  open(digest: Sha256): BlobSource
}

export interface BlobStore extends BlobReader {
  /**
   * Keeps the bytes of an admitted artifact under their SHA-256, on the disk itself when this resolves. The bytes
   * written are the bytes hashed. A sound blob that is there already is left alone, a damaged one replaced.
   * @throws PlatformError OUT_OF_SPACE, INVALID_ARTIFACT where the bytes are not those that were checked
   */
  put(accepted: AcceptedArtifact): Promise<void>
  has(digest: Sha256): Promise<boolean>
  /** Whether the bytes still hash to their name; false where there are none. */
  rehash(digest: Sha256): Promise<boolean>
  /** Every blob there is, in no order. */
  list(): AsyncGenerator<Sha256>
  /** A file for one request. @throws PlatformError OUT_OF_SPACE */
  createTemp(): Promise<TempFile>
  /** Keeps a raw upload under the digest its bytes were found to have. @throws PlatformError OUT_OF_SPACE */
  stage(temp: TempFile, digest: Sha256): Promise<void>
  /** A raw upload; whoever uses it hashes it again. */
  openStaged(digest: Sha256): BlobSource | undefined
  dropStaged(digest: Sha256): Promise<void>
  /** Drops raw uploads last written before that instant; how many. */
  expireStaged(beforeMs: number): Promise<number>
}

/**
 * Blobs under `dataDir/blobs/ab/<sha256>`, raw uploads under `dataDir/staging`. What an earlier process left half
 * written is removed: the caller holds the data directory's lock.
 */
export function openBlobs(dataDir: string): BlobStore {
  return new DirectoryBlobStore(dataDir)
}

/** Blobs of a directory that another thread keeps: nothing is made, nothing removed. */
export function openBlobReader(dataDir: string): BlobReader {
  return { open: (digest) => openBlob(blobPath(join(dataDir, 'blobs'), digest), digest) }
}

function blobPath(blobs: string, digest: Sha256): string {
  return join(blobs, digest.slice(0, 2), digest)
}

function openBlob(path: string, digest: Sha256): BlobSource {
  try {
    return openSource(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw toDiskError(error)
    throw new PlatformError('INTERNAL', `the blob \`${digest}\` is missing`, { cause: error })
  }
}

class DirectoryBlobStore implements BlobStore {
  readonly #blobs: string
  readonly #staging: string
  readonly #temporary: string

  constructor(dataDir: string) {
    this.#blobs = join(dataDir, 'blobs')
    this.#staging = join(dataDir, 'staging')
    // In the same tree, so that the last step is a rename.
    this.#temporary = join(this.#blobs, 'temporary')
    try {
      rmSync(this.#temporary, { recursive: true, force: true })
      for (const dir of [this.#blobs, this.#staging, this.#temporary]) {
        mkdirSync(dir, { recursive: true, mode: 0o700 })
      }
    } catch (error) {
      throw toDiskError(error)
    }
  }

  async put(accepted: AcceptedArtifact): Promise<void> {
    const { codeSha256 } = accepted.identity
    if (await this.rehash(codeSha256)) return
    await using temp = await this.createTemp()
    const digest = await copyAndHash(accepted.source, temp)
    if (digest !== codeSha256) {
      throw new PlatformError(
        'INVALID_ARTIFACT',
        'the bytes to be kept are not those that were checked',
        { detail: { expected: codeSha256, got: digest } },
      )
    }
    await temp.sync()
    await this.#settle(temp.path, this.#blobPath(codeSha256))
  }

  async has(digest: Sha256): Promise<boolean> {
    return await isFile(this.#blobPath(digest))
  }

  open(digest: Sha256): BlobSource {
    return openBlob(this.#blobPath(digest), digest)
  }

  async rehash(digest: Sha256): Promise<boolean> {
    if (!(await this.has(digest))) return false
    using source = this.open(digest)
    return (await hashOf(source)) === digest
  }

  async *list(): AsyncGenerator<Sha256> {
    for (const shard of await readdir(this.#blobs)) {
      if (!/^[0-9a-f]{2}$/.test(shard)) continue
      for (const name of await readdir(join(this.#blobs, shard))) yield parseSha256(name)
    }
  }

  async createTemp(): Promise<TempFile> {
    return await createTempFile(join(this.#temporary, randomUUID()))
  }

  async stage(temp: TempFile, digest: Sha256): Promise<void> {
    await temp.sync()
    await this.#settle(temp.path, join(this.#staging, digest))
  }

  openStaged(digest: Sha256): BlobSource | undefined {
    try {
      return openSource(join(this.#staging, digest))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw toDiskError(error)
    }
  }

  async dropStaged(digest: Sha256): Promise<void> {
    await onDisk(() => rm(join(this.#staging, digest), { force: true }))
  }

  async expireStaged(beforeMs: number): Promise<number> {
    let dropped = 0
    for (const name of await readdir(this.#staging)) {
      const path = join(this.#staging, name)
      if ((await stat(path)).mtimeMs >= beforeMs) continue
      await rm(path, { force: true })
      dropped += 1
    }
    return dropped
  }

  #blobPath(digest: Sha256): string {
    return blobPath(this.#blobs, digest)
  }

  /** The last step: a name appears at once or not at all, and power loss does not take it away again. */
  async #settle(from: string, to: string): Promise<void> {
    await onDisk(async () => {
      const dir = dirname(to)
      const made = await mkdir(dir, { recursive: true, mode: 0o700 })
      await rename(from, to)
      await syncDirectory(dir)
      if (made !== undefined) await syncDirectory(dirname(dir))
    })
  }
}

async function copyAndHash(source: ByteSource, temp: TempFile): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    const piece = source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at))
    // The write may outlive a source that hands out views of a buffer it uses again.
    const kept = Buffer.from(piece)
    hash.update(kept)
    await temp.write(kept)
  }
  return hash.digest('hex')
}

async function hashOf(source: ByteSource): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    hash.update(source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return hash.digest('hex')
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw toDiskError(error)
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
