import { once } from 'node:events'
import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  openSync,
  readFileSync,
  type ReadStream,
} from 'node:fs'
import { pipeline } from 'node:stream/promises'

import { ZipArchive } from 'archiver'

import { toIsoTime } from '../../services/model/index.ts'
import type { TreeItem } from './walk.ts'

export interface ZipOptions {
  /** No compression: the same bytes whatever zlib Node was built with. */
  readonly store: boolean
  /** The one time of all entries, milliseconds. */
  readonly timeMs: number
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

const READ_BYTES = 65_536

/** Writes the items in their order to a new file, synced. Nothing of the clock, the user or the disk's order goes in. */
export async function writeZip(
  items: readonly TreeItem[],
  path: string,
  options: ZipOptions,
): Promise<void> {
  const archive = new ZipArchive({ store: options.store, zlib: { level: 9 } })
  const written = pipeline(archive, createWriteStream(path, { flags: 'wx', flush: true }))
  // Awaited below; a failure while an entry is read must not count as unhandled meanwhile.
  written.catch(() => {})
  const totalBytes = items.reduce((sum, item) => sum + item.sizeBytes, 0)
  let doneBytes = 0
  for (const item of items) {
    // One at a time: archiver opens what it is given at once, and 65,534 open files are too many.
    const appended = once(archive, 'entry')
    appended.catch(() => {})
    append(archive, item, options)
    await Promise.race([appended, written])
    doneBytes += item.sizeBytes
    options.onProgress?.(doneBytes, totalBytes)
  }
  await archive.finalize()
  await written
}

function append(archive: ZipArchive, item: TreeItem, options: ZipOptions): void {
  // archiver reads a text as UTC, whatever the machine's time zone.
  const date = toIsoTime(options.timeMs)
  switch (item.kind) {
    case 'directory':
      archive.append('', { name: `${item.path}/`, type: 'directory', date, mode: 0o755 })
      return
    case 'symlink': {
      // `append` and not `symlink()`, which writes the clock; the types do not know `linkname`.
      const linkname = item.target
      const data = { name: item.path, type: 'symlink' as const, date, mode: 0o777, linkname }
      archive.append('', data)
      return
    }
    case 'file':
      archive.append(contentOf(item, options.store), { name: item.path, date, mode: item.mode })
  }
}

/**
 * Stored files as a buffer, so that sizes stand in the local header: a stored entry with a descriptor can only be
 * read by searching for its end. Deflated ones as a stream in fixed steps. A link put in the place of the file
 * since the walk is not followed.
 */
function contentOf(item: TreeItem, store: boolean): Buffer | ReadStream {
  const descriptor = openSync(item.source, constants.O_RDONLY | constants.O_NOFOLLOW)
  if (!store && item.sizeBytes > 0)
    return createReadStream('', { fd: descriptor, highWaterMark: READ_BYTES })
  try {
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
