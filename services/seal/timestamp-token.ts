import { parseDigestAlgorithm, type HashName } from './algorithms.ts'
import { DIGEST_BYTES } from './cms-attributes.ts'
import { DerCursor, toFractionalTimeMs, toOid, toSmallInteger } from './der-cursor.ts'
import { readDer, TAG, type Der } from './der-reader.ts'
import { malformed } from './refusal.ts'
import { parseSignedData, type SignedData } from './signed-data.ts'

const ID_CT_TST_INFO = '1.2.840.113549.1.9.16.1.4'
/** RFC 3161 §2.4.2: clients take serial numbers of up to 160 bits, which in DER may want a sign octet. */
const SERIAL_LIMIT_BYTES = 21
/** Nonces are of the requester's making; nobody's is longer. */
const NONCE_LIMIT_BYTES = 65

/** What a timestamp authority says (RFC 3161 §2.4.2). */
export interface TimestampInfo {
  readonly policy: string
  /** The digest of what was stamped. */
  readonly imprint: { readonly hash: HashName; readonly value: Uint8Array }
  /** Hex of the INTEGER's content. */
  readonly serial: string
  /** Milliseconds since the epoch; what is finer is cut off. */
  readonly atMs: number
  /** How far the time may be off, where it says; microseconds. */
  readonly accuracyMicros: number | undefined
  /** Hex of the INTEGER's content. */
  readonly nonce: string | undefined
  /** The GeneralName by which the authority calls itself. */
  readonly authorityName: Der | undefined
}

/** A TimeStampToken: a CMS SignedData over a TSTInfo. Who signed it and whether that holds is for `trust` to say. */
export interface TimestampToken {
  readonly info: TimestampInfo
  /** The TSTInfo as it was digested. */
  readonly content: Uint8Array
  readonly digest: HashName
  readonly scheme: SignedData['scheme']
  readonly signer: SignedData['signer']
  readonly signed: NonNullable<SignedData['signed']>
  readonly signature: Uint8Array
  readonly certificates: readonly Uint8Array[]
}

/**
 * A token in strict DER. Signed attributes and the id of the signing certificate must stand (RFC 3161 §2.4.1, RFC
 * 5816): without the latter a token could be shown with another certificate for the same key.
 * @throws PlatformError INVALID_SEAL
 */
export function decodeTimestampToken(bytes: Uint8Array): TimestampToken {
  return parseTimestampToken(readDer(bytes))
}

export function parseTimestampToken(value: Der): TimestampToken {
  const data = parseSignedData(value, ID_CT_TST_INFO)
  const { content, signed, unsigned, digest, scheme, signer, signature, certificates } = data
  if (content === undefined)
    throw malformed('timestamp-content', 'the timestamp does not hold what it says')
  if (signed === undefined)
    throw malformed('no-signed-attributes', 'the timestamp has no signed attributes')
  const { certificate, legacyCertificate } = signed.attributes
  if (certificate === undefined && legacyCertificate === undefined)
    throw malformed('signing-certificate', 'the timestamp does not say which certificate signed it')
  // nobody signed them, and nothing here uses them
  if (unsigned.length > 0)
    throw malformed('unsigned-attribute', 'the timestamp has unsigned attributes')
  const info = parseTimestampInfo(readDer(content))
  return { info, content, digest, scheme, signer, signed, signature, certificates }
}

function parseTimestampInfo(value: Der): TimestampInfo {
  const cursor = new DerCursor(value, TAG.sequence, 'the timestamp')
  if (toSmallInteger(cursor.take(TAG.integer, 'version'), 'the timestamp version') !== 1)
    throw malformed('timestamp-version', 'the timestamp is not of version 1')
  const policy = toOid(cursor.take(TAG.oid, 'policy'))
  const imprint = parseImprint(cursor.take(TAG.sequence, 'message imprint'))
  const serial = cursor.take(TAG.integer, 'serial number').content
  if (serial.byteLength > SERIAL_LIMIT_BYTES || (serial[0] ?? 0) >= 0x80)
    throw malformed(
      'timestamp-serial',
      'the serial number of the timestamp is negative or too long',
    )
  const atMs = toFractionalTimeMs(cursor.take(TAG.generalizedTime, 'time'))
  const accuracy = cursor.optional(TAG.sequence)
  // a written-out FALSE is no DER, but real authorities write it and it changes nothing
  cursor.optional(TAG.boolean)
  const nonce = cursor.optional(TAG.integer)?.content
  if (nonce !== undefined && nonce.byteLength > NONCE_LIMIT_BYTES)
    throw malformed('timestamp-nonce', 'the nonce of the timestamp is too long')
  const authorityName = cursor.explicit(0xa0, 'the name of the timestamp authority')
  const extensions = cursor.optional(0xa1)
  cursor.end()
  if (extensions !== undefined) checkExtensions(extensions)
  return {
    policy,
    imprint,
    serial: toHex(serial),
    atMs,
    accuracyMicros: accuracy && parseAccuracy(accuracy),
    nonce: nonce && toHex(nonce),
    authorityName,
  }
}

/** RFC 3161 §2.4.1: the digest has the length of its algorithm. */
export function parseImprint(value: Der): TimestampInfo['imprint'] {
  const cursor = new DerCursor(value, TAG.sequence, 'the message imprint')
  const hash = parseDigestAlgorithm(cursor.take(TAG.sequence, 'digest algorithm'))
  const digest = cursor.take(TAG.octetString, 'digest').content
  cursor.end()
  if (digest.byteLength !== DIGEST_BYTES[hash])
    throw malformed('timestamp-imprint', 'the message imprint has not the length of its digest')
  return { hash, value: digest }
}

/** Accuracy ::= SEQUENCE { seconds INTEGER, millis [0] INTEGER (1..999), micros [1] INTEGER (1..999) }, all optional. */
function parseAccuracy(value: Der): number {
  const cursor = new DerCursor(value, TAG.sequence, 'the accuracy')
  const seconds = cursor.optional(TAG.integer)
  const millis = cursor.optional(0x80)
  const micros = cursor.optional(0x81)
  cursor.end()
  const whole = seconds === undefined ? 0 : toSmallInteger(seconds, 'the accuracy')
  return whole * 1_000_000 + toThousandth(millis) * 1_000 + toThousandth(micros)
}

function toThousandth(value: Der | undefined): number {
  if (value === undefined) return 0
  const [first = 0, second] = value.content
  const number = second === undefined ? first : first * 256 + second
  const minimal = second === undefined ? first < 0x80 : first > 0 || second >= 0x80
  if (!minimal || number < 1 || number > 999 || value.content.byteLength > 2)
    throw malformed('timestamp-accuracy', 'the accuracy of the timestamp is out of range')
  return number
}

/** RFC 3161 §2.4.2: none is known here, so a critical one refuses the token. */
function checkExtensions(list: Der): void {
  const seen = new Set<string>()
  for (const item of list.children) {
    const cursor = new DerCursor(item, TAG.sequence, 'an extension of the timestamp')
    const oid = toOid(cursor.any())
    const critical = cursor.optional(TAG.boolean)?.content[0] === 0xff
    cursor.take(TAG.octetString, 'value')
    cursor.end()
    if (critical)
      throw malformed('timestamp-extension', `the timestamp has the critical extension \`${oid}\``)
    if (seen.has(oid))
      throw malformed('timestamp-extension', 'the timestamp has an extension twice')
    seen.add(oid)
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
