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
const TEXT_TAGS: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString, TAG.ia5String])

/** A distinguished name as text, last RDN first (RFC 4514). @throws PlatformError INVALID_SEAL */
export function formatName(name: Der): string {
  const rdns = name.children.map((rdn) => {
    if (rdn.tag !== TAG.set || rdn.children.length === 0)
      throw malformed('certificate-name', 'a name in the certificate is malformed')
    return rdn.children.map(formatAttribute).join('+')
  })
  return rdns.toReversed().join(',')
}

function formatAttribute(value: Der): string {
  const cursor = new DerCursor(value, TAG.sequence, 'a name attribute')
  const oid = toOid(cursor.any())
  const content = cursor.any()
  cursor.end()
  if (content === undefined) throw malformed('certificate-name', 'a name attribute has no value')
  const short = SHORT[oid]
  if (short === undefined || !TEXT_TAGS.has(content.tag))
    return `${short ?? oid}=#${Buffer.from(content.bytes).toString('hex')}`
  return `${short}=${escapeText(decodeText(content))}`
}

function decodeText(value: Der): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.content)
  } catch (cause) {
    throw malformed('certificate-name', 'a name in the certificate is not UTF-8', cause)
  }
}

/** RFC 4514 §2.4. */
function escapeText(text: string): string {
  return text
    .replaceAll(/[\\",+<>;]/g, String.raw`\$&`)
    .replaceAll('\0', String.raw`\00`)
    .replace(/^[ #]/, String.raw`\$&`)
    .replace(/(?<=.) $/, String.raw`\ `)
}
