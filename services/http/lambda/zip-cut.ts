import { PlatformError, limits } from '../../model/index.ts'

import { Base64Decoder } from './base64-decoder.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Where decoded bytes of the zip go. */
export type ZipSink = (decoded: Uint8Array) => void

/**
 * Reads JSON in chunks of any size and takes out the one string at `member` (`Code`, `ZipFile`): decoded to the sink,
 * an empty string left in its place. The rest, small, is for a JSON parser to judge: where that accepts it, this
 * reader saw the same strings. 50 MB of base64 never become a JavaScript string.
 */
export class ZipCut {
  readonly #member: readonly string[]
  readonly #decoder: Base64Decoder
  readonly #rest: Uint8Array[] = []
  readonly #objects: boolean[] = []
  readonly #names: string[] = []
  #restBytes = 0
  #mode: 'outside' | 'name' | 'string' | 'zip' = 'outside'
  #escape: number[] | undefined
  #nameBytes: number[] = []
  #nameNext = false
  #found = false

  constructor(member: readonly string[], sink: ZipSink) {
    this.#member = member
    this.#decoder = new Base64Decoder(sink)
  }

  /** Whether the member was there, as a string. */
  get found(): boolean {
    return this.#found
  }

  /** @throws PlatformError INVALID_REQUEST_CONTENT, INVALID_PARAMETER, REQUEST_TOO_LARGE */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.byteLength) {
      at = this.#mode === 'zip' ? this.#readZip(chunk, at) : this.#readJson(chunk, at)
    }
  }

  /** The JSON without the zip. */
  end(): Uint8Array {
    if (this.#mode === 'zip') throw refuse('unexpected end of the text inside a string')
    return Buffer.concat(this.#rest)
  }

  /** Reads on until the zip begins or the chunk ends; answers where it stopped. */
  #readJson(chunk: Uint8Array, start: number): number {
    let at = start
    while (at < chunk.byteLength && this.#mode !== 'zip') {
      this.#readByte(chunk[at] ?? 0)
      at += 1
    }
    this.#keep(chunk.slice(start, at))
    return at
  }

  #readByte(byte: number): void {
    if (this.#mode === 'outside') return this.#readOutside(byte)
    if (this.#mode === 'name') this.#addToName(byte)
    if (this.#escape !== undefined) this.#escape = undefined
    else if (byte === BACKSLASH) this.#escape = []
    else if (byte === QUOTE) this.#endString()
  }

  #readOutside(byte: number): void {
    if (byte === QUOTE) {
      this.#mode = this.#nameNext ? 'name' : this.#atMember() ? 'zip' : 'string'
      this.#nameNext = false
      this.#nameBytes = []
      if (this.#mode === 'zip') this.#beginZip()
    } else if (byte === 0x7b || byte === 0x5b) this.#open(byte === 0x7b)
    else if (byte === 0x7d || byte === 0x5d) this.#close()
    else if (byte === 0x2c) this.#nameNext = this.#objects.at(-1) === true
  }

  #open(isObject: boolean): void {
    if (this.#objects.length >= limits.JSON_DEPTH_LIMIT)
      throw refuse(`it nests deeper than ${limits.JSON_DEPTH_LIMIT} levels`)
    this.#objects.push(isObject)
    this.#names[this.#objects.length - 1] = ''
    this.#nameNext = isObject
  }

  #close(): void {
    this.#objects.pop()
    this.#nameNext = false
  }

  #addToName(byte: number): void {
    // Longer than any name that matters, escapes included; the parser sees the whole of it.
    if (this.#nameBytes.length < 256) this.#nameBytes.push(byte)
  }

  #endString(): void {
    if (this.#mode === 'name') {
      const literal = `"${Buffer.from(this.#nameBytes).toString('utf8')}`
      this.#names[this.#objects.length - 1] = readName(literal)
    }
    this.#mode = 'outside'
  }

  #atMember(): boolean {
    return (
      this.#member.length > 0 &&
      this.#objects.length === this.#member.length &&
      this.#member.every(
        (name, depth) => this.#objects[depth] === true && this.#names[depth] === name,
      )
    )
  }

  #beginZip(): void {
    if (this.#found) throw refuse(`it has the member ${this.#member.join('.')} twice`)
    this.#found = true
  }

  #readZip(chunk: Uint8Array, start: number): number {
    if (this.#escape !== undefined) return this.#readEscape(chunk[start] ?? 0, start)
    const quote = chunk.indexOf(QUOTE, start)
    const end = quote === -1 ? chunk.byteLength : quote
    const backslash = chunk.subarray(0, end).indexOf(BACKSLASH, start)
    if (backslash !== -1) {
      this.#decoder.push(chunk.subarray(start, backslash))
      this.#escape = []
      return backslash + 1
    }
    this.#decoder.push(chunk.subarray(start, end))
    if (quote === -1) return end
    this.#decoder.end()
    this.#mode = 'outside'
    this.#keep(chunk.slice(quote, quote + 1))
    return quote + 1
  }

  /** Some writers escape the slash of base64, some everything that is not alphanumeric. */
  #readEscape(byte: number, at: number): number {
    const digits = this.#escape ?? []
    if (digits.length === 0 && byte === 0x2f) this.#endEscape(0x2f)
    else if (digits.length === 0 && byte === 0x75) digits.push(byte)
    else if (digits.length > 0 && /[0-9a-fA-F]/.test(String.fromCharCode(byte))) digits.push(byte)
    else throw refuse('the zip holds an escape that base64 has no use for')
    if (digits.length === 5)
      this.#endEscape(Number.parseInt(String.fromCharCode(...digits.slice(1)), 16))
    return at + 1
  }

  #endEscape(code: number): void {
    this.#escape = undefined
    // Beyond ASCII nothing is base64; NUL is refused by the decoder as such.
    this.#decoder.push(Uint8Array.of(code < 0x80 ? code : 0))
  }

  #keep(bytes: Uint8Array): void {
    this.#restBytes += bytes.byteLength
    if (this.#restBytes > limits.JSON_BODY_LIMIT_BYTES) {
      throw new PlatformError(
        'REQUEST_TOO_LARGE',
        `Request must be smaller than ${limits.JSON_BODY_LIMIT_BYTES} bytes beside the zip`,
      )
    }
    this.#rest.push(bytes)
  }
}

function readName(literal: string): string {
  try {
    return String(JSON.parse(literal))
  } catch {
    // Not JSON, or cut at 256 bytes: it is not the member, and the parser will say what is wrong.
    return ''
  }
}

function refuse(reason: string): PlatformError {
  return new PlatformError(
    'INVALID_REQUEST_CONTENT',
    `Could not parse request body into json: ${reason}`,
  )
}
