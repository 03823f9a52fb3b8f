import { PlatformError, type Facts } from '../model/index.ts'
import {
  authorize,
  compilePolicySet,
  decide,
  policySetVersion,
  remembering,
  worstOf,
  type PolicyFile,
  type PolicyInForce,
} from '../policy/index.ts'
import type { DecidedFacts } from './plan-evaluator.ts'
import { serveTasks } from './serve-tasks.ts'

/** One thread evaluates one set; it ends with its plan, since the engine cannot drop a set that it holds. */
let policies: PolicyInForce | undefined
const ask = remembering(authorize)

serveTasks({ use, compile, decide: decideAll })

function use(inForce: PolicyInForce): string {
  policies = inForce
  return policySetVersion(inForce)
}

function compile(candidate: {
  readonly name: string
  readonly files: readonly PolicyFile[]
  readonly schema: string | undefined
}): string {
  return use({
    name: candidate.name,
    set: compilePolicySet(candidate.files, candidate.schema),
  })
}

function decideAll(facts: readonly Facts[]): DecidedFacts[] {
  const { set, name } = policies ?? {}
  if (set === undefined || name === undefined)
    throw new PlatformError('INTERNAL', 'facts came before the policies')
  return facts.map((one) => {
    const { outcome, checks } = decide(one, 'dec-planned', { set, name }, ask)
    return {
      outcome,
      verdict: worstOf(one.subjects.map(({ verdict }) => verdict.kind)),
      checks: checks.filter(({ status }) => status === 'failed' || status === 'warned'),
    }
  })
}
