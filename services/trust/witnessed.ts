import type { SealLogEntry } from '../model/index.ts'

/** An instant at which the signature existed, by somebody the publisher believes. */
export interface TrustedTime {
  readonly atMs: number
  readonly source: 'rfc3161' | 'rekor-v1'
  /** SHA-256 of the authority's key or the log's id: thresholds count these, not tokens. */
  readonly authority: string
}

/** What timestamps and log entries prove to one publisher. */
export interface Witnessed {
  readonly times: readonly TrustedTime[]
  /** Ids of the logs in which the signature verifiably stands. */
  readonly logs: readonly string[]
  readonly entries: readonly SealLogEntry[]
  /** Present, and nobody's whom the publisher knows: named, and no time (RULES §3). */
  readonly unchecked: readonly string[]
  /** Instants after which this changes by itself: a time that lies ahead, a revocation that takes effect. */
  readonly changesAtMs: readonly number[]
}
