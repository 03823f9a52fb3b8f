import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

import type { Seeded } from '../seeded.ts'

/** What the disk writes at once or not at all. */
const SECTOR_BYTES = 512
/** Size of `struct record`. */
const HEAD_BYTES = 40
const TYPES = ['', 'data', 'cut', 'synced', 'created', 'renamed', 'unlinked', 'made'] as const

/** One record of the journal of `faults.c`. */
interface Done {
  readonly type: (typeof TYPES)[number]
  /** The file under its second name, where it lost another. */
  readonly kept: string | undefined
  readonly inode: number
  readonly offset: number
  /** Of the file, before. */
  readonly size: number
  readonly old: Buffer
  readonly fresh: Buffer
}

/** A name that is not on the disk itself: undone as it was done, by the paths of its time. */
interface PendingName {
  readonly done: Done
  /** Whose sync makes it last, by its present path. */
  dir: string
}

/** What a loss of power took. */
export interface Loss {
  readonly names: number
  readonly writes: number
  readonly torn: number
}

/**
 * Leaves a directory as a loss of power may: of what was not synced, each write is there, gone or torn between sectors,
 * and names (created, renamed, removed) are there up to some moment and not after. A file's sync does not make its name
 * last; its directory's does (POSIX promises no more).
 * @param data the directory that the layer watched, its process gone
 */
export function losePower(
  data: string,
  layer: { readonly journal: string; readonly keep: string },
  chance: Seeded,
): Loss {
  const { writes, names } = pendingOf(layer)
  const kept = names.length === 0 ? 0 : chance.integer(0, names.length)
  const lost = names.slice(kept)
  for (const { done } of lost.toReversed()) undoName(data, done)
  const counts = { names: lost.length, writes: 0, torn: 0 }
  for (const path of filesBelow(data)) {
    const pending = writes.get(statSync(path).ino)
    if (pending === undefined) continue
    const { dropped, torn } = loseWrites(path, pending, chance)
    counts.writes += dropped
    counts.torn += torn
  }
  return counts
}

function pendingOf(layer: { readonly journal: string; readonly keep: string }): {
  readonly writes: Map<number, Done[]>
  readonly names: readonly PendingName[]
} {
  const writes = new Map<number, Done[]>()
  let names: PendingName[] = []
  for (const done of recordsOf(layer)) {
    if (done.type === 'data' || done.type === 'cut') {
      const list = writes.get(done.inode) ?? []
      list.push(done)
      writes.set(done.inode, list)
    } else if (done.type === 'synced') {
      writes.delete(done.inode)
      const dir = done.old.toString()
      if (dir !== '') names = names.filter((name) => name.dir !== dir)
    } else {
      const from = done.old.toString()
      const to = done.fresh.toString()
      if (done.type === 'renamed') {
        for (const name of names) name.dir = movedPath(name.dir, from, to)
      }
      names.push({ done, dir: dirname(done.type === 'unlinked' ? from : to) })
    }
  }
  return { writes, names }
}

function movedPath(path: string, from: string, to: string): string {
  return path === from || path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : path
}

function* recordsOf(layer: { readonly journal: string; readonly keep: string }): Generator<Done> {
  const bytes = readFileSync(layer.journal)
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const old = at + HEAD_BYTES
    const fresh = old + bytes.readUInt32LE(at + 32)
    const end = fresh + bytes.readUInt32LE(at + 36)
    // The process died within its last record: what it was about to do was not done.
    if (end > bytes.length) return
    const kept = bytes.readUInt32LE(at + 4)
    yield {
      type: TYPES[bytes.readUInt32LE(at)] ?? '',
      kept: kept === 0 ? undefined : join(layer.keep, String(kept - 1)),
      inode: Number(bytes.readBigUInt64LE(at + 8)),
      offset: Number(bytes.readBigUInt64LE(at + 16)),
      size: Number(bytes.readBigUInt64LE(at + 24)),
      old: bytes.subarray(old, fresh),
      fresh: bytes.subarray(fresh, end),
    }
    at = end
  }
}

function undoName(data: string, { type, old, fresh, kept }: Done): void {
  const from = join(data, old.toString())
  const to = join(data, fresh.toString())
  if (type === 'created' || type === 'made') rmSync(to, { recursive: true, force: true })
  // Recursive removals name their files one by one, by calls that are not watched: nothing is left to bring back then.
  if (type === 'renamed' && existsSync(to)) renameSync(to, from)
  const back = type === 'renamed' ? to : from
  if (kept !== undefined && existsSync(dirname(back)) && !existsSync(back)) linkSync(kept, back)
}

/** The file as its last sync left it, with some of what was written since. */
function loseWrites(
  path: string,
  pending: readonly Done[],
  chance: Seeded,
): { readonly dropped: number; readonly torn: number } {
  const fd = openSync(path, 'r+')
  try {
    for (const { type, offset, size, old } of pending.toReversed()) {
      ftruncateSync(fd, size)
      if (old.length > 0)
        writeSync(fd, old, 0, old.length, type === 'cut' ? size - old.length : offset)
    }
    const counts = { dropped: 0, torn: 0 }
    for (const done of pending) {
      const drawn = chance.fraction()
      if (drawn < 1 / 3) counts.dropped += 1
      else if (done.type === 'cut') ftruncateSync(fd, done.offset)
      else if (drawn < 2 / 3) writeSync(fd, done.fresh, 0, done.fresh.length, done.offset)
      else {
        writeSectors(fd, done, chance)
        counts.torn += 1
      }
    }
    return counts
  } finally {
    closeSync(fd)
  }
}

/** Some of the sectors that a write touched, in no order. */
function writeSectors(fd: number, { offset, fresh }: Done, chance: Seeded): void {
  for (let at = 0; at < fresh.length;) {
    const end = Math.min(fresh.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES))
    if (chance.fraction() < 0.5) writeSync(fd, fresh, at, end - at, offset + at)
    at = end
  }
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
