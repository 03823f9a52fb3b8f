import { PlatformError, type ReleaseSpec } from '../model/index.ts'

import type { Environment } from './environment.ts'
import type { WarmWish } from './options.ts'

interface Idle {
  readonly environment: Environment
  readonly sinceMs: number
}

/**
 * Environments by (function, version, release): one invocation at a time each, the most recently used first (the hottest
 * caches, MEASUREMENTS §5), the least recently used one given up when another function needs its place.
 */
export class Pool {
  readonly #limit: number
  readonly #create: (spec: ReleaseSpec) => Environment
  readonly #nowMs: () => number
  readonly #all = new Set<Environment>()
  /** Given up, and told to go: nobody gets them, and they are stopped at once where they must be. */
  readonly #leaving = new Set<Environment>()
  readonly #idle = new Map<string, Idle[]>()
  /** How many of a key stay, however long they are idle. */
  readonly #kept = new Map<string, number>()
  /** Answered, and not yet ready for the next: how many, and how many callers wait for one. */
  readonly #settling = new Map<string, { waiters: (() => void)[]; count: number }>()

  constructor(limit: number, create: (spec: ReleaseSpec) => Environment, nowMs: () => number) {
    this.#limit = limit
    this.#create = create
    this.#nowMs = nowMs
  }

  get size(): number {
    return this.#all.size
  }

  get idle(): number {
    return [...this.#idle.values()].reduce((sum, list) => sum + list.length, 0)
  }

  /** Nothing more could be started, and nothing is idle that would make room. */
  get full(): boolean {
    return this.#all.size >= this.#limit && this.idle === 0
  }

  /** @throws PlatformError TOO_MANY_REQUESTS when every place is busy */
  lease(spec: ReleaseSpec): Environment {
    const list = this.#idle.get(keyOf(spec))
    for (let idle = list?.pop(); idle !== undefined; idle = list?.pop()) {
      if (matches(idle.environment, spec)) return idle.environment
      this.#drop(idle.environment, 'retired')
    }
    this.#dropOtherReleases(spec)
    if (this.#all.size >= this.#limit && !this.#evictOldest()) {
      throw new PlatformError('TOO_MANY_REQUESTS', 'Rate Exceeded.', {
        detail: { reason: 'ConcurrentInvocationLimitExceeded' },
      })
    }
    const environment = this.#create(spec)
    this.#all.add(environment)
    return environment
  }

  /**
   * Lets a caller wait for an environment that has just answered, where there is one for him: a runtime asks for its next
   * invocation a moment after it answered, and a start takes longer than that moment.
   */
  async untilSettled(spec: ReleaseSpec, waitMs: number): Promise<void> {
    const key = keyOf(spec)
    const settling = this.#settling.get(key)
    const idle = this.#idle.get(key)?.length ?? 0
    if (settling === undefined || idle > 0 || settling.waiters.length >= settling.count) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        settling.waiters = settling.waiters.filter((waiter) => waiter !== done)
        resolve()
      }, waitMs)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      settling.waiters.push(done)
    })
  }

  /** The environment has answered; it comes back, or is forgotten, once `settled`. */
  async settle(environment: Environment, settled: Promise<void>): Promise<void> {
    const key = keyOf(environment.spec)
    const settling = this.#settling.get(key) ?? { waiters: [], count: 0 }
    this.#settling.set(key, settling)
    settling.count += 1
    try {
      await settled
      this.#give(environment)
    } catch {
      this.forget(environment)
    } finally {
      settling.count -= 1
      if (settling.count === 0) this.#settling.delete(key)
      settling.waiters.shift()?.()
    }
  }

  /** Takes one back; one that was stopped meanwhile is forgotten. */
  #give(environment: Environment): void {
    if (environment.stopped || !this.#all.has(environment))
      return void this.#all.delete(environment)
    const key = keyOf(environment.spec)
    const list = this.#idle.get(key) ?? []
    list.push({ environment, sinceMs: this.#nowMs() })
    this.#idle.set(key, list)
  }

  forget(environment: Environment): void {
    this.#all.delete(environment)
  }

  /** How many environments of exactly this release are asked to stay; others are given up as before. */
  keep(wishes: readonly WarmWish[]): void {
    this.#kept.clear()
    for (const { spec, count } of wishes)
      this.#kept.set(keyOf(spec), (this.#kept.get(keyOf(spec)) ?? 0) + count)
  }

  /** Those of exactly this release, busy or not. */
  of(spec: ReleaseSpec): Environment[] {
    return [...this.#all].filter((environment) => matches(environment, spec))
  }

  /** Stops idle ones that have no process any more: kept ones are to be warm. */
  dropCold(spec: ReleaseSpec): void {
    const list = this.#idle.get(keyOf(spec)) ?? []
    for (const { environment } of list.filter((idle) => !idle.environment.warm)) {
      const at = list.findIndex((idle) => idle.environment === environment)
      list.splice(at, 1)
      this.#drop(environment, 'retired')
    }
  }

  /** Starts one that nobody has asked for yet; it is idle once `started` resolves. Nothing where there is no place. */
  async warmUp(spec: ReleaseSpec): Promise<void> {
    if (this.#all.size >= this.#limit && !this.#evictOldest()) {
      throw new PlatformError('TOO_MANY_REQUESTS', 'every environment of this service is in use')
    }
    const environment = this.#create(spec)
    this.#all.add(environment)
    try {
      await environment.warmUp()
      this.#give(environment)
    } catch (cause) {
      this.#drop(environment, 'failed')
      throw cause
    }
  }

  /** Stops what was idle for longer. */
  reap(idleMs: number): void {
    const limit = this.#nowMs() - idleMs
    for (const [key, list] of this.#idle) {
      const kept = this.#kept.get(key) ?? 0
      while (list[0] !== undefined && list[0].sinceMs <= limit && list.length > kept) {
        const idle = list.shift()
        if (idle !== undefined) this.#drop(idle.environment, 'idle')
      }
    }
    for (const [key, list] of this.#idle) if (list.length === 0) this.#idle.delete(key)
  }

  some(match: (environment: Environment) => boolean): boolean {
    return this.#present().some(match)
  }

  /** Stops those that match, busy or not; resolves when they are gone. */
  async stopWhere(
    match: (environment: Environment) => boolean,
    reason: 'revoked' | 'closing',
  ): Promise<void> {
    const stopping = this.#present().filter(match)
    for (const [key, list] of this.#idle) {
      const kept = list.filter(({ environment }) => !stopping.includes(environment))
      if (kept.length > 0) this.#idle.set(key, kept)
      else this.#idle.delete(key)
    }
    for (const environment of stopping) this.#all.delete(environment)
    await Promise.all(stopping.map((environment) => environment.stop(reason)))
  }

  /** Idle ones that match are stopped, busy ones answered: they come back to nobody, and are the caller's to stop. */
  async retireWhere(match: (environment: Environment) => boolean): Promise<Environment[]> {
    const idle = new Set([...this.#idle.values()].flat().map(({ environment }) => environment))
    const busy = [...this.#all].filter((one) => match(one) && !idle.has(one))
    for (const environment of busy) this.#all.delete(environment)
    await this.stopWhere(match, 'revoked')
    return busy
  }

  /** Idle environments of the same version under another release: what ran before an update. */
  #dropOtherReleases(spec: ReleaseSpec): void {
    const prefix = `${spec.functionId}\0${spec.version}\0`
    for (const [key, list] of this.#idle) {
      if (!key.startsWith(prefix) || key === keyOf(spec)) continue
      this.#idle.delete(key)
      for (const { environment } of list) this.#drop(environment, 'retired')
    }
  }

  #evictOldest(): boolean {
    // Those that leave may take their time, and as many as there are places at most.
    if (this.#leaving.size >= this.#limit) return false
    let oldest: Idle[] | undefined
    for (const [key, list] of this.#idle) {
      if (list.length <= (this.#kept.get(key) ?? 0)) continue
      const since = list[0]?.sinceMs
      if (since !== undefined && since < (oldest?.[0]?.sinceMs ?? Infinity)) oldest = list
    }
    const victim = oldest?.shift()
    if (victim === undefined) return false
    this.#drop(victim.environment, 'idle')
    return true
  }

  #drop(environment: Environment, reason: 'idle' | 'retired' | 'failed'): void {
    this.#all.delete(environment)
    this.#leaving.add(environment)
    const forget = (): void => void this.#leaving.delete(environment)
    // One that cannot be stopped is no reason to stop everything: the spawner ends what it started.
    void environment.stop(reason).then(forget, forget)
  }

  #present(): Environment[] {
    return [...this.#all, ...this.#leaving]
  }
}

function keyOf(spec: ReleaseSpec): string {
  return `${spec.functionId}\0${spec.version}\0${spec.release}`
}

/** An environment executes exactly what it was stamped with. */
function matches(environment: Environment, spec: ReleaseSpec): boolean {
  const { release, decisionId, codeSha256 } = environment.stamp
  return (
    release === spec.release &&
    decisionId === spec.decisionId &&
    codeSha256 === spec.code.codeSha256
  )
}
