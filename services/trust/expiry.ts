import {
  toIsoTime,
  type PublisherKey,
  type SealFinding,
  type TrustedPublisher,
} from '../model/index.ts'
import type { Certificate } from './certificate.ts'
import { failed, passed } from './findings.ts'

export interface ExpiryResult {
  readonly findings: readonly SealFinding[]
  readonly expiresAtMs: number | undefined
  /** Instants after which this result changes by itself. */
  readonly changesAtMs: readonly number[]
}

/** What may say inside itself when it ends. */
interface EndingStatement {
  readonly kind: 'seal' | 'vouch'
  readonly predicate: { readonly notAfterMs?: number }
}

interface Limit {
  /** The instants at which it must hold. */
  readonly atMs: readonly number[]
  readonly reason: string
  readonly what: string
  readonly fix: string
  readonly fromMs: number | undefined
  readonly untilMs: number | undefined
}

/**
 * A seal lives to the earliest of its own `notAfter` and the publisher's signature validity, which counts from its first
 * trusted time or, for want of one, from the publisher version's creation. Keys and certificates must have been valid at
 * every trusted time; with none they must be now, and their ends are the seal's (RULES §4).
 */
export function checkExpiry(
  publisher: TrustedPublisher,
  facts: {
    readonly statement: EndingStatement | undefined
    readonly window: PublisherKey | undefined
    readonly path: readonly Certificate[]
    /** Trusted times of the signature; milliseconds. */
    readonly trustedTimesMs: readonly number[]
  },
  atMs: number,
): ExpiryResult {
  const timed = facts.trustedTimesMs.length > 0
  const signedAt = timed ? facts.trustedTimesMs : [atMs]
  const signing = [
    ofKey(publisher, facts.window, signedAt),
    ...facts.path.map((certificate) => ofCertificate(certificate, signedAt)),
  ]
  const limits = [...publisherLimits(publisher, facts, atMs), ...signing]
  const findings = limits.flatMap(checkLimit)
  // What held at a trusted time holds for ever.
  const moving = timed ? limits.filter((limit) => !signing.includes(limit)) : limits
  const ends = moving.flatMap(({ untilMs }) => (untilMs === undefined ? [] : [untilMs]))
  const starts = moving.flatMap(({ fromMs }) => (fromMs === undefined ? [] : [fromMs - 1]))
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
  facts: {
    readonly statement: EndingStatement | undefined
    readonly trustedTimesMs: readonly number[]
  },
  atMs: number,
): Limit[] {
  const what = facts.statement?.kind ?? 'seal'
  const end = facts.statement?.predicate.notAfterMs
  // The service signs that end into each seal of a managed publisher: no other need be reckoned.
  const signed = document.kind === 'managed' && end !== undefined
  const validity = signed ? undefined : document.signatureValidityMs
  const signedAtMs =
    facts.trustedTimesMs.length > 0 ? Math.min(...facts.trustedTimesMs) : createdAtMs
  return [
    {
      atMs: [atMs],
      reason: `${what}-expired`,
      what: `the ${what} (notAfter in its predicate)`,
      fix: 'sign again with a later --not-after',
      fromMs: undefined,
      untilMs: end,
    },
    {
      atMs: [atMs],
      reason: 'signature-validity',
      what: `the signature validity of the publisher \`${name}\``,
      fix: 'make a new version of the publisher and sign again',
      fromMs: undefined,
      untilMs: validity === undefined ? undefined : signedAtMs + validity,
    },
  ]
}

function ofKey(
  { name }: TrustedPublisher,
  window: PublisherKey | undefined,
  atMs: readonly number[],
): Limit {
  return {
    atMs,
    reason: 'key',
    what: `the window of the key in the publisher \`${name}\``,
    fix: 'sign with a key that is valid, or change its window in a new version of the publisher',
    fromMs: window?.notBeforeMs,
    untilMs: window?.notAfterMs,
  }
}

function ofCertificate(certificate: Certificate, atMs: readonly number[]): Limit {
  return {
    atMs,
    reason: 'certificate',
    what: `the certificate \`${certificate.name}\``,
    fix: 'sign again with a certificate that is valid',
    fromMs: certificate.notBeforeMs,
    untilMs: certificate.notAfterMs,
  }
}

function checkLimit(limit: Limit): SealFinding[] {
  const { reason, what, fix, fromMs, untilMs } = limit
  const late = limit.atMs.find((atMs) => untilMs !== undefined && atMs > untilMs)
  const early = limit.atMs.find((atMs) => fromMs !== undefined && atMs < fromMs)
  const expected = `${what} valid at ${toIsoTime(late ?? early ?? 0)}`
  if (untilMs !== undefined && late !== undefined)
    return [
      failed('expiry', reason.includes('-') ? reason : `${reason}-expired`, {
        expected,
        got: `it ended at ${toIsoTime(untilMs)}`,
        fix,
      }),
    ]
  if (fromMs !== undefined && early !== undefined)
    return [
      failed('expiry', `${reason}-not-yet-valid`, {
        expected,
        got: `it begins at ${toIsoTime(fromMs)}`,
        fix,
      }),
    ]
  return []
}
