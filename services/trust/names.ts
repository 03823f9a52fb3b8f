import { DerCursor, malformed, TAG, toOid, type Der } from '../seal/index.ts'

/** RFC 4514 §3, and the further short names that `openssl x509 -nameopt RFC2253` prints. */
const SHORT: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
}
const EMAIL_ADDRESS = '1.2.840.113549.1.9.1'
const COMMON_NAME = '2.5.4.3'
const TEXT_TAGS: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString, TAG.ia5String])

/** How the string types that stand in names hold their characters (X.690 §8.23; T.61 is read as Latin-1, as everybody does). */
const DECODERS: Readonly<Record<number, (content: Uint8Array) => string>> = {
  [TAG.utf8String]: decodeUtf8,
  [TAG.printableString]: decodeUtf8,
  [TAG.ia5String]: decodeUtf8,
  0x14: (content) => Buffer.from(content).toString('latin1'),
  0x1e: decodeBmp,
}

/** A distinguished name as it is compared: two are the same where their keys are. */
export interface DistinguishedName {
  readonly key: string
  /** Each RDN in its comparable form, first one first: a subtree is a prefix of these. */
  readonly rdns: readonly string[]
  /** Values of the attributes that name constraints look at, too. */
  readonly emails: readonly string[]
  readonly commonNames: readonly string[]
}

/**
 * RFC 5280 §7.1: attributes compared without regard to case, string type, or the number of spaces. What is no text
 * is compared octet by octet.
 * @throws PlatformError INVALID_SEAL
 */
export function parseName(name: Der): DistinguishedName {
  if (name.tag !== TAG.sequence) throw malformed('certificate-name', 'a name is malformed')
  const rdns = name.children.map(readRdn)
  const values = (oid: string): string[] =>
    rdns.flat().flatMap((one) => (one.oid === oid && one.text !== undefined ? [one.text] : []))
  const keys = rdns.map((rdn) => JSON.stringify(rdn.map(comparable).toSorted()))
  return {
    key: keys.join(),
    rdns: keys,
    emails: values(EMAIL_ADDRESS),
    commonNames: values(COMMON_NAME),
  }
}

interface NameAttribute {
  readonly oid: string
  readonly text: string | undefined
  readonly value: Der
}

function readRdn(rdn: Der): NameAttribute[] {
  if (rdn.tag !== TAG.set || rdn.children.length === 0)
    throw malformed('certificate-name', 'a name in the certificate is malformed')
  return rdn.children.map((attribute) => {
    const cursor = new DerCursor(attribute, TAG.sequence, 'a name attribute')
    const oid = toOid(cursor.any())
    const value = cursor.any()
    cursor.end()
    if (value === undefined) throw malformed('certificate-name', 'a name attribute has no value')
    return { oid, value, text: DECODERS[value.tag]?.(value.content) }
  })
}

function comparable({ oid, text, value }: NameAttribute): string {
  if (text === undefined) return `${oid}#${Buffer.from(value.bytes).toString('hex')}`
  return `${oid}=${text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim()}`
}

/** A distinguished name as text, last RDN first (RFC 4514). @throws PlatformError INVALID_SEAL */
export function formatName(name: Der): string {
  return name.children
    .map((rdn) => readRdn(rdn).map(formatAttribute).join('+'))
    .toReversed()
    .join(',')
}

function formatAttribute({ oid, value, text }: NameAttribute): string {
  const short = SHORT[oid]
  if (short === undefined || text === undefined || !TEXT_TAGS.has(value.tag))
    return `${short ?? oid}=#${Buffer.from(value.bytes).toString('hex')}`
  return `${short}=${escapeText(text)}`
}

function decodeUtf8(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (cause) {
    throw malformed('certificate-name', 'a name in the certificate is not UTF-8', cause)
  }
}

/** UTF-16, big-endian. */
function decodeBmp(content: Uint8Array): string {
  if (content.byteLength % 2 !== 0)
    throw malformed('certificate-name', 'a name in the certificate is not UTF-16')
  return Buffer.from(content).swap16().toString('utf16le')
}

/** RFC 4514 §2.4. */
function escapeText(text: string): string {
  return text
    .replaceAll(/[\\",+<>;]/g, String.raw`\$&`)
    .replaceAll('\0', String.raw`\00`)
    .replace(/^[ #]/, String.raw`\$&`)
    .replace(/(?<!^\\) $/, String.raw`\ `)
}
