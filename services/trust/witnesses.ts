import type { Evidence } from './evidence.ts'
import type { KnownPublisher } from './publisher-material.ts'

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
  /** Present, and nobody's whom the publisher knows: named, and no time (RULES §3). */
  readonly unchecked: readonly string[]
}

/**
 * Looks at a seal's timestamps and log entries with a publisher's authorities and logs; without a publisher nothing is known.
 * @throws PlatformError INVALID_SEAL where one is by a known authority or log and does not hold
 */
export function findWitnesses(
  { timestamps, logEntries }: Evidence,
  _known: KnownPublisher | undefined,
): Witnessed {
  const unchecked = [
    ...(timestamps.length > 0
      ? [`${timestamps.length} RFC 3161 timestamp(s): no publisher has an authority`]
      : []),
    ...(logEntries.length > 0
      ? [`${logEntries.length} transparency-log entries: no publisher has a log key`]
      : []),
  ]
  return { times: [], logs: [], unchecked }
}
