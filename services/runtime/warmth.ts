import { PlatformError, type ReleaseSpec } from '../model/index.ts'

import type { Log, WarmWish } from './options.ts'
import type { Pool } from './pool.ts'

/** Keeps as many environments of a release past INIT as are wished for: starts what is missing, again what ends. */
export class Warmth {
  readonly #pool: Pool
  readonly #log: Log
  #wishes: readonly WarmWish[] = []
  /** By release: why the last start did not come up. It is tried again with the next tick. */
  readonly #failures = new Map<string, string>()

  constructor(pool: Pool, log: Log) {
    this.#pool = pool
    this.#log = log
  }

  keep(wishes: readonly WarmWish[]): void {
    this.#wishes = wishes
    this.#pool.keep(wishes)
    this.tryAgain()
  }

  tryAgain(): void {
    this.#failures.clear()
    this.topUp()
  }

  topUp(): void {
    for (const { spec, count } of this.#wishes) {
      if (this.#failures.has(nameOf(spec))) continue
      this.#pool.dropCold(spec)
      for (let there = this.#pool.of(spec).length; there < count; there += 1) void this.#start(spec)
    }
  }

  state(spec: ReleaseSpec): { readonly ready: number; readonly failure: string | undefined } {
    const ready = this.#pool.of(spec).filter((environment) => environment.ready).length
    return { ready, failure: this.#failures.get(nameOf(spec)) }
  }

  async #start(spec: ReleaseSpec): Promise<void> {
    try {
      await this.#pool.warmUp(spec)
    } catch (error) {
      this.#failures.set(
        nameOf(spec),
        error instanceof PlatformError ? error.publicMessage : 'the environment did not start',
      )
      const { functionName, version } = spec
      this.#log.warn({ functionName, version, error }, 'provisioned environment not started')
    }
  }
}

function nameOf(spec: ReleaseSpec): string {
  return `${spec.functionId} ${spec.version} ${spec.release} ${spec.decisionId}`
}
