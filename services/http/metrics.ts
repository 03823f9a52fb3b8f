import { Counter, Histogram, Registry } from 'prom-client'

import type { ErrorCode } from '../model/index.ts'
import type { Metrics } from '../operations/index.ts'

/** What the edge counts, beside what operations count. */
export interface EdgeMetrics {
  request(face: string, facts: { operation: string; status: number; durationMs: number }): void
  /** The only trace of a request whose caller is not known (RULES §6). */
  authenticationFailure(code: ErrorCode): void
}

export interface HttpMetrics extends Metrics, EdgeMetrics {
  /** Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** A registry of its own: nothing global, so that two services in one process do not meet. */
export function createMetrics(): HttpMetrics {
  const registry = new Registry()
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers: [registry] })
  const histogram = <L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [registry] })
  const requests = counter('lacre_requests_total', 'Requests answered', [
    'api',
    'operation',
    'status',
  ])
  const durations = histogram('lacre_request_seconds', 'Time to answer', ['api', 'operation'])
  const failures = counter('lacre_authentication_failures_total', 'Requests refused unknown', [
    'code',
  ])
  const decisions = counter('lacre_decisions_total', 'Decisions of the gate', ['outcome', 'action'])
  const signatures = counter(
    'lacre_signature_validation_errors_total',
    'AWS: SignatureValidationErrors',
    ['function'],
  )
  const invocations = counter('lacre_invocations_total', 'AWS: Invocations, Errors, Throttles', [
    'function',
    'outcome',
  ])
  const invocationSeconds = histogram('lacre_invocation_seconds', 'AWS: Duration', ['function'])
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    request: (api, { operation, status, durationMs }) => {
      requests.inc({ api, operation, status })
      durations.observe({ api, operation }, durationMs / 1000)
    },
    authenticationFailure: (code) => failures.inc({ code }),
    decision: (outcome, action) => decisions.inc({ outcome, action }),
    signatureValidationError: (name) => signatures.inc({ function: name }),
    invocation: (name, outcome, durationMs) => {
      invocations.inc({ function: name, outcome })
      invocationSeconds.observe({ function: name }, durationMs / 1000)
    },
  }
}
