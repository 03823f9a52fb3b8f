import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

import { LatePoints } from './late-points.ts'
import type { Mounts } from './mounts.ts'

const run = promisify(execFile)
/** /tmp is also bounded in inodes: one per 4 KB, as ext4 would give. */
const BYTES_PER_INODE_KB = 4

/** What sandboxes may see of the host: prepared trees, merged layers, and each slot's /tmp, at paths their uid can reach. */
export interface Stage {
  /** A read-only view of a directory; one per directory, given back by `release`. */
  tree(dir: string): Promise<string>
  /** Several stacked, the last on top. */
  layers(dirs: readonly string[]): Promise<string>
  release(path: string): Promise<void>
  temporary(slot: string, sizeMb: number, uid: number): Promise<string>
  dropTemporary(slot: string): Promise<void>
  /** A directory for small files of our own. */
  readonly ownDir: string
  /** Where code is shown to sandboxes that were started before it; only where mounts can be made. */
  readonly late: LatePoints | undefined
  close(): Promise<void>
}

/**
 * For root: a tmpfs in the spawner's own mount namespace, so that the prepared trees stay root-only on the host, and nothing
 * is left mounted when the spawner dies, however it dies. Trees are bound read-only, nosuid, nodev.
 */
export async function openMountedStage(point: string, mounts: Mounts): Promise<Stage> {
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=0755,nosuid,nodev', 'lacre-stage', point])
  for (const name of ['trees', 'tmp', 'own']) mkdirSync(join(point, name), { mode: 0o755 })
  const views = new SharedViews(async (path) => {
    await mounts.unmount(path)
    rmSync(path, { recursive: true, force: true })
  })
  const late = await LatePoints.open(join(point, 'late'), mounts).catch(() => undefined)
  let count = 0
  const fresh = (): string => {
    count += 1
    const path = join(point, 'trees', String(count))
    mkdirSync(path)
    return path
  }
  return {
    ownDir: join(point, 'own'),
    late,
    tree: (dir) =>
      views.acquire(dir, async () => {
        const path = fresh()
        await mounts.bindReadOnly(dir, path)
        return path
      }),
    layers: (dirs) =>
      views.acquire(dirs.join('\0'), async () => {
        const path = fresh()
        const [only] = dirs
        if (dirs.length > 1) await mountOverlay(dirs, path)
        else await mounts.bindReadOnly(only ?? '', path)
        return path
      }),
    release: (path) => views.release(path),
    async temporary(slot, sizeMb, uid) {
      const path = join(point, 'tmp', slot)
      mkdirSync(path, { recursive: true })
      const inodes = (sizeMb * 1_024) / BYTES_PER_INODE_KB
      await mounts.tmpfs(path, `size=${sizeMb}m,nr_inodes=${inodes},mode=1777,uid=${uid}`)
      return path
    },
    async dropTemporary(slot) {
      const path = join(point, 'tmp', slot)
      await mounts.unmount(path)
      rmSync(path, { recursive: true, force: true })
    },
    async close() {
      await run('umount', ['--recursive', '--lazy', point])
      mounts.close()
    },
  }
}

/**
 * The kernel stacks the first named on top; the list order of layers is the other way round. Directories are named relative to
 * the folder of prepared trees: those names are hex, while an absolute path may hold the colons and commas that mount parses.
 */
async function mountOverlay(dirs: readonly string[], path: string): Promise<void> {
  const cwd = dirname(dirname(dirs[0] ?? '/'))
  const lower = [...dirs].reverse().map((dir) => relative(cwd, dir))
  const options = `ro,nosuid,nodev,lowerdir=${lower.join(':')}`
  await run('mount', ['-t', 'overlay', '-o', options, 'lacre-opt', path], { cwd })
}

/**
 * Where mounts cannot be made. The service's own user sees the prepared trees as they are; another uid, to which they are
 * closed, gets a copy. /tmp is then a directory without a size.
 */
export function openCopyingStage(dir: string, foreignUid: boolean): Stage {
  mkdirSync(dir, { recursive: true })
  chmodSync(dir, 0o711)
  const own = join(dir, 'own')
  mkdirSync(own, { mode: 0o755, recursive: true })
  const views = new SharedViews(async (path) => rmSync(path, { recursive: true, force: true }))
  let count = 0
  const copy = async (dirs: readonly string[]): Promise<string> => {
    count += 1
    const path = join(dir, `tree-${count}`)
    mkdirSync(path, { mode: 0o755 })
    for (const each of dirs)
      cpSync(each, path, { recursive: true, verbatimSymlinks: true, force: true })
    chmodSync(path, 0o755)
    return path
  }
  return {
    ownDir: own,
    late: undefined,
    tree: async (tree) => (foreignUid ? views.acquire(tree, () => copy([tree])) : tree),
    layers: (dirs) => views.acquire(dirs.join('\0'), () => copy(dirs)),
    release: (path) => views.release(path),
    async temporary(slot) {
      const path = join(dir, `tmp-${slot}`)
      mkdirSync(path, { recursive: true })
      chmodSync(path, 0o1777)
      return path
    },
    async dropTemporary(slot) {
      rmSync(join(dir, `tmp-${slot}`), { recursive: true, force: true })
    },
    async close() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Views that several environments share: made at the first, dropped after the last. */
class SharedViews {
  readonly #drop: (path: string) => Promise<void>
  readonly #views = new Map<string, { path: Promise<string>; users: number }>()
  readonly #keys = new Map<string, string>()

  constructor(drop: (path: string) => Promise<void>) {
    this.#drop = drop
  }

  async acquire(key: string, make: () => Promise<string>): Promise<string> {
    const view = this.#views.get(key) ?? { path: make(), users: 0 }
    this.#views.set(key, view)
    view.users += 1
    try {
      const path = await view.path
      this.#keys.set(path, key)
      return path
    } catch (cause) {
      if (this.#views.get(key) === view) this.#views.delete(key)
      throw cause
    }
  }

  async release(path: string): Promise<void> {
    const key = this.#keys.get(path)
    const view = key === undefined ? undefined : this.#views.get(key)
    if (key === undefined || view === undefined) return
    view.users -= 1
    if (view.users > 0) return
    this.#views.delete(key)
    this.#keys.delete(path)
    await this.#drop(path)
  }
}

/** A directory to hide under the stage: one that holds nothing of ours. */
export function stagePoint(avoid: readonly string[]): string | undefined {
  return ['/mnt', '/media', '/srv', '/run', '/tmp'].find((point) => {
    const used = avoid.some((path) => path === point || path.startsWith(`${point}/`))
    return !used && statSync(point, { throwIfNoEntry: false })?.isDirectory() === true
  })
}
