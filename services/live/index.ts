/**
 * The live set: exactly what can be invoked now (RULES, Words), what could be then, and the frozen snapshot
 * the warm path reads. It judges nothing and knows no HTTP.
 */
export { LiveSet, type Resolution } from './live-set.ts'
export type { LiveCors, LiveUrl } from './urls.ts'
export type { LedgerPosition } from './intervals.ts'
/** What an alias held, with the seals of then: what floors and promotion are computed from. */
export { aliasIntervals, type AliasInterval } from './alias-intervals.ts'
export type { LiveRow } from './table.ts'
/** How each thing that is live stands, with what was done about it. */
export {
  COMPLIANCE_STATES,
  complianceOf,
  readStanding,
  stateOf,
  type Compliance,
  type ComplianceState,
  type Standing,
} from './compliance.ts'
/** What is found of what is live, by interval: as it holds, and as it was known (bitemporal). */
export {
  lastVerification,
  openVerdicts,
  recordVerdicts,
  recordVerification,
  verdictsAt,
  type LiveVerdict,
  type NewVerdict,
  type Verification,
} from './verdicts.ts'
export { toReleaseSpec, type ReleaseRow } from './release-spec.ts'
