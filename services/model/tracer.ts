/** Facts of a span: names and numbers, never a payload, a token or what an environment variable holds. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** Work that is under way. */
export interface Span {
  rename(name: string): void
  set(attributes: SpanAttributes): void
}

export interface SpanStart {
  /** `server` where a request came in; `internal` unless said. */
  readonly kind?: 'server' | 'internal'
  readonly attributes?: SpanAttributes
  /** The `traceparent` (W3C Trace Context) that it is a part of, instead of the work around it; ignored where it is none. */
  readonly parent?: string | undefined
}

/** Tells somebody who watches what work is made of. It never fails and never waits. */
export interface Tracer {
  /** Work as a span below the one around it. Of an error its code alone is told. */
  span<T>(name: string, start: SpanStart, work: (span: Span) => Promise<T>): Promise<T>
  /** The `traceparent` of the work around: for what goes on later and elsewhere. */
  current(): string | undefined
}

/** The same where nobody may be watching: nothing but the work then. */
export function traced<T>(
  tracer: Tracer | undefined,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  return tracer === undefined ? work() : tracer.span(name, {}, work)
}
