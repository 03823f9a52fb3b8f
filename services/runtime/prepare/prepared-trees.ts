import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { toDiskError } from '../../blobs/index.ts'
import { parseSha256, PlatformError, type Random, type Sha256 } from '../../model/index.ts'

import type { BlobReader, Log } from '../options.ts'
import { rehashTree, stampTree, syncDirectory, type TreeStamp } from './trees.ts'
import type { TreeWork } from './work-thread.ts'

/** A tree of so many entries is looked at where it is asked for: the way to another thread and back takes longer. */
const STAMPED_HERE_LIMIT_ENTRIES = 32

/** What is asked for: an admitted package and the tree its decision named. */
export interface Package {
  readonly codeSha256: Sha256
  readonly tree: Sha256
}

interface Known {
  readonly tree: Sha256
  readonly stamp: TreeStamp
}

/** A directory, and the stamp that it had when its bytes were hashed. */
export interface PreparedTree {
  readonly dir: string
  readonly stamp: TreeStamp
}

export interface PreparedTreesParts {
  readonly dir: string
  readonly blobs: BlobReader
  readonly random: Random
  readonly log: Log
  /** Unpacking may take seconds; checks before a start must not wait behind it. */
  readonly unpacking: TreeWork
  readonly checking: TreeWork
}

/**
 * Unpacked packages, once per digest, in a directory only root (or the service's own user) can enter:
 * `prepared/CODESHA256/{tree,record.json}`. Nothing runs from a tree that was not hashed since it last changed.
 */
export class PreparedTrees {
  readonly #parts: PreparedTreesParts
  readonly #known = new Map<Sha256, Known>()
  readonly #preparing = new Map<Sha256, Promise<void>>()
  readonly #compatible = new Set<string>()
  /** Told of every tree found changed, once it is set aside. */
  onChanged: (codeSha256: Sha256) => void = () => undefined

  constructor(parts: PreparedTreesParts) {
    this.#parts = parts
    mkdirSync(parts.dir, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(parts.dir)) {
      if (name.startsWith('.new-')) rmSync(join(parts.dir, name), { recursive: true, force: true })
    }
  }

  /**
   * This package's tree, known to be unchanged since its bytes were hashed; prepared first where it is not.
   * @throws PlatformError ACTIVATION_FAILED, OUT_OF_SPACE
   */
  async ensure(wanted: Package): Promise<PreparedTree> {
    const { codeSha256, tree } = wanted
    const dir = join(this.#parts.dir, codeSha256, 'tree')
    const known = this.#known.get(codeSha256)
    if (known?.tree === tree && existsSync(dir)) {
      const prepared = { dir, stamp: known.stamp }
      if (await this.isUnchanged(prepared)) return prepared
    }
    let preparing = this.#preparing.get(codeSha256)
    if (preparing === undefined) {
      preparing = this.#prepare(wanted).finally(() => this.#preparing.delete(codeSha256))
      this.#preparing.set(codeSha256, preparing)
    }
    await preparing
    const found = this.#known.get(codeSha256)
    if (found?.tree !== tree) {
      throw new PlatformError('ACTIVATION_FAILED', 'the unpacked tree is not the admitted one')
    }
    return { dir, stamp: found.stamp }
  }

  /** Whether nobody wrote there since: asked once more when code was loaded from it, before anything is handed to it. */
  async isUnchanged({ dir, stamp }: PreparedTree): Promise<boolean> {
    const small = stamp.entries <= STAMPED_HERE_LIMIT_ENTRIES
    // A tree that somebody is taking apart cannot be stamped either.
    const now = small
      ? tryStamp(dir)
      : (await this.#parts.checking.run({ kind: 'stamp', dir }).catch(() => undefined))?.stamp
    return now?.sha256 === stamp.sha256
  }

  /** Refuses layers that cannot be stacked without one hiding a directory of another behind a link or file. */
  async checkStack(dirs: readonly string[]): Promise<void> {
    if (dirs.length < 2) return
    const key = dirs.join('\0')
    if (this.#compatible.has(key)) return
    const { conflict } = await this.#parts.checking.run({ kind: 'conflict', dirs })
    if (conflict !== undefined) {
      throw new PlatformError(
        'ACTIVATION_FAILED',
        `\`${conflict}\` is a directory in one layer and a file or link in another`,
      )
    }
    this.#compatible.add(key)
  }

  /** Re-hashes every tree. Changed ones are moved aside; returns their digests. */
  async verifyAll(): Promise<Sha256[]> {
    const changed: Sha256[] = []
    for (const name of readdirSync(this.#parts.dir)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const codeSha256 = parseSha256(name)
      if (!(await this.#isSound(codeSha256))) changed.push(codeSha256)
    }
    return changed
  }

  /** Digests of what was prepared before that instant. */
  list(beforeMs: number): Sha256[] {
    return readdirSync(this.#parts.dir)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name) => parseSha256(name))
      .filter((digest) => {
        const found = statSync(join(this.#parts.dir, digest), { throwIfNoEntry: false })
        return found !== undefined && found.mtimeMs <= beforeMs
      })
  }

  /** Takes a tree away, at once for whoever looks; false where it is being prepared. */
  async drop(codeSha256: Sha256): Promise<boolean> {
    if (this.#preparing.has(codeSha256)) return false
    this.#known.delete(codeSha256)
    const aside = join(this.#parts.dir, `.new-dropped-${codeSha256}-${this.#word()}`)
    try {
      renameSync(join(this.#parts.dir, codeSha256), aside)
    } catch {
      return false
    }
    await rm(aside, { recursive: true, force: true })
    return true
  }

  async #prepare(wanted: Package): Promise<void> {
    const { codeSha256, tree } = wanted
    if (existsSync(join(this.#parts.dir, codeSha256))) {
      if ((await this.#isSound(codeSha256)) && this.#known.get(codeSha256)?.tree === tree) return
      this.#moveAside(codeSha256)
    }
    const fresh = join(this.#parts.dir, `.new-${codeSha256}-${this.#word()}`)
    const freshTree = join(fresh, 'tree')
    mkdirSync(freshTree, { recursive: true, mode: 0o755 })
    try {
      using blob = this.#parts.blobs.open(codeSha256)
      const task = {
        kind: 'unpack',
        blobPath: blob.path,
        codeSha256,
        tree,
        dir: freshTree,
      } as const
      await this.#parts.unpacking.run(task)
      writeFileSync(join(fresh, 'record.json'), JSON.stringify({ codeSha256, tree }), {
        flush: true,
      })
      renameSync(fresh, join(this.#parts.dir, codeSha256))
      syncDirectory(this.#parts.dir)
    } catch (cause) {
      rmSync(fresh, { recursive: true, force: true })
      throw toDiskError(cause)
    }
    // Hashed where it lies, after the last byte was written: what was written meanwhile by somebody else is found here.
    await this.#isSound(codeSha256)
  }

  /** Whether the tree on the disk is the one its record names; if so it is known from now on. */
  async #isSound(codeSha256: Sha256): Promise<boolean> {
    const dir = join(this.#parts.dir, codeSha256, 'tree')
    const recorded = readRecord(join(this.#parts.dir, codeSha256, 'record.json'))
    const found = await this.#parts.checking.run({ kind: 'rehash', dir }).catch(() => undefined)
    const { tree, stamp } = found ?? {}
    if (tree !== undefined && stamp !== undefined && tree === recorded) {
      this.#known.set(codeSha256, { tree, stamp })
      return true
    }
    this.#parts.log.error(
      { codeSha256, expected: recorded, got: tree },
      'prepared tree was changed',
    )
    this.#moveAside(codeSha256)
    return false
  }

  /** Kept for whoever wants to know what happened; never run. */
  #moveAside(codeSha256: Sha256): void {
    this.#known.delete(codeSha256)
    const from = join(this.#parts.dir, codeSha256)
    if (existsSync(from))
      renameSync(from, join(this.#parts.dir, `changed-${codeSha256}-${this.#word()}`))
    this.onChanged(codeSha256)
  }

  #word(): string {
    return Buffer.from(this.#parts.random.bytes(4)).toString('hex')
  }
}

function tryStamp(dir: string): TreeStamp | undefined {
  try {
    return stampTree(dir)
  } catch {
    return undefined
  }
}

function readRecord(path: string): string | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as { tree?: unknown }
    return typeof record.tree === 'string' ? record.tree : undefined
  } catch {
    return undefined
  }
}

/** Digests of the trees under a data directory that are not what they were prepared as; reads alone, of a stopped service. */
export function findChangedTrees(dataDir: string): Sha256[] {
  const dir = join(dataDir, 'prepared')
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => parseSha256(name))
    .filter((digest) => !isAsRecorded(join(dir, digest)))
}

function isAsRecorded(dir: string): boolean {
  try {
    const tree = rehashTree(join(dir, 'tree'))
    return tree !== undefined && tree === readRecord(join(dir, 'record.json'))
  } catch {
    return false
  }
}
