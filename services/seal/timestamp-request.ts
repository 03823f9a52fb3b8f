import { encodeDigestAlgorithm, type HashName } from './algorithms.ts'
import { DIGEST_BYTES } from './cms-attributes.ts'
import { DerCursor, toSmallInteger } from './der-cursor.ts'
import { readDer, TAG, type Der } from './der-reader.ts'
import { encodeDer, integer, octetString, sequence, smallInteger } from './der-writer.ts'
import { malformed } from './refusal.ts'
import { parseTimestampToken, type TimestampToken } from './timestamp-token.ts'

/** What an authority's own words are cut to. */
const STATUS_TEXT_LIMIT_CHARS = 200
const STATUS_TEXTS_LIMIT = 8

/** RFC 3161 §2.4.2. */
const STATUS_NAMES: readonly string[] = [
  'granted',
  'granted with modifications',
  'rejection',
  'waiting',
  'revocation warning',
  'revocation notification',
]
const FAILURES: Readonly<Record<number, string>> = {
  0: 'bad algorithm',
  2: 'bad request',
  5: 'bad data format',
  14: 'time not available',
  15: 'policy not accepted',
  16: 'extension not accepted',
  17: 'additional information not available',
  25: 'system failure',
}

/** A TimeStampReq (RFC 3161 §2.4.1) that asks for the signing certificate too. `nonce` is a positive number's magnitude. */
export function encodeTimestampRequest(request: {
  readonly imprint: { readonly hash: HashName; readonly value: Uint8Array }
  readonly nonce: Uint8Array
}): Uint8Array {
  const { imprint, nonce } = request
  if (imprint.value.byteLength !== DIGEST_BYTES[imprint.hash])
    throw malformed('timestamp-imprint', 'the message imprint has not the length of its digest')
  return sequence(
    smallInteger(1),
    sequence(encodeDigestAlgorithm(imprint.hash), octetString(imprint.value)),
    integer(nonce),
    encodeDer(TAG.boolean, Uint8Array.of(0xff)),
  )
}

/** What an authority answered; a refusal is a value here, in its own words. */
export type TimestampResponse =
  | { readonly kind: 'granted'; readonly token: TimestampToken; readonly tokenBytes: Uint8Array }
  | { readonly kind: 'refused'; readonly status: string; readonly reason: string }

/** A TimeStampResp (RFC 3161 §2.4.2) in strict DER. @throws PlatformError INVALID_SEAL */
export function decodeTimestampResponse(bytes: Uint8Array): TimestampResponse {
  const cursor = new DerCursor(readDer(bytes), TAG.sequence, 'the timestamp response')
  const info = parseStatus(cursor.take(TAG.sequence, 'status'))
  const value = cursor.optional(TAG.sequence)
  cursor.end()
  // RFC 3161 §2.4.2: a token stands with granted and grantedWithMods, and with nothing else
  const granted = info.status <= 1
  if (granted !== (value !== undefined))
    throw malformed('timestamp-status', 'the timestamp response does not fit its status')
  if (value === undefined) {
    const status = STATUS_NAMES[info.status] ?? `status ${info.status}`
    return { kind: 'refused', status, reason: info.reason }
  }
  if (info.failed) throw malformed('timestamp-status', 'the timestamp was granted and failed')
  return { kind: 'granted', token: parseTimestampToken(value), tokenBytes: value.bytes }
}

function parseStatus(value: Der): { status: number; reason: string; failed: boolean } {
  const cursor = new DerCursor(value, TAG.sequence, 'the status')
  const status = toSmallInteger(cursor.take(TAG.integer, 'value'), 'the timestamp status')
  const texts = cursor.optional(TAG.sequence)
  const failure = cursor.optional(TAG.bitString)
  cursor.end()
  const words = [...(failure === undefined ? [] : [failureName(failure)]), ...readTexts(texts)]
  return { status, reason: words.join(': '), failed: failure !== undefined }
}

/** PKIFreeText: foreign words, of which only the beginning is kept. */
function readTexts(texts: Der | undefined): string[] {
  return (texts?.children ?? []).slice(0, STATUS_TEXTS_LIMIT).map((text) => {
    if (text.tag !== TAG.utf8String)
      throw malformed('timestamp-status', 'the status text of the timestamp is not UTF-8')
    return Buffer.from(text.content).toString('utf8').slice(0, STATUS_TEXT_LIMIT_CHARS)
  })
}

/** PKIFailureInfo: a named bit list, bit 0 first. */
function failureName({ content }: Der): string {
  const names = [...content.subarray(1)].flatMap((octet, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => {
      const number = at * 8 + bit
      return (octet & (0x80 >> bit)) === 0 ? [] : [FAILURES[number] ?? `failure ${number}`]
    }),
  )
  return names.slice(0, STATUS_TEXTS_LIMIT).join(', ')
}

/** A token as a Sigstore bundle carries it: in a response that grants it. */
export function encodeTimestampResponse(token: Uint8Array): Uint8Array {
  return sequence(sequence(smallInteger(0)), token)
}
