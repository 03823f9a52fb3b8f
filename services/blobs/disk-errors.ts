import { open } from 'node:fs/promises'

import { PlatformError } from '../model/index.ts'

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'])
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])

/** A disk that takes no more is a typed error from which the service recovers by itself; the rest stays as it is. */
export function toDiskError(error: unknown): unknown {
  const code = errorCode(error)
  if (code === undefined) return error
  if (NO_ROOM.has(code)) {
    return new PlatformError('OUT_OF_SPACE', 'the service cannot store files at the moment', {
      cause: error,
      detail: { errno: code },
    })
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new PlatformError('UNAVAILABLE', 'the service has too many files open', { cause: error })
  }
  return error
}

/** Whether a read failed by what lies there, as EIO: not for want of files or memory, which passes. */
export function isDiskFault(error: unknown): boolean {
  // A file that became shorter meanwhile, as `readSync` does not tell.
  if (error instanceof RangeError) return true
  const code = errorCode(error instanceof PlatformError ? error.cause : error)
  return code !== undefined && !PASSING.has(code)
}

/** `ENOENT` and its like, where the error is the operating system's. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Runs `work`, and types what the disk answers. */
export async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toDiskError(error)
  }
}

/** Makes the names in a directory last. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
