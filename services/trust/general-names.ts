import { malformed, TAG, type Der } from '../seal/index.ts'
import { parseName, type DistinguishedName } from './names.ts'

/** A GeneralName (RFC 5280 §4.2.1.6), as far as anything here asks for it. */
export type GeneralName =
  | { readonly type: 'email' | 'dns' | 'uri'; readonly value: string }
  | { readonly type: 'ip'; readonly octets: Uint8Array }
  | { readonly type: 'directory'; readonly name: DistinguishedName }
  /** otherName, x400Address, ediPartyName, registeredID: known by their tag alone. */
  | { readonly type: 'other'; readonly tag: number }

const TEXT_TYPES: Readonly<Record<number, 'email' | 'dns' | 'uri'>> = {
  0x81: 'email',
  0x82: 'dns',
  0x86: 'uri',
}
const OTHER_TAGS: ReadonlySet<number> = new Set([0xa0, 0xa3, 0xa5, 0x88])

/** @throws PlatformError INVALID_SEAL */
export function parseGeneralName(value: Der): GeneralName {
  const type = TEXT_TYPES[value.tag]
  if (type !== undefined) return { type, value: toAscii(value.content) }
  if (value.tag === 0x87) return { type: 'ip', octets: value.content }
  if (value.tag === 0xa4) {
    const [name] = value.children
    if (name === undefined || value.children.length !== 1 || name.tag !== TAG.sequence)
      throw malformed('alternative-name', 'a directory name in the certificate is malformed')
    return { type: 'directory', name: parseName(name) }
  }
  if (OTHER_TAGS.has(value.tag)) return { type: 'other', tag: value.tag }
  throw malformed('alternative-name', 'a name in the certificate is of no type that there is')
}

/** IA5String; a NUL, a control or a foreign character makes two readers see two names. */
function toAscii(content: Uint8Array): string {
  const text = Buffer.from(content).toString('latin1')
  if (!/^[\x20-\x7e]*$/.test(text))
    throw malformed('alternative-name', 'an alternative name is not printable ASCII')
  return text
}
