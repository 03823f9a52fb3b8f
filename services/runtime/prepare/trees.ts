import { createHash } from 'node:crypto'
import {
  closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, readdirSync, readlinkSync, lstatSync, readSync,
  symlinkSync, writeSync, chmodSync, constants, type BigIntStats,
} from 'node:fs' // prettier-ignore
import { dirname, join } from 'node:path'

import { compareUtf8, entryContent, openArtifact, treeDigest } from '../../artifact/index.ts'
import {
  PlatformError,
  sha256,
  type Artifact,
  type ArtifactEntry,
  type ByteSource,
  type Sha256,
} from '../../model/index.ts'

/** MEASUREMENTS §7: blocking reads of 1 MB are the fastest way to hash a file. */
const READ_BYTES = 1_048_576
const DIRECTORY_MODE = 0o755

/** SHA-256 of every byte of a source. */
export function hashSource(source: ByteSource): Sha256 {
  const hash = createHash('sha256')
  for (let at = 0; at < source.sizeBytes; at += READ_BYTES) {
    hash.update(source.read(at, Math.min(READ_BYTES, source.sizeBytes - at)))
  }
  return hash.digest('hex') as Sha256
}

/**
 * Unpacks an admitted zip into an empty directory and proves what was written: the blob's bytes hash to its digest, the
 * zip opens strictly, and the tree digest of what was written is the admitted one.
 * @throws PlatformError ACTIVATION_FAILED
 */
export async function unpack(source: ByteSource, expected: Expected, dir: string): Promise<void> {
  const actual = hashSource(source)
  if (actual !== expected.codeSha256) {
    throw failed('the stored package is not the one that was admitted', expected.codeSha256, actual)
  }
  const artifact = await openArtifact(source)
  const written: ArtifactEntry[] = []
  const made = new Set([dir])
  for (const entry of artifact.entries) {
    makeParents(join(dir, entry.path), made)
    written.push(await writeEntry(artifact, entry, dir, made))
  }
  const tree = treeDigest(written)
  if (tree !== expected.tree)
    throw failed('the unpacked tree is not the admitted one', expected.tree, tree)
}

export interface Expected {
  readonly codeSha256: Sha256
  readonly tree: Sha256
}

function failed(message: string, expected: string, got: string): PlatformError {
  return new PlatformError('ACTIVATION_FAILED', message, { detail: { expected, got } })
}

async function writeEntry(
  artifact: Artifact,
  entry: ArtifactEntry,
  dir: string,
  made: Set<string>,
): Promise<ArtifactEntry> {
  const path = join(dir, entry.path)
  if (entry.kind === 'directory') {
    makeDirectory(path, made)
    return entry
  }
  if (entry.kind === 'symlink') {
    const chunks: Uint8Array[] = []
    for await (const chunk of entryContent(artifact, entry)) chunks.push(chunk)
    const target = Buffer.concat(chunks)
    symlinkSync(target, path)
    return { ...entry, sizeBytes: target.byteLength, sha256: sha256(target) }
  }
  const hash = createHash('sha256')
  let sizeBytes = 0
  // Never through a link, never over a file: the directory was empty and names are unique.
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW
  const file = openSync(path, flags, 0o600)
  try {
    for await (const chunk of entryContent(artifact, entry)) {
      hash.update(chunk)
      sizeBytes += chunk.byteLength
      for (let at = 0; at < chunk.byteLength;) at += writeSync(file, chunk, at)
    }
    fchmodSync(file, entry.mode)
  } finally {
    closeSync(file)
  }
  return { ...entry, sizeBytes, sha256: hash.digest('hex') as Sha256 }
}

function makeParents(path: string, made: Set<string>): void {
  const parent = dirname(path)
  if (made.has(parent)) return
  makeParents(parent, made)
  makeDirectory(parent, made)
}

function makeDirectory(path: string, made: Set<string>): void {
  if (made.has(path)) return
  mkdirSync(path)
  chmodSync(path, DIRECTORY_MODE)
  made.add(path)
}

interface Found {
  readonly path: string
  readonly kind: 'file' | 'symlink' | 'directory' | 'other'
  readonly stat: BigIntStats
  /** Directories with nothing in them are entries of their own; others are implied. */
  readonly empty: boolean
}

/** Everything beneath a directory, links not followed. */
function* walk(root: string, below = ''): Generator<Found> {
  for (const name of readdirSync(join(root, below))) {
    const path = below === '' ? name : `${below}/${name}`
    const stat = lstatSync(join(root, path), { bigint: true })
    if (stat.isDirectory()) {
      const empty = readdirSync(join(root, path)).length === 0
      yield { path, kind: 'directory', stat, empty }
      yield* walk(root, path)
    } else {
      const kind = stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'symlink' : 'other'
      yield { path, kind, stat, empty: false }
    }
  }
}

/** The tree digest of what lies on the disk now, from its bytes; `undefined` where no package could have made it. */
export function rehashTree(dir: string): Sha256 | undefined {
  const entries: ArtifactEntry[] = []
  for (const found of walk(dir)) {
    const mode = Number(found.stat.mode & 0o7777n)
    if (found.kind === 'other') return undefined
    if (found.kind === 'directory') {
      if (mode !== DIRECTORY_MODE) return undefined
      if (found.empty)
        entries.push({
          path: found.path,
          kind: 'directory',
          mode: 0,
          sizeBytes: 0,
          sha256: sha256(''),
        })
    } else if (found.kind === 'symlink') {
      const target = readlinkSync(join(dir, found.path), 'buffer')
      entries.push({
        path: found.path,
        kind: 'symlink',
        mode: 0,
        sizeBytes: target.byteLength,
        sha256: sha256(target),
      })
    } else {
      const content = hashFile(join(dir, found.path))
      entries.push({ path: found.path, kind: 'file', mode, ...content })
    }
  }
  return treeDigest(entries.sort((a, b) => compareUtf8(a.path, b.path)))
}

function hashFile(path: string): { sizeBytes: number; sha256: Sha256 } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    let sizeBytes = 0
    for (;;) {
      const read = readSync(file, buffer, 0, READ_BYTES, null)
      if (read === 0) return { sizeBytes, sha256: hash.digest('hex') as Sha256 }
      hash.update(buffer.subarray(0, read))
      sizeBytes += read
    }
  } finally {
    closeSync(file)
  }
}

/** A tree's inodes, sizes and times of change in short, and how many entries they are of. */
export interface TreeStamp {
  readonly sha256: Sha256
  readonly entries: number
}

/**
 * As long as it is the same, nobody wrote there since the bytes were hashed (ctime cannot be set back). Costs one lstat an
 * entry.
 */
export function stampTree(dir: string): TreeStamp {
  const rows: string[] = []
  for (const { path, stat } of walk(dir)) {
    rows.push(
      `${path}\0${stat.ino} ${stat.dev} ${stat.mode} ${stat.uid} ${stat.size} ${stat.ctimeNs}`,
    )
  }
  return { sha256: sha256(rows.sort().join('\n')), entries: rows.length }
}

/** The first path that is a directory in one tree and something else in another (RULES §8), if any. */
export function findConflict(dirs: readonly string[]): string | undefined {
  const directories = new Map<string, boolean>()
  for (const dir of dirs) {
    for (const { path, kind } of walk(dir)) {
      const before = directories.get(path)
      if (before !== undefined && before !== (kind === 'directory')) return path
      directories.set(path, kind === 'directory')
    }
  }
  return undefined
}

/** Makes the names in a directory last. */
export function syncDirectory(dir: string): void {
  const handle = openSync(dir, constants.O_RDONLY)
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
