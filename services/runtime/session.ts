import assert from 'node:assert/strict'

import { nextState, refusalMessage, type RuntimeEvent, type RuntimeState } from './states.ts'

/** One invocation as a runtime sees it (SPEC A7). */
export interface Invocation {
  readonly requestId: string
  readonly deadlineMs: number
  readonly invokedArn: string
  readonly traceId: string | undefined
  readonly clientContext: string | undefined
  readonly payload: Uint8Array
}

export type Answer =
  | { readonly kind: 'response'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly payload: Uint8Array; readonly errorType?: string }
  /** Over AWS's 6,291,556 bytes. */
  | { readonly kind: 'oversize' }
  /** All pieces have come, or the runtime says why there are no more. */
  | { readonly kind: 'streamed'; readonly error?: StreamedError | undefined }

/** What went wrong after an answer had begun. */
export interface StreamedError {
  readonly payload: Uint8Array
  readonly errorType?: string | undefined
}

/** A call of the runtime that was refused, as the Runtime API answers it. */
export interface Refusal {
  readonly status: number
  readonly errorType: string
  readonly errorMessage: string
}

export interface SessionListener {
  ready(): void
  answered(answer: Answer): void
  initFailed(payload: Uint8Array, errorType: string | undefined): void
  /** An answer in pieces begins; the content type is the runtime's word. */
  streamBegun(contentType: string | undefined): void
  /** Its next piece; where a promise is returned, no more is to be read until it resolves. */
  piece(bytes: Uint8Array): Promise<void> | undefined
}

/**
 * One runtime process's conversation, whichever wire it speaks: order and request ids are judged here alone.
 * The id must be that of the invocation in hand (a runtime cannot answer for another request).
 */
export class RuntimeSession {
  readonly #listener: SessionListener
  #state: RuntimeState = 'Started'
  #deliver: ((invocation: Invocation) => void) | undefined
  #requestId: string | undefined
  #streaming = false

  constructor(listener: SessionListener) {
    this.#listener = listener
  }

  get state(): RuntimeState {
    return this.#state
  }

  /** The runtime asks for the next invocation; `deliver` is called once, when there is one. */
  next(deliver: (invocation: Invocation) => void): Refusal | undefined {
    const again = this.#state === 'Ready'
    const refusal = this.#step('next')
    if (refusal !== undefined) return refusal
    this.#deliver = deliver
    this.#requestId = undefined
    if (!again) this.#listener.ready()
    return undefined
  }

  /** Hands an invocation to the waiting runtime. */
  invoke(invocation: Invocation): void {
    const deliver = this.#deliver
    assert(deliver !== undefined && this.#step('invocation') === undefined, 'no runtime waits')
    this.#deliver = undefined
    this.#requestId = invocation.requestId
    deliver(invocation)
  }

  /** The runtime begins to answer; the body follows. */
  begin(requestId: string, kind: 'response' | 'error'): Refusal | undefined {
    if (requestId !== this.#requestId) {
      return { status: 400, errorType: 'InvalidRequestID', errorMessage: 'Invalid request ID' }
    }
    return this.#step(kind)
  }

  /** The runtime begins to answer in pieces. */
  beginStream(requestId: string, contentType: string | undefined): Refusal | undefined {
    const refusal = this.begin(requestId, 'response')
    if (refusal !== undefined) return refusal
    this.#streaming = true
    this.#listener.streamBegun(contentType)
    return undefined
  }

  /** Whether pieces may come. */
  get streaming(): boolean {
    return this.#streaming
  }

  piece(bytes: Uint8Array): Promise<void> | undefined {
    assert(this.#streaming, 'no answer in pieces was begun')
    return this.#listener.piece(bytes)
  }

  /** The whole answer is here. */
  complete(answer: Answer): void {
    assert(this.#step('sent') === undefined, 'no answer was begun')
    this.#streaming = false
    this.#listener.answered(answer)
  }

  /** The runtime could not start. */
  failInit(payload: Uint8Array, errorType: string | undefined): Refusal | undefined {
    const refusal = this.#step('initError')
    if (refusal === undefined) this.#listener.initFailed(payload, errorType)
    return refusal
  }

  #step(event: RuntimeEvent): Refusal | undefined {
    const to = nextState(this.#state, event)
    if (to === undefined) {
      const errorMessage = refusalMessage(this.#state, event)
      return { status: 403, errorType: 'InvalidStateTransition', errorMessage }
    }
    this.#state = to
    return undefined
  }
}
