import { spawn } from 'node:child_process'

import { USAGE_WATCH_MS } from '../constants.ts'
import type { Cgroup, Cgroups } from './cgroups.ts'
import { ProcessorShare } from './processor-share.ts'
import type { EnvironmentSpec } from './protocol.ts'
import type { Stage } from './stage.ts'
import type { Uids } from './uids.ts'

/** What outlives a reset of an environment: its uid, its /tmp, its limits (SPEC A6.4: /tmp survives, globals do not). */
export interface Slot {
  /** `undefined` where the service is not root: then there is one uid for all. */
  readonly uid: number | undefined
  readonly temporaryDir: string
  readonly cgroup: Cgroup | undefined
  readonly memoryMb: number
  readonly share: ProcessorShare
}

export interface SlotParts {
  readonly stage: Stage
  readonly uids: Uids | undefined
  readonly cgroups: Cgroups | undefined
}

export class Slots {
  readonly #parts: SlotParts
  readonly #slots = new Map<string, Promise<Slot>>()

  constructor(parts: SlotParts) {
    this.#parts = parts
  }

  take(spec: EnvironmentSpec): Promise<Slot> {
    const known = this.#slots.get(spec.slot)
    if (known !== undefined) return known
    const made = this.#make(spec)
    this.#slots.set(spec.slot, made)
    made.catch(() => this.#slots.delete(spec.slot))
    return made
  }

  async release(name: string): Promise<void> {
    const pending = this.#slots.get(name)
    this.#slots.delete(name)
    if (pending === undefined) return
    const slot = await pending
    if (slot.cgroup !== undefined) await emptyAndRemove(slot.cgroup)
    else if (slot.uid !== undefined) await killAllOf(slot.uid)
    await this.#parts.stage.dropTemporary(name)
    if (slot.uid !== undefined) this.#parts.uids?.give(slot.uid)
  }

  async releaseAll(): Promise<void> {
    await Promise.allSettled([...this.#slots.keys()].map((name) => this.release(name)))
  }

  async #make(spec: EnvironmentSpec): Promise<Slot> {
    const { stage, uids, cgroups } = this.#parts
    const uid = uids?.take()
    const { memoryMb, ephemeralMb } = spec
    const owner = uid ?? process.getuid?.() ?? 0
    const temporaryDir = await stage.temporary(spec.slot, ephemeralMb, owner)
    const cgroup = cgroups?.create(spec.slot, { memoryMb, ephemeralMb })
    const share = new ProcessorShare(performance.now())
    return { uid, temporaryDir, cgroup, memoryMb, share }
  }
}

/**
 * Without a cgroup what left its process group (setsid) is known by its uid alone. As that uid itself: `kill(-1)` then
 * reaches its processes and nobody else's, and misses none that is born meanwhile.
 */
export async function killAllOf(uid: number): Promise<void> {
  const killer = spawn('/bin/sh', ['-c', 'kill -KILL -1'], {
    uid,
    gid: uid,
    env: {},
    stdio: 'ignore',
  })
  await new Promise((resolve) => killer.once('close', resolve).once('error', resolve))
}

/** A cgroup can be removed once the last task in it is reaped, which is a matter of milliseconds. */
async function emptyAndRemove(cgroup: Cgroup): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    cgroup.kill()
    if (cgroup.remove()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

interface Watched {
  readonly slot: Slot
  readonly report: (mb: number) => void
  readonly kill: () => void
  /** As it was read last. */
  usedMb: number | undefined
}

/**
 * Holds anonymous memory to MemorySize: the cgroup's own limit also covers what lies in /tmp (see `cgroups`). What did not
 * change since the last look is not told again. And lets what takes much of the processors weigh less than what does not.
 */
export class UsageWatch {
  readonly #watched = new Map<string, Watched>()
  #timer: NodeJS.Timeout | undefined

  watch(id: string, slot: Slot, on: { report: (mb: number) => void; kill: () => void }): void {
    if (slot.cgroup === undefined) return
    this.#watched.set(id, { slot, ...on, usedMb: undefined })
    this.#timer ??= setInterval(() => this.#look(), USAGE_WATCH_MS).unref()
  }

  unwatch(id: string): void {
    this.#watched.delete(id)
    if (this.#watched.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    weigh([...this.#watched.values()].map(({ slot }) => slot))
    for (const watched of this.#watched.values()) {
      const { slot, report, kill } = watched
      const usedMb = slot.cgroup?.memoryMb()
      const isNews = usedMb !== watched.usedMb
      watched.usedMb = usedMb
      if (usedMb === undefined) continue
      if (isNews) report(usedMb)
      if (usedMb > slot.memoryMb) kill()
    }
  }
}

function weigh(slots: readonly Slot[]): void {
  const nowMs = performance.now()
  let most = 0
  for (const { cgroup, share } of slots) {
    const usedMs = cgroup?.cpuTimeMs()
    if (usedMs !== undefined) most = Math.max(most, share.measure(usedMs, nowMs))
  }
  for (const { cgroup, share } of slots) if (share.compare(most)) cgroup?.weigh(share.isHeavy)
}
