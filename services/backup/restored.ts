import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError, canonicalJson, parseStrictJson, type Json } from '../model/index.ts'
import { writeNew } from './files.ts'

/** Lies in a restored data directory until its first start has written it into the ledger. */
const FILE = 'restored.json'

/** What a restore leaves to be recorded: who put what back, and at which checkpoint. */
export interface Restored {
  /** Random: told once, however often the start is interrupted. */
  readonly id: string
  readonly at: string
  /** The operating system's user. */
  readonly by: string
  /** Digest of the backup's manifest. */
  readonly backup: string
  readonly backedUpAt: string
  readonly ledgerSize: number
  readonly ledgerRoot: string
  /** The size of the checkpoint kept elsewhere that the ledger was held against. */
  readonly checkpointSize: number
  /** Blobs that were damaged already when it was backed up. */
  readonly damaged: number
}

export async function writeRestored(dir: string, restored: Restored): Promise<void> {
  await writeNew(join(dir, FILE), canonicalJson(restored as unknown as Json))
}

/** @throws PlatformError CONFIGURATION where it is there and cannot be read */
export function readRestored(dataDir: string): Restored | undefined {
  const path = join(dataDir, FILE)
  if (!existsSync(path)) return undefined
  try {
    const value = parseStrictJson(readFileSync(path)) as unknown as Restored
    if (typeof value.id === 'string' && /^[0-9a-f]{32}$/.test(value.id)) return value
  } catch (cause) {
    throw unreadable(path, cause)
  }
  throw unreadable(path)
}

export function removeRestored(dataDir: string): void {
  rmSync(join(dataDir, FILE), { force: true })
}

function unreadable(path: string, cause?: unknown): PlatformError {
  return new PlatformError('CONFIGURATION', `\`${path}\` cannot be read: restore again`, { cause })
}
