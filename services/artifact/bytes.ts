import type { ByteSource } from '../model/index.ts'

/** How much is read at once: large enough to be fast, small beside the memory of a worker. */
export const WINDOW_BYTES = 1_048_576

/** The same bytes as a Buffer, for its little-endian readers. Copies nothing. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Memory for the windows of a reader whose bytes nobody keeps. */
export function windowMemory({ sizeBytes }: ByteSource): Uint8Array {
  return Buffer.allocUnsafe(Math.min(WINDOW_BYTES, sizeBytes))
}

/**
 * Reads a range of a source once, forwards, through a window. `onTake` sees every byte that is handed out,
 * in order, so that what is hashed is what was checked. With `memory` each window overwrites the one before.
 */
export class ForwardReader {
  readonly #source: ByteSource
  readonly #end: number
  readonly #onTake: ((bytes: Uint8Array) => void) | undefined
  readonly #memory: Uint8Array | undefined
  #position: number
  #window: Buffer = Buffer.alloc(0)
  #windowStart: number

  constructor(
    source: ByteSource,
    range: { readonly start: number; readonly end: number },
    options: {
      readonly onTake?: (bytes: Uint8Array) => void
      readonly memory?: Uint8Array
    } = {},
  ) {
    this.#source = source
    this.#position = range.start
    this.#windowStart = range.start
    this.#end = range.end
    this.#onTake = options.onTake
    this.#memory = options.memory
  }

  get position(): number {
    return this.#position
  }

  get left(): number {
    return this.#end - this.#position
  }

  /** The next bytes without moving on; fewer than `length` at the end of the range. Valid until the next call. */
  peek(length: number): Buffer {
    const wanted = Math.min(length, this.left)
    const from = this.#position - this.#windowStart
    if (from + wanted > this.#window.length) {
      const size = Math.min(Math.max(wanted, WINDOW_BYTES), this.left)
      this.#window = bufferOf(this.#source.read(this.#position, size, this.#memory))
      this.#windowStart = this.#position
      return this.#window.subarray(0, wanted)
    }
    return this.#window.subarray(from, from + wanted)
  }

  /** The next `length` bytes; throws RangeError where the range holds fewer. Valid until the next call. */
  take(length: number): Buffer {
    if (length > this.left) throw new RangeError(`${length} bytes wanted, ${this.left} left`)
    const bytes = this.peek(length)
    this.#position += length
    this.#onTake?.(bytes)
    return bytes
  }

  /** The next `length` bytes in windows. */
  *chunks(length: number): Generator<Buffer> {
    for (let left = length; left > 0;) {
      const size = Math.min(left, WINDOW_BYTES)
      yield this.take(size)
      left -= size
    }
  }
}
