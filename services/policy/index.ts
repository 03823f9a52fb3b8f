/**
 * The gate's judgement: facts in, decision out. Pure; it must not know where facts come from nor what
 * becomes of the decision.
 */
export { decide, factsDigest } from './decide.ts'
/** The admission set in force, as decisions name it. */
export { policySetVersion, type PolicyInForce } from './in-force.ts'
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
/** Freeze windows by the wall clock of their zone. */
export { freezeAt, type Freezing } from './freeze.ts'
export { dayNumber, isTimeZone } from './wall-clock.ts'
