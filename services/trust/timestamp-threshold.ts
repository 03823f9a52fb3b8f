import type { SealFinding, TrustedPublisher } from '../model/index.ts'
import { failed } from './findings.ts'
import type { TrustedTime } from './witnessed.ts'

/**
 * Whether enough authorities gave the seal a time. Authorities count, not tokens: sigstore-rust once took one good
 * time for several.
 */
export function checkTimestampThreshold(
  { document, name }: TrustedPublisher,
  times: readonly TrustedTime[],
): SealFinding[] {
  const wanted = document.thresholds?.timestamps ?? (document.kind === 'oidc' ? 1 : 0)
  const got = new Set(times.map(({ authority }) => authority)).size
  if (got >= wanted) return []
  return [
    failed('mismatch', 'timestamp-threshold', {
      expected: `trusted times of ${wanted} different authorities of \`${name}\``,
      got: `trusted times of ${got}`,
      fix: 'sign with --timestamp-server-url for each authority that the publisher names',
    }),
  ]
}
