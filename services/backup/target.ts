import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import { lstat, mkdir, open, opendir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'

import { onDisk, syncDirectory } from '../blobs/index.ts'
import { PlatformError, type Random } from '../model/index.ts'
import { lockDataDirectory } from '../store/index.ts'
import {
  copyStretch,
  hashStretch,
  openRegular,
  Unreadable,
  writeNew,
  type OnBytes,
} from './files.ts'
import {
  MANIFEST_FILE,
  formatManifest,
  parsePath,
  type BackupFile,
  type BackupManifest,
} from './manifest.ts'

/** Where a backup is written. What is not finished leaves the backup that was there as it was. */
export interface BackupTarget extends AsyncDisposable {
  /** A directory for what is being made; gone at the end. */
  readonly scratch: string
  /** Whether the file is there already; its bytes are hashed again. */
  hasSound(file: BackupFile, onBytes?: OnBytes): Promise<boolean>
  /** Copies a file; false where its bytes are not what they should be, or cannot be read: then nothing of it is kept. @throws OUT_OF_SPACE */
  put(file: BackupFile, from: string, onBytes?: OnBytes): Promise<boolean>
  /** Makes it the backup. */
  finish(manifest: BackupManifest): Promise<void>
}

/** What a directory of a backup may hold besides what its manifest names: left by one that was killed, or its lock. */
const SCRATCH = 'unfinished'
const LOCK_FILES = ['lock', 'lock.pid', 'lock-journal']
const FOLDERS = ['blobs', 'databases']

/** Whether a name at the top of a backup is one that `lacre backup` gives. */
export function isKnownName(name: string): boolean {
  return name === MANIFEST_FILE || name === SCRATCH || isFolder(name) || LOCK_FILES.includes(name)
}

export const isFolder = (name: string): boolean => FOLDERS.includes(name)

/** Names under which nothing of a backup is kept. */
export const isAside = (name: string): boolean => name === SCRATCH || LOCK_FILES.includes(name)

/**
 * Opens a directory for a backup: a new or empty one, or one that holds a backup, of which what is the same is used again.
 * @throws PlatformError INVALID_PARAMETER, DATA_DIRECTORY_IN_USE (another backup is being written there), OUT_OF_SPACE
 */
export async function openDirectoryTarget(path: string, random: Random): Promise<BackupTarget> {
  const out = resolve(path)
  await onDisk(() => mkdir(out, { recursive: true, mode: 0o700 }))
  if (!lstatSync(realpathSync(out)).isDirectory())
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is no directory`)
  const foreign = readdirSync(out).find((name) => !isKnownName(name))
  if (foreign !== undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${path}\` is neither empty nor a backup: it has \`${foreign}\``,
    )
  const lock = await lockDataDirectory(out)
  const scratch = join(out, SCRATCH)
  await onDisk(async () => {
    await rm(scratch, { recursive: true, force: true })
    await mkdir(scratch, { mode: 0o700 })
  })
  return new DirectoryTarget(out, { lock, scratch, random })
}

/** @throws PlatformError INVALID_PARAMETER where one lies within the other */
export function refuseNested(dataDir: string, out: string): void {
  const [a, b] = [realPath(dataDir), realPath(out)].map((path) => path + sep)
  if (a === undefined || b === undefined || (!a.startsWith(b) && !b.startsWith(a))) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`${out}\` and the data directory lie within one another`,
  )
}

/** Of a path of which the end may not be there yet. */
function realPath(path: string): string {
  const whole = resolve(path)
  try {
    return realpathSync(whole)
  } catch {
    const parent = dirname(whole)
    return parent === whole ? whole : join(realPath(parent), whole.slice(parent.length))
  }
}

interface Opened {
  readonly lock: Disposable
  readonly scratch: string
  readonly random: Random
}

class DirectoryTarget implements BackupTarget {
  readonly scratch: string
  readonly #out: string
  readonly #opened: Opened
  readonly #folders = new Set<string>()

  constructor(out: string, opened: Opened) {
    this.#out = out
    this.#opened = opened
    this.scratch = opened.scratch
  }

  async hasSound(file: BackupFile, onBytes?: OnBytes): Promise<boolean> {
    const path = join(this.#out, file.path)
    const found = await lstat(path).catch(() => undefined)
    if (found === undefined || !found.isFile() || found.size !== file.sizeBytes) return false
    const opened = await openRegular(path).catch(() => undefined)
    if (opened === undefined) return false
    try {
      const digest = await hashStretch({ ...opened, offset: 0 }, onBytes)
      return digest === file.sha256
    } catch (error) {
      if (error instanceof Unreadable) return false
      throw error
    } finally {
      await opened.handle.close()
    }
  }

  async put(file: BackupFile, from: string, onBytes?: OnBytes): Promise<boolean> {
    const word = Buffer.from(this.#opened.random.bytes(8)).toString('hex')
    const partial = join(this.scratch, word)
    if (!(await copyFile(file, { from, to: partial }, onBytes))) return false
    const path = join(this.#out, file.path)
    await onDisk(async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await rename(partial, path)
    })
    this.#folders.add(dirname(path))
    return true
  }

  async finish(manifest: BackupManifest): Promise<void> {
    const fresh = join(this.scratch, MANIFEST_FILE)
    const tops = FOLDERS.map((name) => join(this.#out, name))
    await onDisk(async () => {
      for (const top of tops) await mkdir(top, { recursive: true, mode: 0o700 })
      for (const folder of [...this.#folders, ...tops, this.#out]) await syncDirectory(folder)
      await writeNew(fresh, formatManifest(manifest))
      await rename(fresh, join(this.#out, MANIFEST_FILE))
      await syncDirectory(this.#out)
    })
    await this.#removeOthers(new Set(manifest.files.map(({ path }) => path)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.scratch, { recursive: true, force: true })
    this.#opened.lock[Symbol.dispose]()
  }

  /** What the last backup had and this one does not need. Killed in here, the next one does it. */
  async #removeOthers(named: ReadonlySet<string>): Promise<void> {
    for await (const path of filesOf(this.#out)) {
      if (parsePath(path) !== undefined && !named.has(path))
        await onDisk(() => rm(join(this.#out, path), { force: true }))
    }
  }
}

/** A new file with the bytes of another, on the disk itself; false, and nothing there, where they are not what is named. */
export async function copyFile(
  file: BackupFile,
  way: { readonly from: string; readonly to: string },
  onBytes?: OnBytes,
): Promise<boolean> {
  const opened = await openRegular(way.from).catch(() => undefined)
  if (opened === undefined) return false
  let sound = false
  try {
    if (opened.sizeBytes !== file.sizeBytes) return false
    const to = await onDisk(() => open(way.to, 'wx', 0o600))
    try {
      sound = (await copyStretch({ ...opened, offset: 0 }, to, onBytes)) === file.sha256
      await onDisk(() => to.sync())
    } finally {
      await to.close()
    }
    return sound
  } catch (error) {
    if (error instanceof Unreadable) return false
    throw error
  } finally {
    await opened.handle.close()
    if (!sound) await rm(way.to, { force: true })
  }
}

/** Paths of what lies in the folders of a backup, whatever it is; links are not followed. */
async function* filesOf(out: string, below = ''): AsyncGenerator<string> {
  for await (const found of await opendir(join(out, below))) {
    const path = below === '' ? found.name : `${below}/${found.name}`
    if (found.isDirectory()) {
      if (below !== '' || isFolder(found.name)) yield* filesOf(out, path)
    } else yield path
  }
}
