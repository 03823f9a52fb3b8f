import { limits } from '../model/index.ts'

import type { AnswerSink } from './options.ts'

/**
 * The pieces of one invocation's answer on their way: to whoever takes them as they come, or gathered for one who wants
 * all of it at once. Counts them, and lets nothing through over the limit or after the end.
 */
export class StreamedAnswer {
  readonly #sink: AnswerSink | undefined
  readonly limitBytes: number
  #contentType: string | undefined
  #pieces: Uint8Array[] = []
  #sizeBytes = 0
  #closed = false

  constructor(sink: AnswerSink | undefined, streamedLimitBytes: number) {
    this.#sink = sink
    this.limitBytes = sink === undefined ? limits.INVOKE_PAYLOAD_LIMIT_BYTES : streamedLimitBytes
  }

  /** `undefined` where the answer did not come in pieces. */
  get contentType(): string | undefined {
    return this.#contentType
  }

  /** Whether more came than may. */
  get over(): boolean {
    return this.#sizeBytes > this.limitBytes
  }

  /** Whether what had begun to go out was ended at the limit. */
  get cut(): boolean {
    return this.#sink !== undefined && this.over
  }

  begin(contentType: string | undefined): void {
    if (this.#closed) return
    this.#contentType = contentType || 'application/octet-stream'
    this.#sink?.begin(this.#contentType)
  }

  /** A promise where the receiver wants no more for now. */
  piece(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#closed || bytes.byteLength === 0) return undefined
    const room = this.limitBytes - this.#sizeBytes
    this.#sizeBytes += bytes.byteLength
    if (room <= 0) return undefined
    const kept = bytes.subarray(0, room)
    if (this.#sink !== undefined) return this.#sink.write(kept)
    // What is over is thrown away whole: nobody gets a part of it.
    if (this.over) this.#pieces = []
    else this.#pieces.push(Uint8Array.from(kept))
    return undefined
  }

  gathered(): Uint8Array {
    return Buffer.concat(this.#pieces)
  }

  /** The invocation has ended: what a runtime still sends is nobody's. */
  close(): void {
    this.#closed = true
  }
}
