import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

import { MEMORY_MB_PER_CPU, PIDS_LIMIT } from '../constants.ts'

const MB = 1_048_576
const CPU_PERIOD_US = 100_000
const CPU_SHARES_PER_CPU = 1_024
/** How many times less what takes much weighs than what takes little. More would not shorten waits, and starve. */
const HEAVY_WEIGHS_LESS = 4
const NS_PER_MS = 1_000_000
const US_PER_MS = 1_000

type Controller = 'memory' | 'pids' | 'cpu' | 'cpuacct' | 'freezer'
const CONTROLLERS: readonly Controller[] = ['memory', 'pids', 'cpu', 'cpuacct', 'freezer']
/** What every cgroup of version 2 has without being handed it. */
const EVERYWHERE: readonly Controller[] = ['cpuacct', 'freezer']

export interface Limits {
  readonly memoryMb: number
  readonly ephemeralMb: number
}

/** Where one controller is driven from, and by which of the two interfaces. */
interface Hierarchy {
  readonly version: 1 | 2
  /** Our own cgroup in it: new ones are made beneath. */
  readonly base: string
}

export interface MountRow {
  readonly root: string
  readonly point: string
  readonly type: string
  readonly options: readonly string[]
}

/** Rows of /proc/self/mountinfo that are cgroup mounts. */
export function parseCgroupMounts(mountinfo: string): MountRow[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ')
    const fields = left?.split(' ') ?? []
    const [type, , options] = right?.split(' ') ?? []
    const [root, point] = [fields[3], fields[4]]
    if (root === undefined || point === undefined || !type?.startsWith('cgroup')) return []
    return [{ root, point, type, options: options?.split(',') ?? [] }]
  })
}

/** Our own cgroup per controller list of /proc/self/cgroup; the key is '' for version 2. */
export function parseOwnCgroups(text: string): Map<string, string> {
  const own = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line)
    if (match?.[1] === undefined || match[2] === undefined) continue
    for (const controller of match[1].split(',')) own.set(controller, match[2])
  }
  return own
}

/** The cgroups of one slot. */
export interface Cgroup {
  /** Directories a process writes itself into, before anything foreign runs. */
  readonly attach: readonly string[]
  freeze(): void
  thaw(): void
  /** Anonymous memory: what a function allocated; neither page cache nor /tmp. */
  memoryMb(): number | undefined
  oomKills(): number
  /** Processor time that all of it took. */
  cpuTimeMs(): number | undefined
  /** Its part of the processors while they are short: that of its memory, or a fraction of it. */
  weigh(heavy: boolean): void
  /** Kills whatever is still in it. */
  kill(): void
  /** Removes it; false while something is dying in it. */
  remove(): boolean
}

/**
 * cgroup v1, v2 and hybrids of both, chosen controller by controller by writing a limit and reading it back
 * (RULES §8), never by path alone.
 */
export class Cgroups {
  readonly #hierarchies: ReadonlyMap<Controller, Hierarchy>
  readonly #name: string

  private constructor(hierarchies: ReadonlyMap<Controller, Hierarchy>, name: string) {
    this.#hierarchies = hierarchies
    this.#name = name
  }

  /** `name` is this spawner's: `lacre-PID-STARTTIME`. */
  static open(name: string): Cgroups {
    const candidates = findHierarchies()
    const works = new Map<Controller, Hierarchy>()
    for (const controller of CONTROLLERS) {
      const found = candidates.get(controller)?.find((each) => probe(controller, each, name))
      if (found !== undefined) works.set(controller, found)
    }
    for (const base of new Set([...works.values()].map((each) => each.base))) sweep(base)
    return new Cgroups(works, name)
  }

  has(controller: Controller): boolean {
    return this.#hierarchies.has(controller)
  }

  create(slot: string, limits: Limits): Cgroup {
    const dirs = new Map<Controller, { version: 1 | 2; dir: string }>()
    for (const [controller, { version, base }] of this.#hierarchies) {
      const parent = join(base, this.#name)
      const dir = join(parent, slot)
      mkdirSync(dir, { recursive: true })
      if (version === 2) enableBeneath(parent, controller)
      if (controller === 'cpu') shareOfAll(version, parent)
      limit(controller, version, dir, limits)
      dirs.set(controller, { version, dir })
    }
    return new SlotCgroup(dirs, limits)
  }

  close(): void {
    for (const base of new Set([...this.#hierarchies.values()].map((each) => each.base))) {
      removeTree(join(base, this.#name))
    }
  }
}

class SlotCgroup implements Cgroup {
  readonly #dirs: ReadonlyMap<Controller, { version: 1 | 2; dir: string }>
  readonly attach: readonly string[]
  readonly #limits: Limits

  constructor(dirs: ReadonlyMap<Controller, { version: 1 | 2; dir: string }>, limits: Limits) {
    this.#dirs = dirs
    this.#limits = limits
    this.attach = [...new Set([...dirs.values()].map((each) => each.dir))]
  }

  freeze(): void {
    this.#setFrozen(true)
  }

  thaw(): void {
    this.#setFrozen(false)
  }

  memoryMb(): number | undefined {
    const at = this.#dirs.get('memory')
    if (at === undefined) return undefined
    const pattern = at.version === 1 ? /^total_rss (\d+)$/m : /^anon (\d+)$/m
    const match = pattern.exec(readOr(join(at.dir, 'memory.stat'), ''))
    return match?.[1] === undefined ? undefined : Math.ceil(Number(match[1]) / MB)
  }

  oomKills(): number {
    const at = this.#dirs.get('memory')
    if (at === undefined) return 0
    const file = at.version === 1 ? 'memory.oom_control' : 'memory.events'
    return Number(/^oom_kill (\d+)$/m.exec(readOr(join(at.dir, file), ''))?.[1] ?? 0)
  }

  cpuTimeMs(): number | undefined {
    const at = this.#dirs.get('cpuacct')
    return at === undefined ? undefined : cpuTimeMs(at.version, at.dir)
  }

  weigh(heavy: boolean): void {
    const at = this.#dirs.get('cpu')
    if (at === undefined) return
    const cpus = this.#limits.memoryMb / MEMORY_MB_PER_CPU
    tryWrite(...weightOf(at.version, at.dir, heavy ? cpus / HEAVY_WEIGHS_LESS : cpus))
  }

  kill(): void {
    for (const dir of this.attach) {
      for (const pid of readOr(join(dir, 'cgroup.procs'), '').split('\n')) {
        if (pid !== '') killQuietly(Number(pid))
      }
    }
    // Version 1 delivers SIGKILL to a frozen task only once it is thawed.
    this.thaw()
  }

  remove(): boolean {
    return this.attach.map((dir) => removeDir(dir)).every((gone) => gone)
  }

  #setFrozen(frozen: boolean): void {
    const at = this.#dirs.get('freezer')
    if (at === undefined) return
    if (at.version === 1) tryWrite(join(at.dir, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED')
    else tryWrite(join(at.dir, 'cgroup.freeze'), frozen ? '1' : '0')
  }
}

/** Places each controller might be driven from, version 1 first: where it is mounted there, version 2 has it not. */
export function findHierarchies(): Map<Controller, Hierarchy[]> {
  const mounts = parseCgroupMounts(readOr('/proc/self/mountinfo', ''))
  const own = parseOwnCgroups(readOr('/proc/self/cgroup', ''))
  const found = new Map<Controller, Hierarchy[]>(CONTROLLERS.map((each) => [each, []]))
  for (const mount of mounts) {
    const version = mount.type === 'cgroup2' ? 2 : 1
    for (const controller of CONTROLLERS) {
      if (version === 1 && !mount.options.includes(controller)) continue
      const base = ownDirectory(mount, own.get(version === 2 ? '' : controller) ?? '/')
      const list = found.get(controller)
      if (version === 1) list?.unshift({ version, base })
      else list?.push({ version, base })
    }
  }
  return found
}

function ownDirectory(mount: MountRow, own: string): string {
  const below =
    mount.root === '/' ? own : own.startsWith(mount.root) ? own.slice(mount.root.length) : ''
  const dir = join(mount.point, below)
  return existsSync(dir) ? dir : mount.point
}

/** Makes a cgroup, sets a limit, reads it back, removes it. */
function probe(controller: Controller, { version, base }: Hierarchy, name: string): boolean {
  const parent = join(base, name)
  const dir = join(parent, 'probe')
  try {
    if (version === 2) enableBeneath(base, controller)
    mkdirSync(dir, { recursive: true })
    if (version === 2) enableBeneath(parent, controller)
    return setAndRead(controller, version, dir)
  } catch {
    return false
  } finally {
    removeTree(parent)
  }
}

function setAndRead(controller: Controller, version: 1 | 2, dir: string): boolean {
  const echo = (file: string, value: string): boolean => {
    writeFileSync(join(dir, file), value)
    return readFileSync(join(dir, file), 'utf8').trim() === value
  }
  switch (controller) {
    case 'memory':
      return echo(version === 1 ? 'memory.limit_in_bytes' : 'memory.max', String(256 * MB))
    case 'pids':
      return echo('pids.max', '64')
    case 'cpu':
      return version === 1 ? echo('cpu.shares', '512') : echo('cpu.weight', '50')
    case 'cpuacct':
      return cpuTimeMs(version, dir) !== undefined
    case 'freezer':
      return version === 1 ? echo('freezer.state', 'THAWED') : echo('cgroup.freeze', '0')
  }
}

/** All environments together weigh as much as one busy process a core; without it, as one process in all. */
function shareOfAll(version: 1 | 2, parent: string): void {
  const cpus = availableParallelism()
  if (version === 1) tryWrite(join(parent, 'cpu.shares'), String(CPU_SHARES_PER_CPU * cpus))
  else tryWrite(join(parent, 'cpu.weight'), String(Math.min(10_000, 100 * cpus)))
}

function cpuTimeMs(version: 1 | 2, dir: string): number | undefined {
  const [file, pattern, perMs] =
    version === 1
      ? (['cpuacct.usage', /^(\d+)$/m, NS_PER_MS] as const)
      : (['cpu.stat', /^usage_usec (\d+)$/m, US_PER_MS] as const)
  const found = pattern.exec(readOr(join(dir, file), ''))?.[1]
  return found === undefined ? undefined : Number(found) / perMs
}

/** What is to be written where for a part of the processors that grows with memory. */
function weightOf(version: 1 | 2, dir: string, cpus: number): [file: string, value: string] {
  if (version === 1) {
    const shares = Math.max(2, Math.round(CPU_SHARES_PER_CPU * cpus))
    return [join(dir, 'cpu.shares'), String(shares)]
  }
  const weight = Math.max(1, Math.min(10_000, Math.round(100 * cpus)))
  return [join(dir, 'cpu.weight'), String(weight)]
}

/** Version 2 hands a controller down only when its parent says so. */
function enableBeneath(dir: string, controller: Controller): void {
  if (EVERYWHERE.includes(controller)) return
  const file = join(dir, 'cgroup.subtree_control')
  if (!readFileSync(file, 'utf8').split(/\s/).includes(controller)) {
    writeFileSync(file, `+${controller}`)
  }
}

/**
 * The pages of /tmp (a tmpfs) are charged to whoever writes them, so its size comes on top of the memory; the watch in
 * `slots` holds anonymous memory itself to MemorySize. Swap is bounded with memory (RULES §8).
 */
function limit(controller: Controller, version: 1 | 2, dir: string, limits: Limits): void {
  const cpus = limits.memoryMb / MEMORY_MB_PER_CPU
  const quotaUs = Math.round(CPU_PERIOD_US * Math.max(1, cpus))
  const bytes = String((limits.memoryMb + limits.ephemeralMb) * MB)
  const write = (file: string, value: string): void => writeFileSync(join(dir, file), value)
  switch (controller) {
    case 'memory':
      if (version === 2) {
        write('memory.max', bytes)
        tryWrite(join(dir, 'memory.swap.max'), '0')
        tryWrite(join(dir, 'memory.oom.group'), '1')
      } else {
        write('memory.limit_in_bytes', bytes)
        tryWrite(join(dir, 'memory.memsw.limit_in_bytes'), bytes)
        tryWrite(join(dir, 'memory.swappiness'), '0')
      }
      return
    case 'pids':
      return write('pids.max', String(PIDS_LIMIT))
    case 'cpu':
      writeFileSync(...weightOf(version, dir, cpus / HEAVY_WEIGHS_LESS))
      if (version === 2) tryWrite(join(dir, 'cpu.max'), `${quotaUs} ${CPU_PERIOD_US}`)
      else tryWrite(join(dir, 'cpu.cfs_quota_us'), String(quotaUs))
      return
    case 'cpuacct':
    case 'freezer':
      return
  }
}

/** Cgroups of spawners that were killed: their processes died with them, the directories did not. */
function sweep(base: string): void {
  for (const name of listDirs(base)) {
    const match = /^lacre-(\d+)-(\d+)$/.exec(name)
    if (match?.[1] === undefined || match[2] === undefined) continue
    if (startTime(Number(match[1])) === match[2]) continue
    const dir = join(base, name)
    for (const slot of listDirs(dir)) {
      for (const pid of readOr(join(dir, slot, 'cgroup.procs'), '').split('\n')) {
        if (pid !== '') killQuietly(Number(pid))
      }
      tryWrite(join(dir, slot, 'freezer.state'), 'THAWED')
    }
    removeTree(dir)
  }
}

/** Field 22 of /proc/PID/stat: with the pid it names a process for good. */
export function startTime(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`, '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function removeTree(dir: string): void {
  for (const child of listDirs(dir)) removeDir(join(dir, child))
  removeDir(dir)
}

function listDirs(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

function removeDir(dir: string): boolean {
  try {
    rmdirSync(dir)
    return true
  } catch {
    return !existsSync(dir)
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}

function tryWrite(path: string, value: string): void {
  try {
    writeFileSync(path, value)
  } catch {
    // a file this kernel does not have, or a cgroup that is gone
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // already gone
  }
}
