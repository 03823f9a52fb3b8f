/**
 * The gate's judgement: facts in, decision out. Pure; it must not know where facts come from nor what
 * becomes of the decision.
 */
export { checksOf, decide, factsDigest } from './decide.ts'
/** What a plan is bound to: the same change, in the same world, by the same decisions. */
export { planHash, type PlanParts } from './plan-hash.ts'
/** What a change does to something that is live. */
export {
  compareSides,
  worstOf,
  type EffectFound,
  type EffectKind,
  type EffectSide,
  type JudgedSide,
} from './plan-effects.ts'
/** The admission set in force, as decisions name it. */
export { isUsable, policySetVersion, type PolicyInForce, type UnusableSet } from './in-force.ts'
/** Sets as they are written and kept; throw INVALID_PARAMETER. */
export {
  CASES_FILE,
  parseSetDocument,
  parseYaml,
  readSetFiles,
  toSetDocument,
  type PolicySetSource,
} from './set-files.ts'
/** A set before it is put in force, and two sets beside each other; throw INVALID_PARAMETER. */
export { checkPolicySet, parseCasesOf, type AskedBy, type CheckedSet } from './set-check.ts'
export { diffPolicySets, type PolicySetDiff } from './set-diff.ts'
/** Cedar policies: parsed, validated, evaluated with errors as a no; throw INVALID_PARAMETER with every fault in `detail`. */
export { authorize, compilePolicySet } from './cedar.ts'
export type {
  Evaluation,
  Policy,
  PolicyFault,
  PolicyFile,
  PolicySet,
  Request,
} from './policy-set.ts'
/** For whoever supposes much at a time. */
export { remembering, type Ask } from './remembering.ts'
/** Authorization: may this principal do this to that; without a set the built-in table of shipped roles answers. */
export { mayDo, type AccessAnswer, type AccessFacts } from './authorization.ts'
/** What roles there are and what each gives; `exceeding` keeps anybody from granting more than he has. */
export { actionsOfRole, exceeding, knownRoles, lacking, mightDo, readsTag } from './grants.ts'
/** Cases beside a policy set; throw INVALID_PARAMETER. */
export { parseAccessCases } from './authorization-cases.ts'
export { parseCases, runCases, type CaseReport, type CaseResult, type PolicyCase } from './cases.ts'
/** Freeze windows by the wall clock of their zone. */
export { freezeAt, freezeEnd, type Freezing } from './freeze.ts'
export { dayNumber, isTimeZone } from './wall-clock.ts'
/** Patterns of functions and aliases. */
export { coversPlace, isScope } from './scope.ts'
/** Floors, and how long a release was wholly live: computed from rows and the clock. */
export { floorsAfterRevocation, floorsAt, nextFloorRise, type FloorGround } from './floor.ts'
export { soakedMs, stretchesOf } from './soak.ts'
/** What the judgement of what is live comes to, and since when. */
export { findingOf, unjudged, violatingSince } from './live-finding.ts'
/** What a move away from a violation is spared, and what a version alone violates (RULES, promise P5). */
export { JUDGED_ALONE, isWaivable, violations } from './waivable.ts'
