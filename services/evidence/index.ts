/**
 * Evidence of what was live in an alias: what an archive holds, what follows from it for people to read, and its
 * verification, offline. Pure: bytes in, verdict out; it knows no store, no net, no clock and no private key.
 */
/** Verifies an archive; throws nothing for a bad one, findings say what does not fit. */
export {
  verifyEvidence,
  type EvidenceTold,
  type EvidenceVerdict,
  type VerifyEvidenceOptions,
} from './verify.ts'
export type { Believed, LedgerTold } from './verify-links.ts'
export type { EvidenceFinding, EvidenceFindingKind } from './findings.ts'
export type { PinnedTrust } from './verify-seals.ts'
/** What an archive is asked about, and which entries and rows belong to it. */
export {
  ENTRY_MODES,
  EVIDENCE_TABLES,
  LASTING_TABLES,
  isOwn,
  isWhole,
  type EntryMode,
  type EvidenceScope,
} from './scope.ts'
/** The manifest; throws INVALID_PARAMETER. */
export { LEDGERS_LIMIT, PATHS, formatManifest, parseManifest, type Manifest } from './manifest.ts'
export type { EarlierHead, EvidenceHead, EvidenceRange } from './head.ts'
/** The files and their paths; throws INVALID_PARAMETER. */
export {
  artifactPath,
  attestationPath,
  decisionPath,
  readContents,
  schemaPath,
  sealPath,
  setPath,
  type EvidenceContents,
  type EvidenceRow,
} from './contents.ts'
/** One ledger of it, and where its files lie. */
export { entryPath, folderOf, placed, proofPath } from './ledgers.ts'
/** What the first entry of a ledger says of the one before. */
export { linkOf, type Link } from './links.ts'
/** Entries of several ledgers, counted through. */
export { edgeOf, placeOf, rangeIn, type PlaceRange } from './places.ts'
/** What people and other tools read, made from the rest. */
export { derivedFiles } from './derived.ts'
export { buildReport, type EvidenceReport } from './report.ts'
/** Text as a page shows it. */
export { escapeHtml } from './report-html.ts'
