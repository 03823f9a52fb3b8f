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
/** Authorization: may this principal do this to that; without a set the built-in table of shipped roles answers. */
export { mayDo, type AccessAnswer, type AccessFacts } from './authorization.ts'
/** What roles there are and what each gives; `exceeding` keeps anybody from granting more than he has. */
export { actionsOfRole, exceeding, knownRoles, mightDo } from './grants.ts'
/** Cases beside a policy set; throw INVALID_PARAMETER. */
export { parseAccessCases } from './authorization-cases.ts'
export { parseCases, runCases, type CaseReport, type CaseResult, type PolicyCase } from './cases.ts'
