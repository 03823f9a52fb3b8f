import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

import { onDisk } from '../blobs/index.ts'
import { PlatformError, type Sha256 } from '../model/index.ts'

const PIECE_BYTES = 1_048_576

/** Told of each piece that was read. */
export type OnBytes = (bytes: number) => void

const quiet: OnBytes = () => undefined

/** A stretch of an open file. */
export interface Stretch {
  readonly handle: FileHandle
  readonly offset: number
  readonly sizeBytes: number
}

/**
 * Opens a regular file to be read. Never through a link, and without waiting for the other end of a pipe; `undefined`
 * where it is no regular file. Throws what the operating system says.
 */
export async function openRegular(
  path: string,
): Promise<{ readonly handle: FileHandle; readonly sizeBytes: number } | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(path, flags)
  const found = await handle.stat()
  if (found.isFile()) return { handle, sizeBytes: found.size }
  await handle.close()
  return undefined
}

/** The disk does not give back what lies there, which no other file need be refused for. */
export class Unreadable extends PlatformError {
  constructor(cause: unknown) {
    super('UNAVAILABLE', 'a file cannot be read: look at the disk', { cause })
  }
}

/** SHA-256 of a stretch, or of what is there of it. @throws Unreadable */
export async function hashStretch(
  { handle, offset, sizeBytes }: Stretch,
  onBytes: OnBytes = quiet,
): Promise<Sha256> {
  const hash = createHash('sha256')
  for await (const piece of piecesOf(handle, offset, sizeBytes)) {
    hash.update(piece)
    onBytes(piece.byteLength)
  }
  return digestOf(hash)
}

/** Writes a stretch at the end of `to`; the digest of exactly the bytes written. @throws PlatformError OUT_OF_SPACE; Unreadable */
export async function copyStretch(
  { handle, offset, sizeBytes }: Stretch,
  to: FileHandle,
  onBytes: OnBytes = quiet,
): Promise<Sha256> {
  const hash = createHash('sha256')
  for await (const piece of piecesOf(handle, offset, sizeBytes)) {
    hash.update(piece)
    await writeAll(to, piece)
    onBytes(piece.byteLength)
  }
  return digestOf(hash)
}

/** A short write is legal on a disk that is about to be full. @throws PlatformError OUT_OF_SPACE */
export async function writeAll(to: FileHandle, bytes: Uint8Array): Promise<void> {
  await onDisk(async () => {
    for (let done = 0; done < bytes.byteLength;)
      done += (await to.write(bytes, done, bytes.byteLength - done)).bytesWritten
  })
}

/** A new file with these bytes, on the disk itself when it resolves. @throws PlatformError OUT_OF_SPACE */
export async function writeNew(path: string, text: string): Promise<void> {
  await onDisk(async () => {
    const handle = await open(path, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

/** What is there of a stretch, piece by piece; a file that is shorter than said just ends. */
async function* piecesOf(
  handle: FileHandle,
  offset: number,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(1, sizeBytes)))
  for (let at = 0; at < sizeBytes;) {
    const wanted = Math.min(buffer.byteLength, sizeBytes - at)
    const { bytesRead } = await handle
      .read(buffer, 0, wanted, offset + at)
      .catch((cause: unknown) => {
        throw new Unreadable(cause)
      })
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

const digestOf = (hash: Hash): Sha256 => hash.digest('hex') as Sha256
