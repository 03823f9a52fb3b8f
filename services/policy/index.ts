/**
 * The gate's judgement: facts in, decision out. Pure; it must not know where facts come from nor what
 * becomes of the decision.
 */
export { decide, factsDigest } from './decide.ts'
