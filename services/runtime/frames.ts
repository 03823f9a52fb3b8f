/**
 * Length-prefixed frames: u32le length, then that many bytes. Used between service and spawner and on the
 * private channel of an environment, where they are hostile input: the length is judged before anything is kept.
 */
const PREFIX_BYTES = 4

export class FrameTooLarge extends Error {
  override readonly name = 'FrameTooLarge'
}

export function encodeFrame(...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + length)
  frame.writeUInt32LE(length, 0)
  let at = PREFIX_BYTES
  for (const part of parts) {
    frame.set(part, at)
    at += part.byteLength
  }
  return frame
}

/** Cuts a stream of chunks into frames. */
export class FrameReader {
  readonly #limit: number
  readonly #onFrame: (frame: Buffer) => void
  #chunks: Buffer[] = []
  #buffered = 0
  #wanted: number | undefined

  constructor(limitBytes: number, onFrame: (frame: Buffer) => void) {
    this.#limit = limitBytes
    this.#onFrame = onFrame
  }

  /** @throws FrameTooLarge as soon as a length says so, before the body arrives. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#buffered += chunk.byteLength
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#buffered < PREFIX_BYTES) return
        this.#wanted = this.#take(PREFIX_BYTES).readUInt32LE(0)
        if (this.#wanted > this.#limit) {
          throw new FrameTooLarge(`a frame of ${this.#wanted} bytes is over ${this.#limit}`)
        }
      }
      if (this.#buffered < this.#wanted) return
      const frame = this.#take(this.#wanted)
      this.#wanted = undefined
      this.#onFrame(frame)
    }
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0]
    this.#buffered -= length
    if (first !== undefined && first.byteLength > length) {
      this.#chunks[0] = first.subarray(length)
      return first.subarray(0, length)
    }
    const all =
      this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks)
    const rest = all.subarray(length)
    this.#chunks = rest.byteLength > 0 ? [rest] : []
    return all.subarray(0, length)
  }
}
