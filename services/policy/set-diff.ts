import { canonicalJson, type Json, type PolicyKind } from '../model/index.ts'
import { authorizeOr, compilePolicySet } from './cedar.ts'
import type { PolicySet } from './policy-set.ts'
import type { PolicyCase } from './cases.ts'
import { parseCasesOf, type AskedBy } from './set-check.ts'
import type { PolicySetSource } from './set-files.ts'

/** What differs between two sets, policy by policy, and what the cases of both come to under either. */
export interface PolicySetDiff {
  readonly before: string
  readonly after: string
  readonly added: readonly { readonly id: string; readonly text: string }[]
  readonly removed: readonly { readonly id: string; readonly text: string }[]
  readonly changed: readonly {
    readonly id: string
    readonly before: string
    readonly after: string
  }[]
  readonly cases: readonly CaseOutcomes[]
}

interface CaseOutcomes {
  readonly name: string
  /** `deny by sealed`; where the case does not fit the schema, why. */
  readonly before: string
  readonly after: string
  readonly moved: boolean
}

/** @throws PlatformError INVALID_PARAMETER where either does not fit the schema */
export function diffPolicySets(
  before: PolicySetSource,
  after: PolicySetSource,
  { kind, schema }: AskedBy,
): PolicySetDiff {
  const old = compilePolicySet(before.files, schema)
  const young = compilePolicySet(after.files, schema)
  const texts = (set: PolicySet, without: PolicySet) =>
    [...set.policies.values()].flatMap(({ id, text }) =>
      without.policies.has(id) ? [] : [{ id, text }],
    )
  const changed = [...old.policies.values()].flatMap(({ id, text }) => {
    const now = young.policies.get(id)?.text
    return now === undefined || now === text ? [] : [{ id, before: text, after: now }]
  })
  return {
    before: old.digest,
    after: young.digest,
    added: texts(young, old),
    removed: texts(old, young),
    changed,
    cases: casesOfBoth(kind, [before, after]).map((one) => outcomes(one, old, young)),
  }
}

/** A case that both sets bring in the same words is told once. */
function casesOfBoth(kind: PolicyKind, sources: readonly PolicySetSource[]): PolicyCase[] {
  const all = sources.flatMap(({ cases }) => (cases === null ? [] : parseCasesOf(kind, cases)))
  const distinct = new Map(
    all.map((one) => [
      canonicalJson([one.name, one.request as unknown as Json] satisfies Json),
      one,
    ]),
  )
  return [...distinct.values()]
}

function outcomes({ name, request }: PolicyCase, old: PolicySet, young: PolicySet): CaseOutcomes {
  const under = (set: PolicySet): string => {
    const answer = authorizeOr(set, request, ({ publicMessage }) => publicMessage)
    return typeof answer === 'string'
      ? answer
      : `${answer.decision} by ${answer.determining.join(', ') || 'no policy'}`
  }
  const [before, after] = [under(old), under(young)]
  return { name, before, after, moved: before !== after }
}
