import { compiledUrl, type Facts } from '../model/index.ts'
import type { JudgedSide, PolicyFile, PolicyInForce } from '../policy/index.ts'
import type { Deps } from './context.ts'
import { Offload } from './offload.ts'

export type DecidedFacts = Pick<JudgedSide, 'outcome' | 'verdict' | 'checks'>

/** Evaluates facts in a thread of its own, by the set in force or by one that is only supposed. */
export class PlanEvaluator implements AsyncDisposable {
  readonly #offload = new Offload(compiledUrl(import.meta.url, './plan-worker.js'), 1)

  /** The set in force: read in this one place. */
  async useInForce(deps: Deps): Promise<string> {
    return await this.#version('use', inForce(deps))
  }

  /** A candidate, held against the schema of the set in force. @throws PlatformError INVALID_PARAMETER with every fault */
  async useCandidate(deps: Deps, files: readonly PolicyFile[]): Promise<string> {
    const { schema } = inForce(deps).set
    return await this.#version('compile', { name: 'candidate', files, schema })
  }

  async decide(facts: readonly Facts[]): Promise<readonly DecidedFacts[]> {
    if (facts.length === 0) return []
    return (await this.#offload.run('decide', facts)) as readonly DecidedFacts[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#offload[Symbol.asyncDispose]()
  }

  async #version(task: string, argument: unknown): Promise<string> {
    return (await this.#offload.run(task, argument)) as string
  }
}

function inForce({ policies }: Deps): PolicyInForce {
  return policies
}
