import { crc32, createInflateRaw, inflateRawSync, type InflateRaw } from 'node:zlib'

import { STORED } from './central-directory.ts'
import { refusal, shown } from './refusal.ts'

/** Up to here an entry is inflated in one synchronous call; larger ones go through a stream. */
export const WHOLE_LIMIT_BYTES = 1_048_576
/** Small pieces of what a large entry inflates to: they are gone before memory is felt to fill. */
const INFLATED_BYTES = 16_384

/** What the headers promise about an entry's data. */
export interface Promised {
  readonly path: string
  readonly method: number
  readonly crc32: number
  readonly compressedBytes: number
  readonly sizeBytes: number
}

/** Whether the entry is small enough, packed and unpacked, to be held at once. */
export function isSmall(promised: Promised): boolean {
  return promised.sizeBytes <= WHOLE_LIMIT_BYTES && promised.compressedBytes <= WHOLE_LIMIT_BYTES
}

/**
 * The content of a small entry. The deflate stream has to end with the compressed bytes, give exactly the
 * promised number of bytes, and their CRC.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function inflateWhole(promised: Promised, packed: Uint8Array): Uint8Array {
  const content = promised.method === STORED ? packed : inflateSync(promised, packed)
  if (content.byteLength !== promised.sizeBytes) throw sizeLie(promised)
  if (crc32(content) !== promised.crc32) throw crcLie(promised)
  return content
}

/** `info: true` answers the engine too, which the types do not know. */
interface InflateInfo {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

function inflateSync(promised: Promised, packed: Uint8Array): Buffer {
  let inflated: InflateInfo
  try {
    inflated = inflateRawSync(packed, {
      info: true,
      // One byte more than promised, so that a stream which goes on is seen to go on.
      maxOutputLength: promised.sizeBytes + 1,
      chunkSize: Math.max(64, promised.sizeBytes + 1),
    }) as unknown as InflateInfo
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw sizeLie(promised)
    throw notDeflate(promised)
  }
  if (inflated.engine.bytesWritten !== packed.byteLength) throw leftover(promised)
  return inflated.buffer
}

/**
 * The content of any entry in chunks, counted while inflating: nothing beyond the promised size is handed out.
 * Size and CRC are known to be right only once the iteration has ended.
 * @throws PlatformError INVALID_ARTIFACT
 */
export async function* inflateChunks(
  promised: Promised,
  packed: Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let size = 0
  let checksum = 0
  const chunks = promised.method === STORED ? packed : inflateStream(promised, packed)
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > promised.sizeBytes) throw sizeLie(promised)
    checksum = crc32(chunk, checksum)
    yield chunk
  }
  if (size !== promised.sizeBytes) throw sizeLie(promised)
  if (checksum !== promised.crc32) throw crcLie(promised)
}

async function* inflateStream(
  promised: Promised,
  packed: Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw({ chunkSize: INFLATED_BYTES })
  let sourceFault: unknown
  const fed = feed(inflate, packed).catch((cause: unknown) => {
    sourceFault = cause
    inflate.destroy()
  })
  try {
    for await (const chunk of inflate) yield chunk as Buffer
    if (inflate.bytesWritten !== promised.compressedBytes) throw leftover(promised)
  } catch (cause) {
    if (sourceFault !== undefined) throw sourceFault
    if ((cause as NodeJS.ErrnoException).code?.startsWith('Z_') === true) throw notDeflate(promised)
    throw cause
  } finally {
    inflate.destroy()
    await fed
  }
}

/** One chunk after the other: the reader's window is overwritten only once zlib has done with it. */
async function feed(inflate: InflateRaw, packed: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of packed) {
    // what goes wrong in zlib is told to whoever reads from it
    if (inflate.destroyed) return
    await new Promise<void>((resolve) => {
      inflate.once('close', resolve)
      inflate.write(chunk, () => {
        inflate.off('close', resolve)
        resolve()
      })
    })
  }
  inflate.end()
}

function sizeLie(promised: Promised): Error {
  return refusal(
    'zip.size',
    `${shown(promised.path)} does not have the ${promised.sizeBytes} bytes that its header says`,
    { entry: promised.path },
  )
}

function crcLie(promised: Promised): Error {
  return refusal('zip.crc', `the content of ${shown(promised.path)} has another CRC`, {
    entry: promised.path,
  })
}

function notDeflate(promised: Promised): Error {
  return refusal('zip.deflate', `${shown(promised.path)} cannot be inflated`, {
    entry: promised.path,
  })
}

function leftover(promised: Promised): Error {
  return refusal(
    'zip.deflate',
    `the data of ${shown(promised.path)} goes on after its deflate stream has ended`,
    { entry: promised.path },
  )
}
