import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import { onDisk, syncDirectory } from '../blobs/index.ts'
import { PlatformError } from '../model/index.ts'
import { lockDataDirectory } from '../store/index.ts'
import { copyStretch, openRegular, Unreadable, writeAll, type OnBytes } from './files.ts'
import { MANIFEST_FILE, formatManifest, type BackupFile, type BackupManifest } from './manifest.ts'
import { TAR_END_BYTES, formatHeader, paddingOf } from './tar.ts'
import type { BackupTarget } from './target.ts'

/**
 * One file, which appears whole or not at all: written in a directory beside it, where a killed backup leaves it to the next.
 * @throws PlatformError INVALID_PARAMETER, DATA_DIRECTORY_IN_USE (another backup is being written there), OUT_OF_SPACE
 */
export async function openTarTarget(path: string): Promise<BackupTarget> {
  const out = resolve(path)
  const found = await stat(out).catch(() => undefined)
  if (found !== undefined && !found.isFile())
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is there and no file`)
  const scratch = `${out}.unfinished`
  const lock = await onDisk(() => lockDataDirectory(scratch))
  const partial = join(scratch, 'backup.tar')
  return await onDisk(async () => {
    await rm(partial, { force: true })
    await rm(join(scratch, 'databases'), { recursive: true, force: true })
    await mkdir(join(scratch, 'databases'), { mode: 0o700 })
    const handle = await open(partial, 'ax', 0o600)
    return new TarTarget(out, { lock, partial, root: scratch, handle })
  })
}

interface Opened {
  readonly lock: Disposable
  readonly root: string
  readonly partial: string
  readonly handle: FileHandle
}

class TarTarget implements BackupTarget {
  readonly scratch: string
  readonly #out: string
  readonly #opened: Opened
  #endBytes = 0

  constructor(out: string, opened: Opened) {
    this.#out = out
    this.#opened = opened
    this.scratch = join(opened.root, 'databases')
  }

  hasSound(): Promise<boolean> {
    return Promise.resolve(false)
  }

  async put(file: BackupFile, from: string, onBytes?: OnBytes): Promise<boolean> {
    const opened = await openRegular(from).catch(() => undefined)
    if (opened === undefined) return false
    try {
      if (opened.sizeBytes !== file.sizeBytes) return false
      const { handle } = this.#opened
      await this.#write(formatHeader(file))
      const digest = await copyStretch({ ...opened, offset: 0 }, handle, onBytes)
      if (digest !== file.sha256) {
        await this.#cutBack()
        return false
      }
      await this.#write(Buffer.alloc(paddingOf(file.sizeBytes)))
      this.#endBytes = (await handle.stat()).size
      return true
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      await this.#cutBack()
      return false
    } finally {
      await opened.handle.close()
    }
  }

  async finish(manifest: BackupManifest): Promise<void> {
    const text = Buffer.from(formatManifest(manifest))
    await this.#write(formatHeader({ path: MANIFEST_FILE, sizeBytes: text.byteLength }))
    await this.#write(text)
    await this.#write(Buffer.alloc(paddingOf(text.byteLength) + TAR_END_BYTES))
    await onDisk(async () => {
      await this.#opened.handle.sync()
      await rename(this.#opened.partial, this.#out)
      await syncDirectory(dirname(this.#out))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.handle.close()
    this.#opened.lock[Symbol.dispose]()
    await rm(this.#opened.root, { recursive: true, force: true })
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#opened.handle, bytes)
  }

  /** What is written next stands behind the last whole member. */
  async #cutBack(): Promise<void> {
    await onDisk(() => this.#opened.handle.truncate(this.#endBytes))
  }
}
