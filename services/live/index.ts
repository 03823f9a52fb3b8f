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
export { toReleaseSpec, type ReleaseRow } from './release-spec.ts'
