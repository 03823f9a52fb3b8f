import { Session, type Profiler } from 'node:inspector'

/** Which blocks of our own code have run, as V8 counts them in this process. */
export class Coverage implements Disposable {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  get size(): number {
    return this.#seen.size
  }

  /** Blocks that ran since the last call and never before it. */
  fresh(): Set<string> {
    return new Set([...this.#ran()].filter((block) => !this.#seen.has(block)))
  }

  /** Those of the blocks that ran since the last call; they are known from now on. */
  keep(blocks: Set<string>): number {
    const kept = [...this.#ran()].filter((block) => blocks.delete(block))
    for (const block of kept) this.#seen.add(block)
    return kept.length
  }

  /** Known from now on, whoever made them run. */
  learn(blocks: Iterable<string>): void {
    for (const block of blocks) this.#seen.add(block)
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }

  *#ran(): Generator<string> {
    let scripts: readonly Profiler.ScriptCoverage[] = []
    // Answered before `post` returns: the session is of this thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error === null) scripts = result
    })
    for (const { scriptId, url, functions } of scripts) {
      if (!url.includes('/services/')) continue
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) yield `${scriptId}:${startOffset}:${endOffset}`
    }
  }
}
