import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { PlatformError } from '../model/index.ts'

/** A note has at most 65,536 characters. */
const LATEST_LIMIT_BYTES = 262_144

/** The last checkpoint signed, kept outside the database: what shows that a tail was cut off (RULES §6). */
export interface OutsideCheckpoint {
  /** Undefined where none was ever kept. @throws PlatformError LEDGER_BROKEN */
  read(): string | undefined
  /** On the disk itself when it resolves. @throws PlatformError OUT_OF_SPACE */
  write(note: string): Promise<void>
}

/** That of a data directory, in it and outside its database. */
export function openOutside(dataDir: string): OutsideCheckpoint {
  return openOutsideAt(outsideDir(dataDir))
}

/** In a directory of its own: better on another disk, where whoever rolls back the data directory does not reach it. */
export function openOutsideAt(dir: string): OutsideCheckpoint {
  const latest = join(dir, 'latest')
  let lasting = false
  return {
    read: () => readLatest(dir),
    async write(note) {
      try {
        mkdirSync(dir, { recursive: true, mode: 0o700 })
        await writeSynced(`${latest}.new`, note)
        await rename(`${latest}.new`, latest)
        await syncDirectory(dir)
        // Its own name too, also where an earlier process made it and was cut off.
        if (!lasting) await syncDirectory(dirname(dir))
        lasting = true
      } catch (cause) {
        throw new PlatformError('OUT_OF_SPACE', 'the checkpoint cannot be written', { cause })
      }
    },
  }
}

/** The note under `dataDir`, for whoever only reads. @throws PlatformError LEDGER_BROKEN */
export function readOutside(dataDir: string): string | undefined {
  return readLatest(outsideDir(dataDir))
}

function outsideDir(dataDir: string): string {
  return join(dataDir, 'checkpoints')
}

function readLatest(dir: string): string | undefined {
  const latest = join(dir, 'latest')
  try {
    const found = statSync(latest)
    if (!found.isFile() || found.size > LATEST_LIMIT_BYTES)
      throw new Error(`\`${latest}\` is no checkpoint`)
    return readFileSync(latest, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new PlatformError('LEDGER_BROKEN', 'the last checkpoint cannot be read', { cause })
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

async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
