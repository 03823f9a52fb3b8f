import { AsyncLocalStorage } from 'node:async_hooks'

import {
  PlatformError,
  type Clock,
  type Random,
  type Span,
  type SpanAttributes,
  type SpanStart,
  type Tracer,
} from '../model/index.ts'
import { toOtlpJson, type EndedSpan } from './otlp.ts'
import { SpanQueue, type SpanMetrics } from './span-queue.ts'
import { parseTraceparent, toTraceparent, type SpanContext } from './trace-context.ts'

const TRACE_BYTES = 16
const SPAN_BYTES = 8

export interface OtlpTracerParts {
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>
  readonly random: Pick<Random, 'bytes'>
  readonly metrics: SpanMetrics
  /** Of the service: `service.name` and the like. */
  readonly resource: SpanAttributes
  /** Hands a document over; whatever it throws costs the spans in it. */
  readonly post: (body: string, signal: AbortSignal) => Promise<void>
}

/** Spans of requests and of what they are made of, handed over as OTLP/HTTP JSON in batches. */
export class OtlpTracer implements Tracer, AsyncDisposable {
  readonly #parts: OtlpTracerParts
  readonly #queue: SpanQueue
  readonly #around = new AsyncLocalStorage<SpanContext>()

  constructor(parts: OtlpTracerParts) {
    this.#parts = parts
    this.#queue = new SpanQueue(
      (spans, signal) => parts.post(toOtlpJson(spans, parts.resource), signal),
      parts.metrics,
    )
  }

  current(): string | undefined {
    const around = this.#around.getStore()
    return around && toTraceparent(around)
  }

  async span<T>(name: string, start: SpanStart, work: (span: Span) => Promise<T>): Promise<T> {
    const above = parseTraceparent(start.parent) ?? this.#around.getStore()
    const context: SpanContext = {
      traceId: above?.traceId ?? this.#hex(TRACE_BYTES),
      spanId: this.#hex(SPAN_BYTES),
      sampled: above?.sampled ?? true,
    }
    const made = { name, attributes: { ...start.attributes } }
    const span: Span = {
      rename: (to) => void (made.name = to),
      set: (attributes) => void Object.assign(made.attributes, attributes),
    }
    const { clock } = this.#parts
    const [startMs, beganMs] = [clock.nowMs(), clock.monotonicMs()]
    const end = (error?: { readonly code: string }): void => {
      if (!context.sampled) return
      const attributes = { ...made.attributes, ...(error && { 'error.type': error.code }) }
      const startNano = BigInt(startMs) * 1_000_000n
      this.#queue.add({
        ...context,
        ...made,
        attributes,
        parentSpanId: above?.spanId,
        kind: start.kind ?? 'internal',
        startNano,
        endNano: startNano + BigInt(Math.round((clock.monotonicMs() - beganMs) * 1e6)),
        failed: error !== undefined,
      } satisfies EndedSpan & SpanContext)
    }
    try {
      const result = await this.#around.run(context, () => work(span))
      end()
      return result
    } catch (error) {
      // The code alone: messages quote what was asked for.
      end({ code: error instanceof PlatformError ? error.code : 'INTERNAL' })
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue[Symbol.asyncDispose]()
  }

  #hex(bytes: number): string {
    return Buffer.from(this.#parts.random.bytes(bytes)).toString('hex')
  }
}
