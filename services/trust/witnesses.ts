import type { VerificationCache } from './cache.ts'
import type { Evidence } from './evidence.ts'
import type { KnownPublisher } from './publisher-material.ts'
import { findTimestamps } from './timestamp-witness.ts'

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
  evidence: Evidence,
  known: KnownPublisher | undefined,
  cache: VerificationCache,
): Witnessed {
  const { logEntries } = evidence
  const stamped = findTimestamps(evidence, known?.authorities ?? [], cache)
  const unchecked = [
    ...stamped.unchecked,
    ...(logEntries.length > 0
      ? [`${logEntries.length} transparency-log entries: no publisher has a log key`]
      : []),
  ]
  return { times: stamped.times, logs: [], unchecked }
}
