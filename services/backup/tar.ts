import { PlatformError } from '../model/index.ts'
import { invalidBackup } from './manifest.ts'

/** POSIX ustar (IEEE 1003.1): blocks of 512 bytes. A backup needs regular files with short names, and reads nothing else. */
export const BLOCK_BYTES = 512
/** Eleven octal digits. */
const SIZE_LIMIT_BYTES = 8 ** 11 - 1
const NAME_BYTES = 100

export interface TarMember {
  readonly path: string
  readonly sizeBytes: number
}

/** @throws PlatformError INVALID_PARAMETER where the file is too large for the format */
export function formatHeader({ path, sizeBytes }: TarMember): Buffer {
  if (sizeBytes > SIZE_LIMIT_BYTES)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${path}\` is too large for one file: back up to a directory`,
    )
  const header = Buffer.alloc(BLOCK_BYTES)
  header.write(path, 0, NAME_BYTES, 'latin1')
  header.write('0000600\0', 100, 'latin1')
  header.write('0000000\0', 108, 'latin1')
  header.write('0000000\0', 116, 'latin1')
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  header.write('00000000000\0', 136, 'latin1')
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/**
 * What a header says; `undefined` for the block of zeros that ends an archive. Only what `formatHeader` writes is read:
 * links, devices, directories, long names, extensions and other numbers are all refused.
 * @throws PlatformError INVALID_BACKUP
 */
export function parseHeader(block: Buffer): TarMember | undefined {
  if (block.every((byte) => byte === 0)) return undefined
  const type = String.fromCharCode(block[156] ?? 0)
  if (block.toString('latin1', 257, 265) !== 'ustar\x0000') throw invalidBackup('it is no archive')
  const path = textOf(block.subarray(0, NAME_BYTES))
  if (type !== '0') throw invalidBackup(`no backup has \`${path}\` (${TYPES[type] ?? 'unknown'})`)
  const sizeBytes = Number.parseInt(block.toString('latin1', 124, 135), 8)
  if (Number.isSafeInteger(sizeBytes) && formatHeader({ path, sizeBytes }).equals(block))
    return { path, sizeBytes }
  throw invalidBackup(`the header of \`${path}\` is not one that \`lacre backup\` writes`)
}

const TYPES: Readonly<Record<string, string>> = {
  '1': 'link',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'pipe',
}

/** Bytes after a file of that size until the next block. */
export function paddingOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
}

/** What ends an archive. */
export const TAR_END_BYTES = 2 * BLOCK_BYTES

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end)
}

/** The sum of all bytes, those of the checksum itself as spaces. */
function checksumOf(header: Buffer): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)
}
