/** What the engine holds parsed under one name. */
interface Held {
  readonly name: string
  /** In whatever unit the limit is. */
  readonly weight: number
}

/**
 * What an engine was handed, by key, most recently used last. The engine drops nothing, but what comes under the same name
 * takes its place: beyond the limit the oldest make room by something empty in theirs, and their names are given again.
 */
export class HeldByName {
  readonly #held = new Map<string, Held>()
  readonly #free: string[] = []
  readonly #empty: (name: string) => void
  readonly #limit: number
  #weight = 0
  #named = 0

  /** `empty` puts nothing under a name. */
  constructor(limit: number, empty: (name: string) => void) {
    this.#limit = limit
    this.#empty = empty
  }

  has(key: string): boolean {
    return this.#held.has(key)
  }

  /**
   * The name that `key` is held under, newly put there by `put` where it is not yet.
   * @returns `undefined` where `put` says that it could not be
   */
  nameOf(key: string, weight: number, put: (name: string) => boolean): string | undefined {
    const known = this.#held.get(key)
    if (known !== undefined) {
      this.#held.delete(key)
      this.#held.set(key, known)
      return known.name
    }
    this.#makeRoom(weight)
    const name = this.#free.pop() ?? `held-${(this.#named += 1)}`
    if (!put(name)) {
      this.#free.push(name)
      return undefined
    }
    this.#held.set(key, { name, weight })
    this.#weight += weight
    return name
  }

  #makeRoom(weight: number): void {
    for (const [key, { name, weight: freed }] of this.#held) {
      if (this.#weight + weight <= this.#limit) return
      this.#empty(name)
      this.#held.delete(key)
      this.#free.push(name)
      this.#weight -= freed
    }
  }
}
