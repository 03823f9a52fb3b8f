import type { VerificationCache } from './cache.ts'
import type { Evidence } from './evidence.ts'
import type { KnownPublisher } from './publisher-material.ts'
import { findTimestamps } from './timestamp-witness.ts'
import type { Witnessed } from './witnessed.ts'

export type { TrustedTime, Witnessed } from './witnessed.ts'

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
