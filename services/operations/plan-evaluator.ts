import { compiledUrl, type Facts } from '../model/index.ts'
import type { JudgedSide, PolicyFile } from '../policy/index.ts'
import type { Deps } from './context.ts'
import { Offload } from './offload.ts'

export type DecidedFacts = Pick<JudgedSide, 'outcome' | 'verdict' | 'checks'>

/** Each holds the set; one plan shares what the machine has with everything else. */
const THREADS = 2

/** Evaluates facts in threads of its own, by the set in force or by one that is only supposed. */
export class PlanEvaluator implements AsyncDisposable {
  readonly #threads = Array.from(
    { length: THREADS },
    () => new Offload(compiledUrl(import.meta.url, './plan-worker.js'), 1),
  )

  /** The set that decides: read in this one place. */
  async useInForce(deps: Deps): Promise<string> {
    return await this.#version('use', await deps.policies.deciding(deps.store.reader))
  }

  /** A candidate, held against the schema of the set in force. @throws PlatformError INVALID_PARAMETER with every fault */
  async useCandidate(deps: Deps, files: readonly PolicyFile[]): Promise<string> {
    const { schema } = deps.policies.shipped('admission')
    return await this.#version('compile', { name: 'candidate', files, schema })
  }

  async decide(facts: readonly Facts[]): Promise<readonly DecidedFacts[]> {
    const share = Math.ceil(facts.length / THREADS)
    const decided = await Promise.all(
      this.#threads.map(async (thread, at) => {
        const own = facts.slice(at * share, (at + 1) * share)
        if (own.length === 0) return []
        return (await thread.run('decide', own)) as readonly DecidedFacts[]
      }),
    )
    return decided.flat()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()))
  }

  async #version(task: string, argument: unknown): Promise<string> {
    const versions = await Promise.all(
      this.#threads.map((thread) => thread.run(task, argument) as Promise<string>),
    )
    return versions[0] ?? ''
  }
}
