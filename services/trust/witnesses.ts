import type { Evidence } from './evidence.ts'
import type { KnownPublisher } from './publisher-material.ts'
import type { EvidenceContext } from './signer.ts'
import { findLogEntries } from './sigstore/log-witness.ts'
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
  { input, cache }: EvidenceContext,
): Witnessed {
  const stamped = findTimestamps(evidence, known?.authorities ?? [], cache)
  const stampedMs = stamped.times.map(({ atMs }) => atMs)
  const logged = findLogEntries(evidence.logEntries, evidence.logged, {
    root: known?.trustedRoot,
    timesMs: stampedMs.length > 0 ? stampedMs : [input.atMs],
    cache,
  })
  const { entries } = logged
  const integrated = entries.flatMap(({ integratedTimeMs: atMs, logId }) =>
    atMs === undefined ? [] : [{ atMs, source: 'rekor-v1' as const, authority: logId }],
  )
  return {
    times: [...stamped.times, ...integrated],
    logs: [...new Set(entries.map(({ logId }) => logId))],
    entries,
    unchecked: [...stamped.unchecked, ...logged.unchecked],
  }
}
