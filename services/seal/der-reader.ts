import { malformed } from './refusal.ts'

/** One value of a DER encoding: its tag octet, the whole encoding and what it holds. */
export interface Der {
  readonly tag: number
  /** Tag, length and content. */
  readonly bytes: Uint8Array
  readonly content: Uint8Array
  /** Values inside, for a constructed one; empty for a primitive. */
  readonly children: readonly Der[]
}

/** Universal and context tags that signatures and certificates use. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const DEPTH_LIMIT = 64
/** Seals and certificates are at most as large as a seal block's payload (DESIGN §3); CRLs come later with a cap of their own. */
const SIZE_LIMIT_BYTES = 262_144

/**
 * Exactly one value in the one encoding that DER allows (X.690 §8-11): definite minimal lengths, low tag
 * numbers, canonical BOOLEAN, INTEGER, BIT STRING, OID and NULL, sorted SETs, nothing after the value.
 * Whatever two readers could see in two ways is refused before any library sees it.
 * @throws PlatformError INVALID_SEAL
 */
export function readDer(bytes: Uint8Array): Der {
  if (bytes.byteLength > SIZE_LIMIT_BYTES)
    throw malformed('der-size', `the DER value is larger than ${SIZE_LIMIT_BYTES} bytes`)
  const { value, end } = readValue(bytes, 0, 1)
  if (end !== bytes.byteLength)
    throw malformed('der-trailing', `${bytes.byteLength - end} bytes stand after the DER value`)
  return value
}

/** A value that is opened no further than its own tag and length, and what stands after it. */
export interface OpenedDer {
  readonly tag: number
  readonly bytes: Uint8Array
  readonly content: Uint8Array
  readonly rest: Uint8Array
}

/**
 * The first value of `bytes`, by its header alone: for what is too large to be held as a tree (revocation lists). Its
 * content has then to be read, value by value. @throws PlatformError INVALID_SEAL
 */
export function openDer(bytes: Uint8Array, tag: number, what: string): OpenedDer {
  if (octet(bytes, 0) !== tag) throw malformed('der-shape', `${what} is not what it should be`)
  const { length, at } = readLength(bytes, 1)
  const end = at + length
  if (end > bytes.byteLength) throw malformed('der-truncated', 'the DER value is cut short')
  return {
    tag,
    bytes: bytes.subarray(0, end),
    content: bytes.subarray(at, end),
    rest: bytes.subarray(end),
  }
}

/** The values that stand one after the other in `content`, each whole. @throws PlatformError INVALID_SEAL */
export function* readEach(content: Uint8Array): Generator<Der> {
  for (let at = 0; at < content.byteLength;) {
    const { value, end } = readValue(content, at, 1)
    yield value
    at = end
  }
}

function readValue(bytes: Uint8Array, start: number, depth: number): { value: Der; end: number } {
  if (depth > DEPTH_LIMIT)
    throw malformed('der-depth', `the DER nests deeper than ${DEPTH_LIMIT} levels`)
  const tag = octet(bytes, start)
  if ((tag & 0x1f) === 0x1f) throw malformed('der-tag', 'the DER has a tag number above 30')
  const { length, at } = readLength(bytes, start + 1)
  const end = at + length
  if (end > bytes.byteLength) throw malformed('der-truncated', 'the DER value is cut short')
  const content = bytes.subarray(at, end)
  const constructed = (tag & 0x20) !== 0
  const children = constructed ? readChildren(content, depth) : []
  checkForm(tag, constructed, content, children)
  return { value: { tag, bytes: bytes.subarray(start, end), content, children }, end }
}

function readChildren(content: Uint8Array, depth: number): Der[] {
  const children: Der[] = []
  for (let at = 0; at < content.byteLength;) {
    const { value, end } = readValue(content, at, depth + 1)
    children.push(value)
    at = end
  }
  return children
}

function octet(bytes: Uint8Array, at: number): number {
  const value = bytes[at]
  if (value === undefined) throw malformed('der-truncated', 'the DER value is cut short')
  return value
}

/** X.690 §10.1: the definite form in the fewest octets. */
function readLength(bytes: Uint8Array, start: number): { length: number; at: number } {
  const first = octet(bytes, start)
  if (first < 0x80) return { length: first, at: start + 1 }
  const count = first & 0x7f
  if (count === 0) throw malformed('der-indefinite', 'the DER has an indefinite length')
  if (count > 4) throw malformed('der-length', 'the DER has a length of more than 4 octets')
  let length = 0
  for (let i = 1; i <= count; i += 1) length = length * 256 + octet(bytes, start + i)
  if (length < 0x80 || length < 256 ** (count - 1))
    throw malformed('der-length', 'the DER has a length that is not minimal')
  return { length, at: start + 1 + count }
}

function checkForm(tag: number, constructed: boolean, content: Uint8Array, children: Der[]): void {
  const universal = (tag & 0xc0) === 0
  if (!universal) return
  const structured = tag === TAG.sequence || tag === TAG.set
  const structureTag = (tag & 0x1f) === 0x10 || (tag & 0x1f) === 0x11
  // X.690 §10.2: strings are primitive in DER; SEQUENCE and SET are always constructed
  if (constructed !== structured || (!constructed && structureTag) || tag === 0)
    throw malformed(
      'der-form',
      `the DER has the tag 0x${tag.toString(16)}, which DER does not know`,
    )
  if (tag === TAG.set) checkSorted(children)
  else if (!constructed) checkPrimitive(tag, content)
}

/** X.690 §11.6: the values of a SET OF stand in ascending order of their encodings. */
function checkSorted(children: readonly Der[]): void {
  for (let i = 1; i < children.length; i += 1) {
    const before = children[i - 1]
    const after = children[i]
    if (before !== undefined && after !== undefined && compareDer(before.bytes, after.bytes) > 0)
      throw malformed('der-order', 'the DER has a SET whose values are not sorted')
  }
}

/** The order of X.690 §11.6: as octet strings, the shorter one padded with zero octets. */
export function compareDer(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.byteLength, b.byteLength)
  for (let i = 0; i < length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function checkPrimitive(tag: number, content: Uint8Array): void {
  const first = content[0]
  if (tag === TAG.boolean) {
    if (content.byteLength !== 1 || (first !== 0 && first !== 0xff))
      throw malformed('der-boolean', 'the DER has a BOOLEAN that is neither 00 nor FF')
  } else if (tag === TAG.null) {
    if (content.byteLength !== 0) throw malformed('der-null', 'the DER has a NULL with content')
  } else if (tag === TAG.integer || tag === 0x0a) {
    checkInteger(content)
  } else if (tag === TAG.bitString) {
    checkBitString(content)
  } else if (tag === TAG.oid) {
    checkOid(content)
  }
}

function checkInteger(content: Uint8Array): void {
  const [first, second] = content
  if (first === undefined) throw malformed('der-integer', 'the DER has an empty INTEGER')
  if (second === undefined) return
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
    throw malformed('der-integer', 'the DER has an INTEGER that is not minimal')
}

function checkBitString(content: Uint8Array): void {
  const unused = content[0]
  if (unused === undefined || unused > 7 || (unused > 0 && content.byteLength === 1))
    throw malformed('der-bit-string', 'the DER has a BIT STRING with a wrong count of unused bits')
  const last = content[content.byteLength - 1] ?? 0
  if (unused > 0 && (last & ((1 << unused) - 1)) !== 0)
    throw malformed('der-bit-string', 'the DER has a BIT STRING whose unused bits are not zero')
}

function checkOid(content: Uint8Array): void {
  const last = content[content.byteLength - 1]
  if (last === undefined || last >= 0x80 || content.byteLength > 64)
    throw malformed('der-oid', 'the DER has an OBJECT IDENTIFIER that is cut short')
  let start = true
  for (const byte of content) {
    if (start && byte === 0x80)
      throw malformed('der-oid', 'the DER has an OBJECT IDENTIFIER that is not minimal')
    start = byte < 0x80
  }
}
