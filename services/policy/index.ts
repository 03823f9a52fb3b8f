/**
 * The gate's judgement: facts in, decision out. Pure; it must not know where facts come from nor what
 * becomes of the decision.
 */
export { decide, factsDigest } from './decide.ts'
/** The set in force, as decisions name it. */
export { POLICY_SET_VERSION } from './decide.ts'
