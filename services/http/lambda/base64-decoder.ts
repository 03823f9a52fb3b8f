import { PlatformError, limits } from '../../model/index.ts'

const EQUALS = 0x3d

/**
 * Base64 (RFC 4648 §4, padded) in chunks of any size. Node's own decoder skips what it does not know; here that
 * is an error, found by counting what came out.
 */
export class Base64Decoder {
  readonly #sink: (decoded: Uint8Array) => void
  #carry: Uint8Array = new Uint8Array(0)
  #padded = false
  #sizeBytes = 0

  constructor(sink: (decoded: Uint8Array) => void) {
    this.#sink = sink
  }

  /** @throws PlatformError INVALID_PARAMETER, REQUEST_TOO_LARGE */
  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return
    const joined = this.#carry.byteLength === 0 ? chunk : Buffer.concat([this.#carry, chunk])
    const whole = joined.byteLength - (joined.byteLength % 4)
    this.#carry = joined.slice(whole)
    if (whole > 0) this.#decode(joined.subarray(0, whole))
  }

  /** @throws PlatformError INVALID_PARAMETER */
  end(): void {
    if (this.#carry.byteLength > 0) throw refuse()
  }

  #decode(quads: Uint8Array): void {
    if (this.#padded || quads.includes(0x2d) || quads.includes(0x5f)) throw refuse()
    const padding = Number(quads.at(-1) === EQUALS) + Number(quads.at(-2) === EQUALS)
    this.#padded = padding > 0
    const text = Buffer.from(quads.buffer, quads.byteOffset, quads.byteLength).toString('latin1')
    const decoded = Buffer.from(text, 'base64')
    if (decoded.byteLength !== (quads.byteLength / 4) * 3 - padding) throw refuse()
    this.#sizeBytes += decoded.byteLength
    if (this.#sizeBytes > limits.ZIPPED_INLINE_LIMIT_BYTES) {
      throw new PlatformError(
        'REQUEST_TOO_LARGE',
        `Zipped size must be smaller than ${limits.ZIPPED_INLINE_LIMIT_BYTES} bytes`,
      )
    }
    this.#sink(decoded)
  }
}

function refuse(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'the zip is not base64', {
    detail: { awsType: 'SerializationException' },
  })
}
