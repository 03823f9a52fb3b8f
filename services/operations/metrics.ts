import type { EventMetrics } from '../events/index.ts'

/** What operations count; `http` exposes it at /metrics, by AWS's names where AWS has one (SPEC A17). */
export interface Metrics extends EventMetrics {
  /** Decisions by outcome. */
  decision(outcome: 'allow' | 'warn' | 'deny', action: string): void
  /** AWS: SignatureValidationErrors, a deployment under Warn whose signature checks failed. */
  signatureValidationError(functionName: string): void
  invocation(
    functionName: string,
    outcome: 'success' | 'error' | 'throttle',
    durationMs: number,
  ): void
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
    readonly ledger: number
    readonly prepared: number
  }): void
}

export const noMetrics: Metrics = {
  decision: () => undefined,
  signatureValidationError: () => undefined,
  invocation: () => undefined,
  collected: () => undefined,
  scrubbed: () => undefined,
  eventReceived: () => undefined,
  eventAge: () => undefined,
  eventDropped: () => undefined,
  destinationFailure: () => undefined,
  deadLetterError: () => undefined,
  recursionDropped: () => undefined,
}
