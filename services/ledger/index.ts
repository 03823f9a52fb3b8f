/**
 * The mathematics of the Merkle log: RFC 6962 hashing and proofs, C2SP signed notes and checkpoints, and the
 * verification of entries. Pure: no I/O, no clock, no private key.
 */
/** RFC 6962 hashing, and appending with nothing but the frontier. */
export {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  appendLeaf,
  frontierNodes,
  isFrontier,
  leafHash,
  nodeHash,
  nodesOver,
  rootOf,
  type Appended,
  type Frontier,
  type Hash,
  type TreeNode,
} from './merkle.ts'
/** Proofs: made from a reader of complete subtrees, verified from their claim alone. */
export {
  consistencyProof,
  inclusionProof,
  subtreeHash,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
  type ConsistencyClaim,
  type InclusionClaim,
  type NodeReader,
  type SubtreeConsistencyClaim,
} from './proofs.ts'
/** C2SP signed-note, Ed25519; throws INVALID_PARAMETER where text is no note or no key. */
export {
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  isSignedBy,
  noteKey,
  parseNote,
  parseVerifierKey,
  type KeyType,
  type NoteKey,
  type NoteSignature,
  type SignedNote,
} from './signed-note.ts'
/** C2SP tlog-checkpoint; throws INVALID_PARAMETER. */
export {
  formatCheckpoint,
  parseCheckpoint,
  parseCheckpointText,
  type Checkpoint,
  type SignedCheckpoint,
} from './checkpoint.ts'
/** What an entry says of a row: its digest. */
export { rowDigest, type Row } from './row-digest.ts'
/** C2SP tlog-cosignature (Ed25519): what a witness says of a checkpoint. */
export { cosignedAt, cosignedText, encodeCosignature } from './cosignature.ts'
/** C2SP tlog-witness: what it is asked with; throws INVALID_PARAMETER. */
export { formatAddCheckpoint, parseAddCheckpoint, type AddCheckpoint } from './add-checkpoint.ts'
/** C2SP tlog-proof: an entry with its way to a signed root; throws INVALID_PARAMETER. */
export { formatTlogProof, isTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.ts'
/** C2SP tlog-tiles, cut out of whatever holds the tree. */
export {
  TILE_HEIGHT,
  TILE_WIDTH,
  cutTile,
  parseTilePath,
  type TilePlace,
  type TileRows,
} from './tiles.ts'
/** The entry as CONTRACTS has it; undefined where bytes are not the canonical form of one. */
export {
  LEDGER_BEGUN,
  LEDGER_SUCCEEDED,
  parseEntry,
  type EntryChange,
  type LedgerEntry,
} from './entry.ts'
/** Verification of entries against checkpoints: every edited, dropped, swapped or cut-off entry is a finding. */
export {
  LedgerWalk,
  verifyEntries,
  type LedgerFinding,
  type LedgerReport,
  type PastLedgerReport,
  type VerifyEntriesOptions,
} from './verify-entries.ts'
/** An entry as others take it: CloudEvents, OCSF, CSV; a text to each. */
export {
  entryEventId,
  toCloudEvent,
  toNotification,
  type EntryContext,
} from './formats/cloud-event.ts'
export { CSV_HEADER, toCsv } from './formats/csv.ts'
export { OCSF_VERSION, toOcsf } from './formats/ocsf.ts'
