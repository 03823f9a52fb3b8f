import { PlatformError, type Clock, type Random } from '../../model/index.ts'
import { serialNumber, type ActiveKey } from '../identity.ts'
import {
  FAILURE_BITS,
  parseTimestampJson,
  parseTimestampQuery,
  type TimestampRequest,
} from './request.ts'
import { encodeGranted, encodeRejected } from './token.ts'

/** How often a time that ends in a zero is let pass by. */
const TRIES = 5

export interface TimestampsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly key: ActiveKey
}

/** The timestamp authority (RFC 3161): it says when it saw a digest, and knows nothing else of it. */
export class Timestamps {
  readonly #options: TimestampsOptions
  readonly #certificate: Uint8Array

  /** @throws PlatformError INTERNAL where the key has no certificate */
  constructor(options: TimestampsOptions) {
    const { certificate } = options.key
    if (certificate === undefined)
      throw new PlatformError('INTERNAL', 'the timestamping key has no certificate')
    this.#options = options
    this.#certificate = certificate
  }

  /** A TimeStampResp to a TimeStampReq; what is refused is a response, too, as RFC 3161 has it. */
  async answerQuery(bytes: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#grant(parseTimestampQuery(bytes))
    } catch (error) {
      const reason = error instanceof PlatformError ? error.detail['reason'] : undefined
      const bit = FAILURE_BITS[String(reason)]
      if (!(error instanceof PlatformError) || bit === undefined) throw error
      return encodeRejected(error.publicMessage, bit)
    }
  }

  /** A TimeStampResp to Sigstore's JSON. @throws PlatformError INVALID_PARAMETER, INVALID_REQUEST_CONTENT */
  async answerJson(bytes: Uint8Array): Promise<Uint8Array> {
    return await this.#grant(parseTimestampJson(bytes))
  }

  async #grant(request: TimestampRequest): Promise<Uint8Array> {
    const { random, key } = this.#options
    const stamp = { request, atMs: await this.#now(), serial: serialNumber(random) }
    return encodeGranted(stamp, key, this.#certificate)
  }

  /**
   * DER drops the trailing zero of a fraction, and @sigstore/core reads fractions of exactly three digits: a time that
   * ends in a zero is let pass by, which costs a millisecond in one of ten.
   */
  async #now(): Promise<number> {
    const { clock } = this.#options
    let atMs = clock.nowMs()
    for (let tries = 0; atMs % 10 === 0 && tries < TRIES; tries += 1) {
      await clock.sleep(1)
      atMs = clock.nowMs()
    }
    return atMs
  }
}
