import { setImmediate as turn } from 'node:timers/promises'

import type { Store, Writer } from './open.ts'

/** Pieces of work in one transaction; a caller waits for all that stand with his. */
const BATCH_LIMIT = 256

interface Piece {
  readonly work: (tx: Writer) => Promise<unknown>
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * Many small writes that share a commit, and so an fsync: what comes while one is written goes into the next.
 * A caller hears of his only once it is on the disk.
 */
export class GroupCommit {
  readonly #store: Pick<Store, 'transaction'>
  #waiting: Piece[] = []
  #writing: Promise<void> | undefined
  #commits = 0

  constructor(store: Pick<Store, 'transaction'>) {
    this.#store = store
  }

  /** Commits that were made so far. */
  get commits(): number {
    return this.#commits
  }

  /** `work` may run twice, where what stands beside it fails. */
  run<T>(work: (tx: Writer) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  /** Until all that was asked for is written or refused. */
  async drain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #write(): Promise<void> {
    // A turn of the event loop: requests that have arrived by then share the commit.
    for (await turn(); this.#waiting.length > 0; await turn()) {
      const batch = this.#waiting.splice(0, BATCH_LIMIT)
      if (!(await this.#commit(batch))) for (const piece of batch) await this.#alone(piece)
    }
    this.#writing = undefined
  }

  async #commit(batch: readonly Piece[]): Promise<boolean> {
    try {
      const results: unknown[] = []
      await this.#store.transaction(async (tx) => {
        for (const piece of batch) results.push(await piece.work(tx))
      })
      this.#commits += 1
      for (const [at, piece] of batch.entries()) piece.resolve(results[at] as never)
      return true
    } catch {
      return false
    }
  }

  /** One that cannot be written takes nobody with it. */
  async #alone({ work, resolve, reject }: Piece): Promise<void> {
    try {
      const result = await this.#store.transaction(work)
      this.#commits += 1
      resolve(result as never)
    } catch (error) {
      reject(error)
    }
  }
}
