import type { Sha256 } from '../model/index.ts'

/**
 * Who needs a blob that no row names yet, and who removes it: never both. Whoever comes to need it while it is being
 * removed waits and then writes it anew; what is needed is not removed.
 */
export class BlobHolds {
  readonly #held = new Map<Sha256, number>()
  readonly #removing = new Map<Sha256, Promise<void>>()

  async hold(digest: Sha256): Promise<Disposable> {
    for (;;) {
      const removal = this.#removing.get(digest)
      if (removal === undefined) break
      await removal
    }
    this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1)
    let over = false
    const letGo = (): void => {
      if (over) return
      over = true
      const others = (this.#held.get(digest) ?? 1) - 1
      if (others === 0) this.#held.delete(digest)
      else this.#held.set(digest, others)
    }
    return { [Symbol.dispose]: letGo }
  }

  /** `undefined` while somebody needs it, or removes it already. */
  claim(digest: Sha256): Disposable | undefined {
    if (this.#held.has(digest) || this.#removing.has(digest)) return undefined
    let release = (): void => undefined
    this.#removing.set(digest, new Promise((resolve) => (release = resolve)))
    const letGo = (): void => {
      this.#removing.delete(digest)
      release()
    }
    return { [Symbol.dispose]: letGo }
  }
}
