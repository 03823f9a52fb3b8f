import { toIsoTime } from '../model/index.ts'
import type { Evidence } from './evidence.ts'
import type { KnownPublisher } from './publisher-material.ts'
import type { EvidenceContext } from './signer.ts'
import { findLogEntries } from './sigstore/log-witness.ts'
import { findTimestamps } from './timestamp-witness.ts'
import type { Witnessed } from './witnessed.ts'

export type { TrustedTime, Witnessed } from './witnessed.ts'

/** How far an authority's clock may run before ours; what lies farther ahead is no time yet. */
const CLOCK_SKEW_MS = 300_000

/**
 * Looks at a seal's timestamps and log entries with a publisher's authorities and logs; without a publisher nothing is known.
 * @throws PlatformError INVALID_SEAL where one is by a known authority or log and does not hold
 */
export function findWitnesses(
  evidence: Evidence,
  known: KnownPublisher | undefined,
  { input, cache }: EvidenceContext,
): Witnessed {
  const stamped = findTimestamps(evidence, known?.authorities ?? [], { input, cache })
  const stampedMs = stamped.times.map(({ atMs }) => atMs)
  const logged = findLogEntries(evidence.logEntries, evidence.logged, {
    root: known?.trustedRoot,
    timesMs: stampedMs,
    atMs: input.atMs,
    cache,
  })
  const { entries } = logged
  const integrated = entries.flatMap(({ integratedTimeMs: atMs, logId }) =>
    atMs === undefined ? [] : [{ atMs, source: 'rekor-v1' as const, authority: logId }],
  )
  const times = [...stamped.times, ...integrated]
  const ahead = times.filter(({ atMs }) => atMs > input.atMs + CLOCK_SKEW_MS)
  return {
    times: times.filter((time) => !ahead.includes(time)),
    logs: [...new Set(entries.map(({ logId }) => logId))],
    entries,
    unchecked: [
      ...stamped.unchecked,
      ...logged.unchecked,
      ...ahead.map(({ source, atMs }) => `a ${source} time that lies ahead: ${toIsoTime(atMs)}`),
    ],
    changesAtMs: [
      ...stamped.changesAtMs,
      ...logged.changesAtMs,
      ...ahead.map(({ atMs }) => atMs - CLOCK_SKEW_MS - 1),
    ],
  }
}
