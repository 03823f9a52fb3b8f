/** What `lacre ledger` does with checkpoints and proofs outside the service, and how it says what it found. */
/** The verbs that ask a running service: checkpoint, prove, release. */
export { configureReading } from './reading.ts'
/** The ledger, or the audit for other systems, in a file; throws LEDGER_BROKEN. */
export { LEDGER_EXPORT_HELP, exportLedger, type LedgerExportOptions } from './export.ts'
/** A proof in a file, checked offline; throws INVALID_PARAMETER where it is none. */
export { verifyProofFile } from './verify-proof.ts'
/** Reports as JSON and as text. */
export { proofJson, proofText, reportJson, reportText } from './report.ts'
