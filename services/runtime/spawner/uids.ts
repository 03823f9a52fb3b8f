import { UID_BASE, UID_BLOCKS, UID_BLOCK_SIZE } from '../constants.ts'

/** Host uids for environments: one each, used again only after the whole block went round. */
export class Uids {
  readonly #base: number
  readonly #used = new Set<number>()
  #next = 0

  /** `fraction` picks this spawner's block, so that two services on one machine do not share uids. */
  constructor(fraction: number) {
    this.#base = UID_BASE + Math.floor(fraction * UID_BLOCKS) * UID_BLOCK_SIZE
  }

  take(): number {
    for (let tries = 0; tries < UID_BLOCK_SIZE; tries += 1) {
      const uid = this.#base + this.#next
      this.#next = (this.#next + 1) % UID_BLOCK_SIZE
      if (!this.#used.has(uid)) {
        this.#used.add(uid)
        return uid
      }
    }
    throw new RangeError('no uid is free')
  }

  give(uid: number): void {
    this.#used.delete(uid)
  }
}
