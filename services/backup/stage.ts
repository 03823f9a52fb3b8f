import { lstatSync, readdirSync } from 'node:fs'
import { mkdir, opendir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

import { onDisk, syncDirectory } from '../blobs/index.ts'
import { PlatformError, type Random } from '../model/index.ts'
import { lockDataDirectory, type DirectoryLock } from '../store/index.ts'

/** A directory that becomes another one at once, or is gone. */
export interface Stage extends AsyncDisposable {
  readonly dir: string
  /** All of it is on the disk, and then it is there under its name. @throws PlatformError RESOURCE_CONFLICT, OUT_OF_SPACE */
  become(): Promise<void>
}

const INFIX = '.restoring-'

/**
 * Makes one beside `target`, which must not be there, or be empty. What a killed restore to the same place left is removed.
 * @throws PlatformError RESOURCE_CONFLICT, OUT_OF_SPACE
 */
export async function openStage(target: string, random: Random): Promise<Stage> {
  const wanted = resolve(target)
  refuseUsed(wanted)
  const parent = dirname(wanted)
  await onDisk(() => mkdir(parent, { recursive: true }))
  await sweep(wanted)
  const dir = `${wanted}${INFIX}${Buffer.from(random.bytes(6)).toString('hex')}`
  await onDisk(() => mkdir(dir, { mode: 0o700 }))
  return new OpenStage(dir, wanted, await lockDataDirectory(dir))
}

class OpenStage implements Stage {
  readonly dir: string
  readonly #wanted: string
  readonly #lock: DirectoryLock

  constructor(dir: string, wanted: string, lock: DirectoryLock) {
    this.dir = dir
    this.#wanted = wanted
    this.#lock = lock
  }

  async become(): Promise<void> {
    await onDisk(() => syncTree(this.dir))
    refuseUsed(this.#wanted)
    try {
      await rename(this.dir, this.#wanted)
    } catch (cause) {
      throw new PlatformError('RESOURCE_CONFLICT', `\`${this.#wanted}\` is not empty any more`, {
        cause,
      })
    }
    await onDisk(() => syncDirectory(dirname(this.#wanted)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock[Symbol.dispose]()
    await rm(this.dir, { recursive: true, force: true })
  }
}

function refuseUsed(target: string): void {
  const found = lstatSync(target, { throwIfNoEntry: false })
  if (found === undefined) return
  if (found.isDirectory() && readdirSync(target).length === 0) return
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `\`${target}\` is there and not an empty directory: restore to another place`,
  )
}

/** One that somebody is filling is locked, and stays. */
async function sweep(wanted: string): Promise<void> {
  const start = `${basename(wanted)}${INFIX}`
  for (const entry of readdirSync(dirname(wanted), { withFileTypes: true })) {
    if (!entry.name.startsWith(start) || !entry.isDirectory()) continue
    const left = join(dirname(wanted), entry.name)
    const lock = await lockDataDirectory(left).catch(() => undefined)
    if (lock === undefined) continue
    lock[Symbol.dispose]()
    await rm(left, { recursive: true, force: true })
  }
}

async function syncTree(dir: string): Promise<void> {
  for await (const entry of await opendir(dir))
    if (entry.isDirectory()) await syncTree(join(dir, entry.name))
  await syncDirectory(dir)
}
