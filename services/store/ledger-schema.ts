/** One row, id 1, locked by each append. */
export interface LedgerHeadTable {
  id: number
  origin: string
  size: number
  /** JSON array of hex hashes: the frontier, largest subtree first. */
  frontier: string
  root: string
  last_at: number
}

export interface LedgerEntryTable {
  index: number
  leaf_hash: string
  /** Canonical JSON: the leaf. */
  body: string
}

/** Complete subtrees: level 0 are leaves. */
export interface LedgerNodeTable {
  level: number
  index: number
  hash: string
}

export interface LedgerCheckpointTable {
  size: number
  /** C2SP signed note. */
  note: string
  at: number
}

/** Ledgers that were ended, the newest with the highest epoch; the one in force has the next number. */
export interface PastLedgerTable {
  epoch: number
  origin: string
  /** How the one after it began: with a new key, or anew because this one could not be gone on with. */
  how: 'rotated' | 'recovered'
  /** What is kept of it. */
  size: number
  root: string
  /** The last checkpoint known of it, which the ledger after it quotes; a lost tail is what it covers beyond `size`. */
  checkpoint: string | null
  ended_at: number
}

export interface PastLedgerEntryTable {
  epoch: number
  index: number
  leaf_hash: string
  body: string
}

export interface PastLedgerNodeTable {
  epoch: number
  level: number
  index: number
  hash: string
}

export interface PastLedgerCheckpointTable {
  epoch: number
  size: number
  /** With the cosignatures that it had. */
  note: string
  at: number
}

/** What a witness said of a checkpoint of the ledger in force. */
export interface LedgerCosignatureTable {
  size: number
  /** Its verifier key: name, id and key. */
  witness: string
  /** The signature line, with its line feed. */
  line: string
}

export interface LedgerSchema {
  ledger_head: LedgerHeadTable
  ledger_entry: LedgerEntryTable
  ledger_node: LedgerNodeTable
  ledger_checkpoint: LedgerCheckpointTable
  past_ledger: PastLedgerTable
  past_ledger_entry: PastLedgerEntryTable
  past_ledger_node: PastLedgerNodeTable
  past_ledger_checkpoint: PastLedgerCheckpointTable
  ledger_cosignature: LedgerCosignatureTable
}
