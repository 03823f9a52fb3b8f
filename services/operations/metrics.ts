import type { EventMetrics } from '../events/index.ts'
import type { WebhookMetrics } from '../webhooks/index.ts'

/** What operations count; `http` exposes it at /metrics, by AWS's names where AWS has one (SPEC A17). */
export interface Metrics extends EventMetrics, WebhookMetrics {
  /** Decisions by outcome. */
  decision(outcome: 'allow' | 'warn' | 'deny', action: string): void
  /** AWS: SignatureValidationErrors, a deployment under Warn whose signature checks failed. */
  signatureValidationError(functionName: string): void
  invocation(
    functionName: string,
    outcome: 'success' | 'error' | 'throttle',
    durationMs: number,
  ): void
}

export const noMetrics: Metrics = {
  decision: () => undefined,
  signatureValidationError: () => undefined,
  invocation: () => undefined,
  eventReceived: () => undefined,
  eventAge: () => undefined,
  eventDropped: () => undefined,
  destinationFailure: () => undefined,
  deadLetterError: () => undefined,
  recursionDropped: () => undefined,
  webhookDelivery: () => undefined,
}
