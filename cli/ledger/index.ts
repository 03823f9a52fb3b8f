/** What `lacre ledger` does with checkpoints and proofs outside the service, and how it says what it found. */
/** The verbs that ask a running service: checkpoint, prove, release. */
export { configureReading } from './reading.ts'
/** Every entry and a checkpoint over them, in a file; throws LEDGER_BROKEN. */
export { exportTo } from './export.ts'
/** A proof in a file, checked offline; throws INVALID_PARAMETER where it is none. */
export { verifyProofFile } from './verify-proof.ts'
/** Reports as JSON and as text. */
export { proofJson, proofText, reportJson, reportText } from './report.ts'
