import { toIsoTime } from '../model/index.ts'
import { TAG } from './der-reader.ts'
import { encodeDer } from './der-writer.ts'

/** A BIT STRING of whole octets. */
export function bitString(octets: Uint8Array): Uint8Array {
  return encodeDer(TAG.bitString, Uint8Array.of(0), octets)
}

/** A named bit list (X.690 §11.2.2): trailing zero bits are not written. */
export function namedBits(...bits: readonly number[]): Uint8Array {
  const last = Math.max(...bits)
  const octets = new Uint8Array(Math.floor(last / 8) + 1)
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return encodeDer(TAG.bitString, Uint8Array.of(7 - (last & 7)), octets)
}

export function derTrue(): Uint8Array {
  return encodeDer(TAG.boolean, Uint8Array.of(0xff))
}

export function utf8String(text: string): Uint8Array {
  return encodeDer(TAG.utf8String, Buffer.from(text, 'utf8'))
}

/** A Time as RFC 5280 §4.1.2.5 has it: UTCTime through 2049, GeneralizedTime from then on; milliseconds are cut off. */
export function certificateTime(ms: number): Uint8Array {
  const digits = toIsoTime(ms)
    .replace(/\.\d{3}/, '')
    .replaceAll(/[-:T]/g, '')
  return Number(digits.slice(0, 4)) < 2050
    ? encodeDer(TAG.utcTime, Buffer.from(digits.slice(2)))
    : encodeDer(TAG.generalizedTime, Buffer.from(digits))
}

/** A GeneralizedTime to the millisecond; X.690 §11.7.3 allows no trailing zero in the fraction, nor an empty one. */
export function generalizedTime(ms: number): Uint8Array {
  const [whole = '', fraction = ''] = toIsoTime(ms).replace('Z', '').split('.')
  const short = fraction.replace(/0+$/, '')
  const text = `${whole.replaceAll(/[-:T]/g, '')}${short === '' ? '' : `.${short}`}Z`
  return encodeDer(TAG.generalizedTime, Buffer.from(text))
}
