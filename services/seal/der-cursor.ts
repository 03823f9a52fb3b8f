import { parseIsoTime, toIsoTime } from '../model/index.ts'

import { TAG, type Der } from './der-reader.ts'
import { malformed } from './refusal.ts'

/** Walks the values of one constructed value in order; what is not asked for is refused by `end`. */
export class DerCursor {
  readonly #values: readonly Der[]
  readonly #what: string
  #at = 0

  constructor(value: Der, tag: number, what: string) {
    if (value.tag !== tag) throw malformed('der-shape', `${what} is not what it should be`)
    this.#values = value.children
    this.#what = what
  }

  /** The next value, of this tag. @throws PlatformError INVALID_SEAL */
  take(tag: number, what: string): Der {
    const value = this.optional(tag)
    if (value === undefined) throw malformed('der-shape', `${this.#what} lacks its ${what}`)
    return value
  }

  /** The next value if it has this tag. */
  optional(tag: number): Der | undefined {
    const value = this.#values[this.#at]
    if (value?.tag !== tag) return undefined
    this.#at += 1
    return value
  }

  /** The single value inside an explicit tag, if the tag stands here. @throws PlatformError INVALID_SEAL */
  explicit(tag: number, what: string): Der | undefined {
    const outer = this.optional(tag)
    if (outer === undefined) return undefined
    const [inner] = outer.children
    if (inner === undefined || outer.children.length !== 1)
      throw malformed('der-shape', `${what} is not exactly one value`)
    return inner
  }

  /** The next value, of whatever tag, if there is one. */
  any(): Der | undefined {
    const value = this.#values[this.#at]
    if (value !== undefined) this.#at += 1
    return value
  }

  /** All values that are left. */
  *rest(): Generator<Der> {
    for (let value = this.any(); value !== undefined; value = this.any()) yield value
  }

  /** @throws PlatformError INVALID_SEAL where a value is left over */
  end(): void {
    if (this.#at !== this.#values.length)
      throw malformed('der-shape', `${this.#what} holds more than it may`)
  }
}

/** Dotted decimal form. @throws PlatformError INVALID_SEAL */
export function toOid(value: Der | undefined): string {
  if (value?.tag !== TAG.oid) throw malformed('der-shape', 'an OBJECT IDENTIFIER is missing')
  const arcs: bigint[] = []
  let arc = 0n
  for (const byte of value.content) {
    arc = arc * 128n + BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    if (arcs.length === 0) {
      const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n
      arcs.push(root, arc - root * 40n)
    } else arcs.push(arc)
    arc = 0n
  }
  return arcs.join('.')
}

/** A small INTEGER that is not negative. @throws PlatformError INVALID_SEAL */
export function toSmallInteger(value: Der, what: string): number {
  const [first] = value.content
  if (value.tag !== TAG.integer || first === undefined || first >= 0x80 || value.content.length > 4)
    throw malformed('der-integer', `${what} is not a small whole number`)
  let number = 0
  for (const byte of value.content) number = number * 256 + byte
  return number
}

/** The octets of a BIT STRING without unused bits. @throws PlatformError INVALID_SEAL */
export function toBitOctets(value: Der, what: string): Uint8Array {
  if (value.tag !== TAG.bitString || value.content[0] !== 0)
    throw malformed('der-bit-string', `${what} is not a whole number of octets`)
  return value.content.subarray(1)
}

/**
 * Milliseconds since the epoch of a UTCTime or GeneralizedTime in the forms RFC 5280 §4.1.2.5 allows: with
 * seconds, in Z, no fractions, UTCTime through 2049 and GeneralizedTime from 2050 on.
 * @throws PlatformError INVALID_SEAL
 */
export function toTimeMs(value: Der | undefined): number {
  const text = Buffer.from(value?.content ?? []).toString('latin1')
  const short = value?.tag === TAG.utcTime
  const pattern = short ? /^\d{12}Z$/ : /^\d{14}Z$/
  if (value === undefined || (!short && value.tag !== TAG.generalizedTime) || !pattern.test(text))
    throw malformed('der-time', 'a time is not in the form that DER and RFC 5280 allow')
  const year = short ? ((Number(text.slice(0, 2)) + 50) % 100) + 1950 : Number(text.slice(0, 4))
  if (!short && year < 2050)
    throw malformed('der-time', 'a time before 2050 is not in the form UTCTime')
  return toMs(year, short ? text.slice(2) : text.slice(4), 0)
}

/**
 * Milliseconds since the epoch of a GeneralizedTime as DER writes it (X.690 §11.7, RFC 3161 §2.4.2): with seconds, in
 * Z, any number of fraction digits of which the last is no zero. What is finer than a millisecond is cut off.
 * @throws PlatformError INVALID_SEAL
 */
export function toFractionalTimeMs(value: Der): number {
  const text = Buffer.from(value.content).toString('latin1')
  const match = /^(\d{4})(\d{10})(?:\.(\d*[1-9]))?Z$/.exec(text)
  const [, year = '', digits = '', fraction = ''] = match ?? []
  if (value.tag !== TAG.generalizedTime || match === null)
    throw malformed('der-time', 'a time is not in the form that DER allows')
  return toMs(Number(year), digits, Number(fraction.slice(0, 3).padEnd(3, '0')))
}

/** `digits`: month, day, hour, minute and second, two each. */
function toMs(year: number, digits: string, millis: number): number {
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = (digits.match(/\d\d/g) ?? []).map(
    Number,
  )
  const iso = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}.${String(millis).padStart(3, '0')}Z`
  const ms = parseIsoTime(iso)
  // February 30 rolls over into March when parsed leniently: writing it back shows it
  if (ms === undefined || toIsoTime(ms) !== iso)
    throw malformed('der-time', 'a time does not exist')
  return ms
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
