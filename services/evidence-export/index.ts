/**
 * Evidence out of a running service: gathers what an archive holds from the store, in one snapshot, and writes it as a
 * zip. What belongs into it is said by `evidence`; who may have it is decided by whoever calls.
 */
/** Gathers in one snapshot; throws FUNCTION_NOT_FOUND, INVALID_PARAMETER (too much for one archive), LEDGER_BROKEN. */
export { gatherEvidence, type EvidenceParts, type Gathered } from './gather.ts'
/** Writes what was gathered, under a checkpoint signed since; throws OUT_OF_SPACE, INVALID_PARAMETER (too large). */
export { writeEvidence, type WriteParts } from './write.ts'
export { saysOtherwise } from './rows.ts'
