/**
 * The live set: exactly what can be invoked now (RULES, Words), what could be then, and the frozen snapshot
 * the warm path reads. It judges nothing and knows no HTTP.
 */
export { LiveSet, type Resolution } from './live-set.ts'
export type { LiveCors, LiveUrl } from './urls.ts'
export type { LedgerPosition } from './intervals.ts'
/** What an alias held, with the seals of then: what floors and promotion are computed from. */
export { aliasIntervals, sealedIntervals, type AliasInterval } from './alias-intervals.ts'
export type { LiveRow } from './table.ts'
/** What is live without the documents behind it, and those of a few. */
export {
  countStates,
  livePlaces,
  liveRowsOf,
  type LivePlace,
  type OutlineAsked,
  type PlacesAsked,
} from './outline.ts'
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
/** What was live then, slot by slot, and the intervals behind it. */
export { slotsThen, type SlotKey, type SlotThen, type SlotsAsked } from './slots.ts'
export { holdsTheSame, intervalsById, type HeldInterval } from './held.ts'
/** When a function's live set changed, and what ended and began then. */
export { momentsOf, newestFirst, turnAt, type Moment, type Turn } from './moments.ts'
/** Where a digest, a layer or a publisher is live, or was. */
export {
  intervalsOf,
  publishersBehind,
  type LiveTerm,
  type TermPage,
  type TermPosition,
} from './terms.ts'
