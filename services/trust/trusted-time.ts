/** An instant at which the signature existed, by somebody the publisher believes. */
export interface TrustedTime {
  readonly atMs: number
  readonly source: 'rfc3161' | 'rekor-v1'
  /** SHA-256 of the authority's key or the log's id: thresholds count these, not tokens. */
  readonly authority: string
}
