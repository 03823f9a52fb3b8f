/** How much of one kind of work there may be. */
export interface GateLimits {
  /** Requests in work at a time. */
  readonly atOnce: number
  /** Requests that wait for a place, of all callers together. */
  readonly queued: number
  /** How long one waits at most. */
  readonly waitMs: number
}

/** What is to happen to a request that asks: exactly one of them, once. */
export interface Asking {
  readonly caller: string
  readonly enter: () => void
  readonly refuse: () => void
}

/**
 * Places for one kind of work, with a bounded queue before them. A free place goes to the caller who has the fewest, in
 * turns where several have as few; where the queue is full, the longest line of one caller gives way to a shorter one. So
 * whoever asks little is let in, however much others ask.
 */
export class Gate {
  readonly #limits: GateLimits
  /** Places taken, by caller. */
  readonly #taken = new Map<string, number>()
  #inWork = 0
  /** Who waits, by caller; whose turn it is sooner stands first. */
  readonly #lines = new Map<string, Map<Asking, NodeJS.Timeout>>()
  #queued = 0

  constructor(limits: GateLimits) {
    this.#limits = limits
  }

  get inWork(): number {
    return this.#inWork
  }

  get queued(): number {
    return this.#queued
  }

  /** Lets it in now, later, or not at all. */
  ask(asking: Asking): void {
    if (this.#inWork < this.#limits.atOnce) return this.#letIn(asking)
    if (this.#queued >= this.#limits.queued && !this.#makeRoom(asking.caller))
      return asking.refuse()
    const line = this.#lines.get(asking.caller) ?? new Map<Asking, NodeJS.Timeout>()
    this.#lines.set(asking.caller, line)
    const expire = (): void => {
      if (this.withdraw(asking)) asking.refuse()
    }
    line.set(asking, setTimeout(expire, this.#limits.waitMs))
    this.#queued += 1
  }

  /** It waits no more; answers whether it did. Neither of its two happens. */
  withdraw(asking: Asking): boolean {
    const line = this.#lines.get(asking.caller)
    if (line === undefined || !line.has(asking)) return false
    clearTimeout(line.get(asking))
    line.delete(asking)
    if (line.size === 0) this.#lines.delete(asking.caller)
    this.#queued -= 1
    return true
  }

  /** A place that this caller had is free again. */
  leave(caller: string): void {
    const left = (this.#taken.get(caller) ?? 1) - 1
    if (left === 0) this.#taken.delete(caller)
    else this.#taken.set(caller, left)
    this.#inWork -= 1
    const next = this.#next()
    if (next !== undefined) this.#letIn(next)
  }

  #letIn(asking: Asking): void {
    this.#inWork += 1
    this.#taken.set(asking.caller, (this.#taken.get(asking.caller) ?? 0) + 1)
    asking.enter()
  }

  #next(): Asking | undefined {
    let chosen: { readonly caller: string; readonly taken: number } | undefined
    for (const caller of this.#lines.keys()) {
      const taken = this.#taken.get(caller) ?? 0
      if (chosen === undefined || taken < chosen.taken) chosen = { caller, taken }
    }
    const line = chosen && this.#lines.get(chosen.caller)
    const [first] = line?.keys() ?? []
    if (line === undefined || first === undefined) return undefined
    this.withdraw(first)
    // Behind the others: they have as much of a right next time.
    if (line.size > 0) {
      this.#lines.delete(first.caller)
      this.#lines.set(first.caller, line)
    }
    return first
  }

  /** Turns away the last of the longest line, where it is longer than this caller's would be. */
  #makeRoom(caller: string): boolean {
    let longest: Map<Asking, NodeJS.Timeout> | undefined
    for (const line of this.#lines.values()) if (line.size > (longest?.size ?? 0)) longest = line
    const own = this.#lines.get(caller)?.size ?? 0
    if (longest === undefined || longest.size <= own + 1) return false
    const last = [...longest.keys()].at(-1)
    if (last === undefined || !this.withdraw(last)) return false
    last.refuse()
    return true
  }
}
