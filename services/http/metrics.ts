import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { AdmissionClass } from './admission-class.ts'
import type { Admission } from './admission.ts'
import {
  functionLabels,
  functionMetrics,
  runningGauges,
  type RunningGauges,
} from './function-metrics.ts'
import { COMPLIANCE_STATES } from '../live/index.ts'
import type { ErrorCode } from '../model/index.ts'
import type { EventMetrics, Metrics, OutboxGauges } from '../operations/index.ts'
import type { InvocationReading } from './invocation-readings.ts'

/** What the edge counts, beside what operations count. */
export interface EdgeMetrics {
  request(face: string, facts: { operation: string; status: number; durationMs: number }): void
  /** The only trace of a request whose caller is not known (RULES §6). */
  authenticationFailure(code: ErrorCode): void
}

/** What became of spans that were to be handed to a collector. */
export interface SpanMetrics {
  spansExported(count: number): void
  spansDropped(count: number, reason: string): void
}

export interface HttpMetrics extends Metrics, EdgeMetrics, SpanMetrics {
  /** Says how what webhooks wait for is read, at each scrape. */
  watchOutbox(read: () => Promise<OutboxGauges>): void
  /** One more request that was not let in. */
  admissionRefused(kind: AdmissionClass): void
  /** Says how what was let in and what waits is read, at each scrape. */
  watchAdmission(read: Admission['readings']): void
  /** Says how what runs now is read, at each scrape. */
  watchRunning(read: () => RunningGauges): void
  /** Of each function, since the service started. */
  invocations(): Promise<readonly InvocationReading[]>
  /** Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
}

type MakeCounter = <L extends string>(name: string, help: string, labels: L[]) => Counter<L>
type MakeGauge = <L extends string>(name: string, help: string, labels: L[]) => Gauge<L>
type MakeHistogram = <L extends string>(
  name: string,
  help: string,
  labels: L[],
  buckets?: readonly number[],
) => Histogram<L>

/** Up to the six hours that AWS keeps an event for. */
const AGE_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 120, 300, 900, 3_600, 10_800, 21_600]

function eventMetrics(
  counter: MakeCounter,
  histogram: MakeHistogram,
  labelOf: (name: string) => string,
): EventMetrics {
  const received = counter('lacre_async_events_received_total', 'AWS: AsyncEventsReceived', [
    'function',
  ])
  const ages = histogram(
    'lacre_async_event_age_seconds',
    'AWS: AsyncEventAge, when a try begins',
    ['function'],
    AGE_SECONDS,
  )
  const dropped = counter('lacre_async_events_dropped_total', 'AWS: AsyncEventsDropped', [
    'function',
    'condition',
  ])
  const destinations = counter(
    'lacre_destination_delivery_failures_total',
    'AWS: DestinationDeliveryFailures',
    ['function'],
  )
  const deadLetters = counter('lacre_dead_letter_errors_total', 'AWS: DeadLetterErrors', [
    'function',
  ])
  const loops = counter(
    'lacre_recursive_invocations_dropped_total',
    'AWS: RecursiveInvocationsDropped',
    ['function'],
  )
  return {
    eventReceived: (name) => received.inc({ function: labelOf(name) }),
    eventAge: (name, ageMs) => ages.observe({ function: labelOf(name) }, ageMs / 1000),
    eventDropped: (name, condition) => dropped.inc({ function: labelOf(name), condition }),
    destinationFailure: (name) => destinations.inc({ function: labelOf(name) }),
    deadLetterError: (name) => deadLetters.inc({ function: labelOf(name) }),
    recursionDropped: (name) => loops.inc({ function: labelOf(name) }),
  }
}

type LiveMetrics = Pick<Metrics, 'liveVerified' | 'liveViolations' | 'liveReaction'>

function liveMetrics(
  registry: Registry,
  counter: MakeCounter,
  histogram: MakeHistogram,
): LiveMetrics {
  const registers = [registry]
  const aliases = new Gauge({
    name: 'lacre_live_aliases',
    help: 'Aliases by how they stand, as of the last look at all that is live',
    labelNames: ['state'],
    registers,
  })
  const verified = new Gauge({
    name: 'lacre_live_verified_timestamp_seconds',
    help: 'When all that is live was judged last',
    registers,
  })
  const durations = histogram('lacre_live_verification_seconds', 'Time to judge all of it', [])
  const violations = counter('lacre_live_violations_total', 'Found to violate', [])
  const reactions = counter('lacre_live_reactions_total', 'Done about violations', ['reaction'])
  return {
    liveVerified: (states, { atMs, durationMs }) => {
      for (const state of COMPLIANCE_STATES) aliases.set({ state }, states[state] ?? 0)
      verified.set(atMs / 1000)
      durations.observe(durationMs / 1000)
    },
    liveViolations: (count) => violations.inc(count),
    liveReaction: (reaction) => reactions.inc({ reaction }),
  }
}

/** Gauges that are read when they are asked for; one that cannot be read is left as it was. */
function outboxGauges(registry: Registry): HttpMetrics['watchOutbox'] {
  const registers = [registry]
  return (read) => {
    const reading = (show: (gauges: OutboxGauges) => void): Promise<void> =>
      read().then(show, () => undefined)
    const rows = new Gauge({
      name: 'lacre_webhook_outbox_entries',
      help: 'Entries that webhooks are still to be told of, and those they were not told of in the end',
      labelNames: ['state'],
      registers,
      collect: () =>
        reading(({ pending, dead }) => {
          rows.set({ state: 'pending' }, pending)
          rows.set({ state: 'dead' }, dead)
        }),
    })
    const oldest = new Gauge({
      name: 'lacre_webhook_oldest_pending_seconds',
      help: 'How long the oldest entry waits that a webhook is still to be told of',
      registers,
      collect: () => reading(({ oldestPendingMs }) => oldest.set(oldestPendingMs / 1000)),
    })
  }
}

type AdmissionMetrics = Pick<HttpMetrics, 'admissionRefused' | 'watchAdmission'>

function admissionMetrics(registry: Registry, counter: MakeCounter): AdmissionMetrics {
  const registers = [registry]
  const labelNames = ['class'] as const
  const refused = counter('lacre_admission_refused_total', 'Requests beyond capacity: 429', [
    'class',
  ])
  return {
    admissionRefused: (kind) => refused.inc({ class: kind }),
    watchAdmission: (read) => {
      const working = new Gauge({
        name: 'lacre_admission_in_work',
        help: 'Requests that were let in and are worked on',
        labelNames,
        registers,
        collect: () => {
          for (const { kind, inWork } of read()) working.set({ class: kind }, inWork)
        },
      })
      const waiting = new Gauge({
        name: 'lacre_admission_queued',
        help: 'Requests that wait to be let in',
        labelNames,
        registers,
        collect: () => {
          for (const { kind, queued } of read()) waiting.set({ class: kind }, queued)
        },
      })
    },
  }
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

type UpkeepMetrics = Pick<Metrics, 'collected' | 'scrubbed'>

function upkeepMetrics(counter: MakeCounter, gauge: MakeGauge): UpkeepMetrics {
  const collected = counter('lacre_garbage_collected_total', 'Files that nothing needed', ['kind'])
  const bytes = counter('lacre_scrub_bytes_total', 'Stored bytes that were hashed again', [])
  const last = gauge('lacre_scrub_last_seconds', 'When the last scrub ended, Unix time', [])
  const damaged = gauge('lacre_scrub_damaged', 'What the last scrub found damaged', ['kind'])
  return {
    collected: (gone) => {
      for (const [kind, count] of Object.entries(gone)) collected.inc({ kind }, count)
    },
    scrubbed: ({ atMs, bytes: read, damaged: blob, missing, unreadable, ledger, prepared }) => {
      bytes.inc(read)
      last.set(atMs / 1000)
      for (const [kind, count] of Object.entries({ blob, missing, unreadable, ledger, prepared }))
        damaged.set({ kind }, count)
    },
  }
}

/** A registry of its own: nothing global, so that two services in one process do not meet. */
function spanMetrics(counter: MakeCounter): SpanMetrics {
  const exported = counter('lacre_trace_spans_exported_total', 'Spans that a collector took', [])
  const dropped = counter('lacre_trace_spans_dropped_total', 'Spans that none took', ['reason'])
  return {
    spansExported: (count) => exported.inc(count),
    spansDropped: (count, reason) => dropped.inc({ reason }, count),
  }
}

export function createMetrics(): HttpMetrics {
  const registry = new Registry()
  const counter: MakeCounter = (name, help, labelNames) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  const histogram: MakeHistogram = (name, help, labelNames, buckets = SECONDS) =>
    new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [registry] })
  const gauge: MakeGauge = (name, help, labelNames) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
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
  const deliveries = counter('lacre_webhook_deliveries_total', 'Attempts to tell a webhook', [
    'outcome',
  ])
  const labelOf = functionLabels()
  return {
    ...eventMetrics(counter, histogram, labelOf),
    ...functionMetrics(registry, labelOf),
    ...liveMetrics(registry, counter, histogram),
    ...upkeepMetrics(counter, gauge),
    ...admissionMetrics(registry, counter),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    request: (api, { operation, status, durationMs }) => {
      requests.inc({ api, operation, status })
      durations.observe({ api, operation }, durationMs / 1000)
    },
    authenticationFailure: (code) => failures.inc({ code }),
    webhookDelivery: (outcome) => deliveries.inc({ outcome }),
    watchOutbox: outboxGauges(registry),
    watchRunning: runningGauges(registry, labelOf),
    decision: (outcome, action) => decisions.inc({ outcome, action }),
    ...spanMetrics(counter),
    signatureValidationError: (name) => signatures.inc({ function: labelOf(name) }),
  }
}
