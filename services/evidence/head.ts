import type { Hash } from '../ledger/index.ts'
import type { EvidenceScope } from './scope.ts'

/** Entries that lie in the archive as a contiguous range, and how they hang in the tree. */
export interface EvidenceRange {
  readonly first: number
  /** The first one behind it. */
  readonly end: number
  /** The complete subtrees of the tree of `first` entries, largest first. */
  readonly frontier: readonly Hash[]
  /** That the tree of `end` entries is the beginning of the checkpoint's. */
  readonly consistency: readonly Hash[]
}

/** One ledger, by its own indexes. */
export interface LedgerHead {
  readonly origin: string
  /** Of the checkpoint. */
  readonly size: number
  readonly range: EvidenceRange
}

/** A ledger that was ended, by its number: the first one of an installation is 1. */
export interface EarlierHead extends LedgerHead {
  readonly epoch: number
}

/** What an archive says of itself: claims, every one of which is held to the rest. Its own ledger is the one in force. */
export interface EvidenceHead extends LedgerHead {
  readonly scope: EvidenceScope
  readonly artifacts: boolean
  /** Those that it reaches back to, oldest first, one after the other up to the one in force. */
  readonly earlier: readonly EarlierHead[]
}
