import type { SpanAttributes } from '../model/index.ts'

/** A span that has ended. Times are nanoseconds since 1970. */
export interface EndedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: 'server' | 'internal'
  readonly startNano: bigint
  readonly endNano: bigint
  readonly attributes: SpanAttributes
  readonly failed: boolean
}

/** SpanKind and Status.StatusCode of opentelemetry-proto's trace.proto. */
const KINDS = { internal: 1, server: 2 } as const
const STATUS_ERROR = 2

/** Longer texts are cut: names are short, and what is not is nobody's business. */
const TEXT_LIMIT_CHARS = 256

/** ExportTraceServiceRequest in OTLP's JSON form: ids in hex, 64-bit numbers as texts. */
export function toOtlpJson(spans: readonly EndedSpan[], resource: SpanAttributes): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: toKeyValues(resource) },
        scopeSpans: [{ scope: { name: 'lacre' }, spans: spans.map(toSpan) }],
      },
    ],
  })
}

function toSpan(span: EndedSpan) {
  const { traceId, spanId, parentSpanId, name, kind, startNano, endNano } = span
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: name.slice(0, TEXT_LIMIT_CHARS),
    kind: KINDS[kind],
    startTimeUnixNano: String(startNano),
    endTimeUnixNano: String(endNano),
    attributes: toKeyValues(span.attributes),
    ...(span.failed && { status: { code: STATUS_ERROR } }),
  }
}

function toKeyValues(attributes: SpanAttributes) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toValue(value) }))
}

function toValue(value: string | number | boolean) {
  if (typeof value === 'string') return { stringValue: value.slice(0, TEXT_LIMIT_CHARS) }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
