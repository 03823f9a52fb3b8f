import assert from 'node:assert/strict'
import { createHash, type Hash } from 'node:crypto'

import {
  parseSha256,
  sha256,
  type Artifact,
  type ArtifactEntry,
  type ByteSource,
  type Sha256,
} from '../model/index.ts'
import { bufferOf, ForwardReader, windowMemory } from './bytes.ts'
import {
  FLAG_DESCRIPTOR,
  STORED,
  readCentralDirectory,
  type CentralEntry,
} from './central-directory.ts'
import { inflateChunks, inflateWhole, isSmall, type Promised } from './content.ts'
import { sortByPath, treeDigest } from './digests.ts'
import { findEndRecord, type EndRecord } from './end-record.ts'
import { readDescriptor, readLocalHeader, withoutDescriptorSignature } from './local-header.ts'
import { checkPaths } from './paths.ts'
import { refusal, shown } from './refusal.ts'
import { locateSealBlock, type BlockPlace } from './seal-block.ts'
import { patchedEndRecord } from './sealing.ts'
import { LINK_TARGET_LIMIT_BYTES, checkLinks, parseLinkTarget } from './symlinks.ts'

interface Located extends Promised {
  /** As it stands in the zip; a directory's ends in a slash. */
  readonly name: string
  readonly dataOffset: number
}

/** Where the data of an opened artifact's entries lies, by path; entries are handed out without it. */
const places = new WeakMap<readonly ArtifactEntry[], ReadonlyMap<string, Located>>()

/**
 * Opens a zip under the strict profile (DESIGN §3): every byte belongs to exactly one header, entry, seal block or
 * end record, all of them agree, and all content has been inflated, counted and compared with its CRC. Reads the
 * source forwards once; holds no more than a few windows of it.
 * @throws PlatformError INVALID_ARTIFACT, `detail` {rule, entry?, offset?}
 */
export async function openArtifact(source: ByteSource): Promise<Artifact> {
  const end = findEndRecord(source)
  const directory = readCentralDirectory(source, end)
  const holding = checkPaths(directory)
  const hash = createHash('sha256')
  const memory = windowMemory(source)
  const range = { start: 0, end: end.directoryOffset }
  const reader = new ForwardReader(source, range, { onTake: (bytes) => hash.update(bytes), memory })
  const located = new Map<string, Located>()
  const read = await readEntries(reader, directory, located)
  const entriesEnd = reader.position
  const sealBlock = locateSealBlock(source, { start: entriesEnd, end: end.directoryOffset })
  const unsealedHash = hash.copy()
  for (const chunk of reader.chunks(reader.left)) void chunk
  const digests = finishDigests({ source, end, hash, unsealedHash, sealBlock })
  const entries = sortByPath(
    read.filter((entry) => entry.kind !== 'directory' || !holding.has(entry.path)),
  )
  places.set(entries, located)
  return {
    source,
    ...digests,
    tree: treeDigest(entries),
    sizeBytes: source.sizeBytes,
    unzippedBytes: entries.reduce((sum, entry) => sum + entry.sizeBytes, 0),
    entryCount: entries.length,
    entries,
    sealBlock,
  }
}

/** In the order of the directory, which has to be that of the file, without gap or overlap. */
async function readEntries(
  reader: ForwardReader,
  directory: readonly CentralEntry[],
  located: Map<string, Located>,
): Promise<ArtifactEntry[]> {
  const entries: ArtifactEntry[] = []
  const links = new Map<string, string>()
  for (const central of directory) {
    if (central.offset !== reader.position) throw misplaced(central, reader.position)
    readLocalHeader(reader, central)
    const name = central.kind === 'directory' ? `${central.path}/` : central.path
    const place: Located = { ...promisedBy(central), name, dataOffset: reader.position }
    checkLinkSize(central)
    // No await for the many: it would cost as much as the work.
    const digest = isSmall(central)
      ? readSmall(reader, central, links)
      : await readLarge(reader, central)
    readDescriptor(reader, central)
    const { path, kind, mode, sizeBytes } = central
    const entry: ArtifactEntry = { path, kind, mode, sizeBytes, sha256: digest }
    located.set(path, place)
    entries.push(entry)
  }
  checkLinks(links)
  return entries
}

function checkLinkSize(central: CentralEntry): void {
  if (central.kind === 'symlink' && !isSmallLink(central))
    throw refusal(
      'zip.symlink-target',
      `the target of the symlink ${shown(central.path)} is longer than ${LINK_TARGET_LIMIT_BYTES} bytes`,
      { entry: central.path },
    )
}

function isSmallLink(central: CentralEntry): boolean {
  return central.sizeBytes <= LINK_TARGET_LIMIT_BYTES && isSmall(central)
}

function promisedBy(central: CentralEntry): Promised {
  const { path, method, compressedBytes, sizeBytes } = central
  return { path, method, crc32: central.crc32, compressedBytes, sizeBytes }
}

function misplaced(central: CentralEntry, position: number): Error {
  if (central.offset < position)
    return refusal(
      'zip.overlap',
      `${shown(central.path)} starts inside the entry before it, or out of order`,
      { entry: central.path, offset: central.offset },
    )
  return refusal(
    position === 0 ? 'zip.leading-bytes' : 'zip.unclaimed-bytes',
    `${central.offset - position} bytes before ${shown(central.path)} are of no entry`,
    { entry: central.path, offset: position },
  )
}

/** The digest of a small entry, and the target of a symlink. */
function readSmall(
  reader: ForwardReader,
  central: CentralEntry,
  links: Map<string, string>,
): Sha256 {
  const packed = reader.take(central.compressedBytes)
  for (const chunk of guarded([packed], central)) void chunk
  const content = inflateWhole(central, packed)
  if (central.kind === 'symlink') links.set(central.path, parseLinkTarget(central.path, content))
  return sha256(content)
}

async function readLarge(reader: ForwardReader, central: CentralEntry): Promise<Sha256> {
  const hash = createHash('sha256')
  const packed = guarded(reader.chunks(central.compressedBytes), central)
  for await (const chunk of inflateChunks(central, packed)) hash.update(chunk)
  return parseSha256(hash.digest('hex'))
}

function guarded(chunks: Iterable<Buffer>, central: CentralEntry): Iterable<Buffer> {
  const scan = central.method === STORED && (central.flags & FLAG_DESCRIPTOR) !== 0
  return scan ? withoutDescriptorSignature(chunks, central) : chunks
}

/** The hashes have seen all up to the central directory, the one with the block, the other without. */
function finishDigests(parts: {
  readonly source: ByteSource
  readonly end: EndRecord
  readonly hash: Hash
  readonly unsealedHash: Hash
  readonly sealBlock: BlockPlace | undefined
}): { codeSha256: Sha256; sha256: Sha256 } {
  const { source, end, hash, unsealedHash, sealBlock } = parts
  const directory = new ForwardReader(source, { start: end.directoryOffset, end: end.offset })
  for (const chunk of directory.chunks(end.directoryBytes)) {
    hash.update(chunk)
    unsealedHash.update(chunk)
  }
  const record = bufferOf(source.read(end.offset, source.sizeBytes - end.offset))
  hash.update(record)
  unsealedHash.update(patchedEndRecord(record, end.directoryOffset - (sealBlock?.length ?? 0)))
  return {
    codeSha256: parseSha256(hash.digest('hex')),
    sha256: parseSha256(unsealedHash.digest('hex')),
  }
}

/**
 * The content of an entry of an opened artifact in chunks of at most 1 MiB, inflated while counting; size and CRC
 * are compared again, since the source may have been read long ago.
 * @throws PlatformError INVALID_ARTIFACT
 */
export async function* entryContent(
  artifact: Artifact,
  entry: ArtifactEntry,
): AsyncGenerator<Uint8Array> {
  const place = places.get(artifact.entries)?.get(entry.path)
  assert.ok(place !== undefined, 'the entry is not of an opened artifact')
  yield* contentAt(artifact, place)
}

/**
 * Every entry of an opened artifact in the order of the file, directories included: its name as it stands in the zip,
 * and its content. For formats of others that go by that order.
 */
export function* archivedEntries(artifact: Artifact): Generator<{
  readonly name: string
  readonly sizeBytes: number
  readonly content: () => AsyncGenerator<Uint8Array>
}> {
  const located = places.get(artifact.entries)
  assert.ok(located !== undefined, 'the artifact was not opened here')
  for (const place of located.values()) {
    const { name, sizeBytes } = place
    yield { name, sizeBytes, content: () => contentAt(artifact, place) }
  }
}

async function* contentAt(artifact: Artifact, place: Located): AsyncGenerator<Uint8Array> {
  const { dataOffset, compressedBytes } = place
  const range = { start: dataOffset, end: dataOffset + compressedBytes }
  const reader = new ForwardReader(artifact.source, range)
  if (isSmall(place)) {
    if (place.sizeBytes > 0) yield inflateWhole(place, reader.take(compressedBytes))
  } else {
    yield* inflateChunks(place, reader.chunks(compressedBytes))
  }
}
