import { createHash } from 'node:crypto'

import {
  parseSha256,
  type ArtifactEntry,
  type ByteSource,
  type EntryKind,
  type Sha256,
} from '../model/index.ts'
import { ForwardReader, windowMemory } from './bytes.ts'

const KIND_BYTE: Readonly<Record<EntryKind, number>> = { file: 1, symlink: 2, directory: 3 }

/** Bytewise by UTF-8: what `<` on strings is not, beyond the basic plane. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** In bytewise order of path; encodes each path once. */
export function sortByPath<T extends { readonly path: string }>(entries: readonly T[]): T[] {
  return entries
    .map((entry) => ({ entry, key: Buffer.from(entry.path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ entry }) => entry)
}

/**
 * The content digest of RULES §3, "lacre tree v1": every field has its length or a fixed width, so that two
 * different trees never give the same bytes. The order of `entries` does not matter.
 */
export function treeDigest(entries: readonly ArtifactEntry[]): Sha256 {
  const hash = createHash('sha256').update('lacre tree v1\0')
  const count = Buffer.alloc(8)
  count.writeBigUInt64LE(BigInt(entries.length))
  hash.update(count)
  for (const entry of sortByPath(entries)) {
    const path = Buffer.from(entry.path)
    const record = Buffer.alloc(4 + path.length + 1 + 2 + 8 + 32)
    let at = record.writeUInt32LE(path.length, 0)
    at += path.copy(record, at)
    at = record.writeUInt8(KIND_BYTE[entry.kind], at)
    at = record.writeUInt16LE(entry.mode, at)
    at = record.writeBigUInt64LE(BigInt(entry.sizeBytes), at)
    record.write(entry.sha256, at, 'hex')
    hash.update(record)
  }
  return parseSha256(hash.digest('hex'))
}

/** A digest over all bytes of a source, read in windows. */
export function digestOf(
  source: ByteSource,
  algorithm: 'sha256' | 'sha384' | 'sha512',
): Uint8Array {
  const hash = createHash(algorithm)
  const range = { start: 0, end: source.sizeBytes }
  const reader = new ForwardReader(source, range, { memory: windowMemory(source) })
  for (const chunk of reader.chunks(source.sizeBytes)) hash.update(chunk)
  return hash.digest()
}
