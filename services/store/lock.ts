import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import { PlatformError } from '../model/index.ts'

export interface DirectoryLock extends Disposable {
  readonly dir: string
}

/**
 * One process to a data directory. Node has no flock: an SQLite file held in BEGIN EXCLUSIVE does it, by a
 * kernel lock that is gone with the process however it ends, so there is never a stale one.
 * @throws PlatformError DATA_DIRECTORY_IN_USE naming the other process
 */
export function lockDataDirectory(dir: string): Promise<DirectoryLock> {
  try {
    return Promise.resolve(lock(dir))
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

function lock(dir: string): DirectoryLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // The number stands in a file of its own: opening and closing the locked file again would drop the lock (POSIX).
  const pidFile = join(dir, 'lock.pid')
  const db = new Database(join(dir, 'lock'), { timeout: 0 })
  try {
    db.pragma('locking_mode = EXCLUSIVE')
    db.exec('begin exclusive')
  } catch (cause) {
    db.close()
    const pid = readPid(pidFile)
    throw new PlatformError(
      'DATA_DIRECTORY_IN_USE',
      `another process${pid === undefined ? '' : ` (${pid})`} is using the data directory \`${dir}\``,
      { cause, detail: { pid } },
    )
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
  return { dir, [Symbol.dispose]: () => void (db.open && db.close()) }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** How long whoever needs all that is there waits for somebody who is just removing something. */
const REMOVAL_WAIT_MS = 10_000

/**
 * Against files being removed while somebody needs all that the database names: any number may keep them, or one
 * remove. The kernel's lock again, so that it ends with its process and holds between processes.
 * @throws PlatformError UNAVAILABLE where somebody removes for longer than is waited for
 */
export function keepFiles(dir: string): Disposable {
  const db = new Database(join(dir, 'removal.lock'), { timeout: REMOVAL_WAIT_MS })
  try {
    db.exec('begin')
    // Without a read there is no lock.
    db.prepare('select count(*) from sqlite_schema').get()
  } catch (cause) {
    db.close()
    throw new PlatformError('UNAVAILABLE', 'files are being removed at the moment', { cause })
  }
  return { [Symbol.dispose]: () => void (db.open && db.close()) }
}

/** `undefined` while anybody keeps them. */
export function removeFiles(dir: string): Disposable | undefined {
  const db = new Database(join(dir, 'removal.lock'), { timeout: 0 })
  try {
    db.exec('begin exclusive')
  } catch {
    db.close()
    return undefined
  }
  return { [Symbol.dispose]: () => void (db.open && db.close()) }
}
