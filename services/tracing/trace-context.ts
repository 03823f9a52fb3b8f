/** Where a span stands: 16 and 8 bytes in hex. */
export interface SpanContext {
  readonly traceId: string
  readonly spanId: string
  /** Whether it is recorded at all. */
  readonly sampled: boolean
}

/** W3C Trace Context §3.2: version, trace, parent, flags; later versions may have more behind. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?$/
const LIMIT_CHARS = 256

/** `undefined` for what is none: then a trace of its own begins. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  if (text === undefined || text.length > LIMIT_CHARS) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(text) ?? []
  if (version === undefined || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (parseInt(flags, 16) & 1) === 1 }
}

export function toTraceparent({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`
}
