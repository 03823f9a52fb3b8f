/**
 * Traces: what requests are made of, handed over to an OpenTelemetry collector. It knows no HTTP and nothing of what is
 * traced; where nobody watches, no object of it is made.
 */
export { OtlpTracer, type OtlpTracerParts } from './otlp-tracer.ts'
export { FLUSH_LIMIT_MS, QUEUE_LIMIT_SPANS, type SpanMetrics } from './span-queue.ts'
