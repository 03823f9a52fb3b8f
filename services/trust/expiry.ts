import {
  toIsoTime,
  type PublisherKey,
  type SealFinding,
  type TrustedPublisher,
} from '../model/index.ts'
import type { SealPredicate } from '../seal/index.ts'
import type { Certificate } from './certificate.ts'
import { failed, passed } from './findings.ts'

export interface ExpiryResult {
  readonly findings: readonly SealFinding[]
  readonly expiresAtMs: number | undefined
  /** Instants after which this result changes by itself. */
  readonly changesAtMs: readonly number[]
}

interface Limit {
  readonly reason: string
  readonly what: string
  readonly fix: string
  readonly fromMs: number | undefined
  readonly untilMs: number | undefined
}

/**
 * A seal lives to the earliest of its own `notAfter`, the publisher's signature validity, the key's window and
 * every certificate's (RULES §4). No trusted time is known in this version, so validity counts from the publisher
 * version's creation and certificates are checked now.
 */
export function checkExpiry(
  publisher: TrustedPublisher,
  facts: {
    readonly predicate: SealPredicate | undefined
    readonly window: PublisherKey | undefined
    readonly path: readonly Certificate[]
  },
  atMs: number,
): ExpiryResult {
  const limits = [
    ...publisherLimits(publisher, facts.predicate, facts.window),
    ...facts.path.map(ofCertificate),
  ]
  const findings = limits.flatMap((limit) => checkLimit(limit, atMs))
  const ends = limits.flatMap(({ untilMs }) => (untilMs === undefined ? [] : [untilMs]))
  const starts = limits.flatMap(({ fromMs }) => (fromMs === undefined ? [] : [fromMs - 1]))
  const expiresAtMs = ends.length === 0 ? undefined : Math.min(...ends)
  const until = expiresAtMs === undefined ? 'without an end' : `until ${toIsoTime(expiresAtMs)}`
  return {
    findings:
      findings.length > 0
        ? findings
        : [passed('expiry', `a seal that is valid at ${toIsoTime(atMs)}`, `valid ${until}`)],
    expiresAtMs,
    changesAtMs: [...ends, ...starts],
  }
}

function publisherLimits(
  { document, createdAtMs, name }: TrustedPublisher,
  predicate: SealPredicate | undefined,
  window: PublisherKey | undefined,
): Limit[] {
  const validity = document.signatureValidityMs
  return [
    {
      reason: 'seal-expired',
      what: 'the seal (notAfter in its predicate)',
      fix: 'sign again with a later --not-after',
      fromMs: undefined,
      untilMs: predicate?.notAfterMs,
    },
    {
      reason: 'signature-validity',
      what: `the signature validity of the publisher \`${name}\``,
      fix: 'make a new version of the publisher and sign again',
      fromMs: undefined,
      untilMs: validity === undefined ? undefined : createdAtMs + validity,
    },
    {
      reason: 'key',
      what: `the window of the key in the publisher \`${name}\``,
      fix: 'sign with a key that is valid, or change its window in a new version of the publisher',
      fromMs: window?.notBeforeMs,
      untilMs: window?.notAfterMs,
    },
  ]
}

function ofCertificate(certificate: Certificate): Limit {
  return {
    reason: 'certificate',
    what: `the certificate \`${certificate.subjectText}\``,
    fix: 'sign again with a certificate that is valid',
    fromMs: certificate.notBeforeMs,
    untilMs: certificate.notAfterMs,
  }
}

function checkLimit({ reason, what, fix, fromMs, untilMs }: Limit, atMs: number): SealFinding[] {
  const expected = `${what} valid at ${toIsoTime(atMs)}`
  if (untilMs !== undefined && atMs > untilMs)
    return [
      failed('expiry', reason.includes('-') ? reason : `${reason}-expired`, {
        expected,
        got: `it ended at ${toIsoTime(untilMs)}`,
        fix,
      }),
    ]
  if (fromMs !== undefined && atMs < fromMs)
    return [
      failed('expiry', `${reason}-not-yet-valid`, {
        expected,
        got: `it begins at ${toIsoTime(fromMs)}`,
        fix,
      }),
    ]
  return []
}
