/**
 * The gate's judgement: facts in, decision out. Pure; it must not know where facts come from nor what
 * becomes of the decision.
 */
export { decide, factsDigest } from './decide.ts'
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
export { checkPolicySet, type CheckedSet } from './set-check.ts'
export { diffPolicySets, type PolicySetDiff } from './set-diff.ts'
/** Cedar policies: parsed, validated, evaluated with errors as a no; throw INVALID_PARAMETER with every fault in `detail`. */
export {
  authorize,
  compilePolicySet,
  type Evaluation,
  type Policy,
  type PolicyFault,
  type PolicyFile,
  type PolicySet,
  type Request,
} from './cedar.ts'
/** Cases beside a policy set; throw INVALID_PARAMETER. */
export { parseCases, runCases, type CaseReport, type CaseResult, type PolicyCase } from './cases.ts'
