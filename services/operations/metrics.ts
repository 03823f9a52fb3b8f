import type { ComplianceState } from '../live/index.ts'
import type { EventMetrics } from '../events/index.ts'
import type { AttemptRecord } from '../model/index.ts'
import type { ConcurrencyUsed } from '../runtime/index.ts'
import type { WebhookMetrics } from '../webhooks/index.ts'

/** What operations count; `http` exposes it at /metrics, by AWS's names where AWS has one (SPEC A17). */
export interface Metrics extends EventMetrics, WebhookMetrics {
  /** Decisions by outcome. */
  decision(outcome: 'allow' | 'warn' | 'deny', action: string): void
  /** AWS: SignatureValidationErrors, a deployment under Warn whose signature checks failed. */
  signatureValidationError(functionName: string): void
  /** An attempt that ended, with its REPORT line. */
  attempt(record: AttemptRecord): void
  /** An invocation was let in: by provisioned concurrency, beyond it, or where there is none. */
  concurrencyUsed(functionName: string, used: ConcurrencyUsed): void
  /** Refused for want of concurrency. */
  throttle(functionName: string): void
  /** What functions wrote and the disk did not take. */
  logLinesDropped(count: number): void
  /** Logs that went for newer ones. */
  logBytesEvicted(bytes: number): void
  /** Aliases by how they stand, as of the last look at all that is live. */
  liveVerified(
    states: Readonly<Partial<Record<ComplianceState, number>>>,
    facts: { readonly atMs: number; readonly durationMs: number },
  ): void
  /** Versions behind names that were found to violate. */
  liveViolations(count: number): void
  liveReaction(done: string): void
  /** What was taken away because nothing needs it. */
  collected(gone: {
    readonly blobs: number
    readonly prepared: number
    readonly files: number
  }): void
  /** The end of a scrub: how much was read, and how many of each are not what they should be. */
  scrubbed(found: {
    readonly atMs: number
    readonly bytes: number
    readonly damaged: number
    readonly missing: number
    readonly unreadable: number
    readonly ledger: number
    readonly prepared: number
  }): void
}

export const noMetrics: Metrics = {
  decision: () => undefined,
  signatureValidationError: () => undefined,
  attempt: () => undefined,
  concurrencyUsed: () => undefined,
  throttle: () => undefined,
  logLinesDropped: () => undefined,
  logBytesEvicted: () => undefined,
  liveVerified: () => undefined,
  liveViolations: () => undefined,
  liveReaction: () => undefined,
  collected: () => undefined,
  scrubbed: () => undefined,
  eventReceived: () => undefined,
  eventAge: () => undefined,
  eventDropped: () => undefined,
  destinationFailure: () => undefined,
  deadLetterError: () => undefined,
  recursionDropped: () => undefined,
  webhookDelivery: () => undefined,
}
