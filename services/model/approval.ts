import type { Sha256 } from './digest.ts'

/** What one release gets of an alias's calls. */
export interface Share {
  readonly version: string
  readonly release: Sha256
  /** 0 < weight <= 1. */
  readonly weight: number
}

/** What an alias move makes of the alias, by releases: what approvals and exceptions are compared with. */
export interface MoveFacts {
  readonly functionName: string
  readonly alias: string
  /** Everything that the alias would reach. */
  readonly reaches: readonly Share[]
  /** Those of them that get more calls than they had since they came into the alias. */
  readonly raises: readonly Share[]
  /** Releases that the alias reaches now and would reach no more. */
  readonly leaves: readonly Sha256[]
}

/** One "yes", with what decides whether it counts. Times are RFC 3339. */
export interface ApproverFacts {
  /** The owner's id, never that of an access key. */
  readonly principal: string
  readonly kind: 'user' | 'workload' | 'system'
  readonly approvedAt: string
  readonly createdAt: string
  /** Since when he has had a role that approves; `null` where he has none now. */
  readonly roleSince: string | null
}

/** A request for approval that names this very change, with the approvals not taken back. */
export interface ApprovalFacts extends Share {
  readonly id: string
  readonly functionName: string
  readonly alias: string
  /** Who may use it. */
  readonly requester: string
  readonly openedAt: string
  readonly expiresAt: string
  readonly approvers: readonly ApproverFacts[]
}

/** Whom a trusted seal leads to: empty where nobody said whose the signer is. */
export interface SignerOwnerFacts {
  /** The ARN of the function or layer that is sealed. */
  readonly subject: string
  /** SignerIdentity.id. */
  readonly signer: string
  readonly owners: readonly string[]
}

/** What break-glass may waive: the admission policies, or one of the code signing config's checks. Integrity is none. */
export const EXCEPTION_SCOPES = ['policy', 'mismatch', 'expiry', 'revocation'] as const
export type ExceptionScope = (typeof EXCEPTION_SCOPES)[number]

/** From when to when a granted exception holds, milliseconds. */
export interface ExceptionTimes {
  readonly grantedAtMs: number | null
  readonly untilMs: number | null
  readonly endedAtMs: number | null
}

/** A granted exception for one release in one alias. */
export interface ExceptionFacts extends ExceptionTimes {
  readonly id: string
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: Sha256
  readonly scope: readonly ExceptionScope[]
  readonly requester: string
  readonly second: string
}

/** How long a request for approval stays open where nothing else is said, and at most. */
export const APPROVAL_DEFAULT_MS = 24 * 3_600_000
export const APPROVAL_LIMIT_MS = 7 * 24 * 3_600_000
/** Requests for approval that one requester may have open. */
export const OPEN_REQUESTS_LIMIT = 100
/** RULES §5: an exception lasts at most this long, whatever an installation sets. */
export const BREAK_GLASS_LIMIT_MS = 24 * 3_600_000
/** A request for break-glass that nobody granted in this time is none any more. */
export const BREAK_GLASS_GRANT_WINDOW_MS = 4 * 3_600_000

/**
 * Whether a granted exception holds at an instant: from the grant on, up to but without `until`, unless it was ended
 * before. The one answer for the gate, for whoever judges what is live, and for what people are shown.
 */
export function isInForce(exception: ExceptionTimes, atMs: number): boolean {
  const { grantedAtMs, untilMs, endedAtMs } = exception
  if (grantedAtMs === null || untilMs === null) return false
  return grantedAtMs <= atMs && atMs < untilMs && (endedAtMs === null || atMs < endedAtMs)
}

const MILLIONTHS = 1_000_000

/** Weights are compared by the millionth: 1 - 0.9 is no other share than 0.1. */
export function sameWeight(a: number, b: number): boolean {
  return Math.round(a * MILLIONTHS) === Math.round(b * MILLIONTHS)
}

/** What is left of an alias's calls beside its second version. */
export function restOf(weight: number): number {
  return Math.round((1 - weight) * MILLIONTHS) / MILLIONTHS
}
