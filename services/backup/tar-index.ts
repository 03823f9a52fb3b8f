import type { FileHandle } from 'node:fs/promises'

import { limits } from '../model/index.ts'
import { MANIFEST_FILE, invalidBackup, parsePath } from './manifest.ts'
import { BLOCK_BYTES, TAR_END_BYTES, paddingOf, parseHeader } from './tar.ts'

/** Where a member's bytes lie. */
export interface Place {
  readonly offset: number
  readonly sizeBytes: number
}

/**
 * The members of an archive by name, from their headers alone. Every byte of the file belongs to a header, a member, its
 * padding of zeros or the end: nothing can be hidden in between, and no two readers see two archives.
 * @throws PlatformError INVALID_BACKUP
 */
export async function indexTar(handle: FileHandle, fileBytes: number): Promise<Map<string, Place>> {
  const members = new Map<string, Place>()
  for (let at = 0; ;) {
    const member = parseHeader(await readBlock(handle, at))
    if (member === undefined) {
      await checkEnd(handle, at, fileBytes)
      return members
    }
    const { path, sizeBytes } = member
    if (path !== MANIFEST_FILE && parsePath(path) === undefined)
      throw invalidBackup(`no backup has a file \`${path}\``)
    if (members.has(path)) throw invalidBackup(`\`${path}\` is in it twice`)
    if (members.size > limits.BACKUP_FILES_LIMIT) throw invalidBackup('it has too many files')
    const offset = at + BLOCK_BYTES
    const end = offset + sizeBytes
    if (end + paddingOf(sizeBytes) > fileBytes) throw invalidBackup(`it ends within \`${path}\``)
    await checkZeros(handle, end, paddingOf(sizeBytes))
    members.set(path, { offset, sizeBytes })
    at = end + paddingOf(sizeBytes)
  }
}

async function readBlock(handle: FileHandle, at: number): Promise<Buffer> {
  const block = Buffer.alloc(BLOCK_BYTES)
  const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, at)
  if (bytesRead !== BLOCK_BYTES) throw invalidBackup('it was cut off')
  return block
}

async function checkEnd(handle: FileHandle, at: number, fileBytes: number): Promise<void> {
  if (fileBytes !== at + TAR_END_BYTES)
    throw invalidBackup('it does not end where its archive does')
  await checkZeros(handle, at, TAR_END_BYTES)
}

async function checkZeros(handle: FileHandle, at: number, count: number): Promise<void> {
  const bytes = Buffer.alloc(count)
  const { bytesRead } = await handle.read(bytes, 0, count, at)
  if (bytesRead !== count || bytes.some((byte) => byte !== 0))
    throw invalidBackup('its archive has bytes that belong to nothing')
}
