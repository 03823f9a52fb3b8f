import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, utimesSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import {
  PlatformError,
  systemClock,
  type AcceptedArtifact,
  type ByteSource,
  type Sha256,
} from '../model/index.ts'
import { BlobDirectory, type BlobCondition, type BlobFile, type Pace } from './blob-directory.ts'
import { BlobHolds } from './holds.ts'
import { openSource, type BlobSource } from './blob-source.ts'
import { errorCode, onDisk, syncDirectory, toDiskError } from './disk-errors.ts'
import { createTempFile, type TempFile } from './temp-file.ts'

/** Short enough that hashing a piece is not felt by other requests. */
const PIECE_BYTES = 262_144

/** What the runtime needs of the store. */
export interface BlobReader {
  /** @throws PlatformError INTERNAL where a blob that was admitted is not there */
  open(digest: Sha256): BlobSource
}

/** A blob that nobody else may come to need until this is disposed of. */
export interface BlobRemoval extends Disposable {
  remove(): Promise<void>
  /** Moves it where it is neither served nor activated; the name it got there. */
  setAside(): Promise<string>
}

export interface BlobStore extends BlobReader {
  readonly dataDir: string
  /**
   * Keeps the bytes of an admitted artifact under their SHA-256, on the disk itself when this resolves. The bytes
   * written are the bytes hashed. A sound blob that is there already is left alone, any other replaced.
   * It is not removed before what is answered is disposed of: by then a row names it, or nobody wants it.
   * @throws PlatformError OUT_OF_SPACE, INVALID_ARTIFACT where the bytes are not those that were checked
   */
  put(accepted: AcceptedArtifact): Promise<Disposable>
  has(digest: Sha256): Promise<boolean>
  /** What its bytes are found to be when they are hashed again. @throws PlatformError UNAVAILABLE */
  examine(digest: Sha256, pace?: Pace): Promise<BlobCondition>
  /** Every file where blobs lie, in no order. */
  list(): AsyncGenerator<BlobFile>
  /** Keeps others off a blob while it is looked at and perhaps taken away; `undefined` where somebody needs it. */
  claim(digest: Sha256): BlobRemoval | undefined
  /** A file for one request. @throws PlatformError OUT_OF_SPACE */
  createTemp(): Promise<TempFile>
  /** Drops temporary files last written before that instant, which nobody has open any more; how many. */
  expireTemporary(beforeMs: number): Promise<number>
  /** Keeps a raw upload under the digest its bytes were found to have. @throws PlatformError OUT_OF_SPACE */
  stage(temp: TempFile, digest: Sha256): Promise<void>
  /** A raw upload, which is kept anew from now on; whoever uses it hashes it again. */
  openStaged(digest: Sha256): BlobSource | undefined
  dropStaged(digest: Sha256): Promise<void>
  /** Drops raw uploads last written or used before that instant; how many. */
  expireStaged(beforeMs: number): Promise<number>
}

/**
 * Blobs under `dataDir/blobs/ab/<sha256>`, raw uploads under `dataDir/staging`. What an earlier process left half
 * written is removed: the caller holds the data directory's lock.
 */
export function openBlobs(dataDir: string): BlobStore {
  return new DirectoryBlobStore(dataDir)
}

class DirectoryBlobStore extends BlobDirectory implements BlobStore {
  readonly dataDir: string
  readonly #blobs: string
  readonly #staging: string
  readonly #temporary: string
  readonly #quarantine: string
  readonly #holds = new BlobHolds()
  /** Names of temporary files of requests that have not ended. */
  readonly #inUse = new Set<string>()
  /** Directories whose names are on the disk itself. */
  readonly #lasting = new Set<string>()

  constructor(dataDir: string) {
    super(dataDir)
    this.dataDir = dataDir
    this.#blobs = join(dataDir, 'blobs')
    this.#staging = join(dataDir, 'staging')
    this.#quarantine = join(dataDir, 'quarantine')
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

  async put(accepted: AcceptedArtifact): Promise<Disposable> {
    const { codeSha256 } = accepted.identity
    const hold = await this.#holds.hold(codeSha256)
    try {
      await this.#keep(accepted, codeSha256)
      return hold
    } catch (error) {
      hold[Symbol.dispose]()
      throw error
    }
  }

  claim(digest: Sha256): BlobRemoval | undefined {
    const claim = this.#holds.claim(digest)
    if (claim === undefined) return undefined
    const path = this.pathOf(digest)
    return {
      remove: () =>
        onDisk(async () => {
          await rm(path, { force: true })
          await syncDirectory(dirname(path))
        }),
      setAside: async () => {
        const name = `${digest}-${randomUUID()}`
        await this.#settle(path, join(this.#quarantine, name))
        return name
      },
      [Symbol.dispose]: () => claim[Symbol.dispose](),
    }
  }

  async createTemp(): Promise<TempFile> {
    const name = randomUUID()
    this.#inUse.add(name)
    const letGo = (): void => void this.#inUse.delete(name)
    try {
      return await createTempFile(join(this.#temporary, name), letGo)
    } catch (error) {
      letGo()
      throw error
    }
  }

  async stage(temp: TempFile, digest: Sha256): Promise<void> {
    await temp.sync()
    await this.#settle(temp.path, join(this.#staging, digest))
  }

  async expireTemporary(beforeMs: number): Promise<number> {
    return await expire(this.#temporary, beforeMs, this.#inUse)
  }

  openStaged(digest: Sha256): BlobSource | undefined {
    const path = join(this.#staging, digest)
    try {
      const source = openSource(path)
      // Seconds, and of the system's clock, as all times of files.
      const now = systemClock.nowMs() / 1_000
      utimesSync(path, now, now)
      return source
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw toDiskError(error)
    }
  }

  async dropStaged(digest: Sha256): Promise<void> {
    await onDisk(() => rm(join(this.#staging, digest), { force: true }))
  }

  async expireStaged(beforeMs: number): Promise<number> {
    return await expire(this.#staging, beforeMs)
  }

  async #keep(accepted: AcceptedArtifact, codeSha256: Sha256): Promise<void> {
    if ((await this.examine(codeSha256)) === 'sound') return
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
    await this.#settle(temp.path, this.pathOf(codeSha256))
  }

  /** The last step: a name appears at once or not at all, and power loss does not take it away again. */
  async #settle(from: string, to: string): Promise<void> {
    await onDisk(async () => {
      const dir = dirname(to)
      await this.#directory(dir)
      await rename(from, to)
      await syncDirectory(dir)
    })
  }

  /** A directory whose own name lasts: also one that an earlier put made and was cut off from. */
  async #directory(dir: string): Promise<void> {
    if (this.#lasting.has(dir)) return
    // Not the recursive form: it says ENOENT where the disk is full.
    await mkdir(dir, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
    await syncDirectory(dirname(dir))
    this.#lasting.add(dir)
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

async function expire(
  dir: string,
  beforeMs: number,
  inUse: ReadonlySet<string> = new Set(),
): Promise<number> {
  let dropped = 0
  for (const name of await readdir(dir)) {
    if (inUse.has(name)) continue
    const path = join(dir, name)
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || found.mtimeMs >= beforeMs) continue
    await rm(path, { force: true })
    dropped += 1
  }
  return dropped
}
