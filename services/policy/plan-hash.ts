import { canonicalJson, sha256, type Decision, type Json, type Sha256 } from '../model/index.ts'

/** What a plan is bound to (RULES §5). */
export interface PlanParts {
  /** The operation, what it is done to, and everything that tells it from another one. */
  readonly change: Json
  readonly release: Sha256 | null
  /** The world, and the revisions of what is changed: where one has moved, the plan is stale. */
  readonly revisions: Json
  readonly decisions: readonly Decision[]
}

/**
 * Two plans have one hash where they would do the same, to the same, in the same world, by the same decisions. It
 * authorizes nothing.
 */
export function planHash({ change, release, revisions, decisions }: PlanParts): Sha256 {
  const parts = { change, release, revisions, decisions: decisions.map(decided) }
  return sha256('lacre plan v1\0', canonicalJson(parts))
}

/** What was decided and by which checks; ids, times and sentences differ each time. */
function decided({ outcome, refusal, checks, policySet }: Decision): Json {
  return {
    outcome,
    refusal: refusal ?? null,
    policySet: policySet.version,
    checks: checks.map(({ rule, subject, status }) => [rule, subject, status]),
  }
}
