import type { SealFinding, TrustedPublisher } from '../model/index.ts'
import { failed } from './findings.ts'

/** Whether the signature stands in enough logs. Logs count, not entries (Sigstore's clients once counted entries). */
export function checkLogThreshold(
  { document, name }: TrustedPublisher,
  logs: readonly string[],
): SealFinding[] {
  const wanted = document.thresholds?.logs ?? (document.kind === 'oidc' ? 1 : 0)
  const got = new Set(logs).size
  if (got >= wanted) return []
  return [
    failed('mismatch', 'log-threshold', {
      expected: `verified entries in ${wanted} transparency log(s) that \`${name}\` knows`,
      got: `entries in ${got}`,
      fix: 'sign with an upload to a log of the trusted root, or update the trusted root',
    }),
  ]
}
