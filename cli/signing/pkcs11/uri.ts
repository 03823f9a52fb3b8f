import { PlatformError } from '../../../services/model/index.ts'

/** What a PKCS#11 URI (RFC 7512) names: a token, a key in it, the module that speaks to it, its PIN. */
export interface TokenReference {
  readonly token: string | undefined
  readonly manufacturer: string | undefined
  readonly model: string | undefined
  readonly serial: string | undefined
  readonly slotId: number | undefined
  /** CKA_LABEL */
  readonly object: string | undefined
  /** CKA_ID */
  readonly id: Buffer | undefined
  readonly modulePath: string | undefined
  readonly pin: string | undefined
  /** A file whose first line is the PIN. */
  readonly pinFile: string | undefined
}

const PATH_NAMES = ['token', 'manufacturer', 'model', 'serial', 'slot-id', 'object', 'id', 'type']
const QUERY_NAMES = ['module-path', 'pin-source', 'pin-value']
const URI_LIMIT_CHARS = 4_096

/**
 * Messages name attributes and never values, since one of them is the PIN. What is not known is refused, though RFC 7512
 * lets it be passed over: an attribute that would have told two keys apart must not be lost.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parsePkcs11Uri(uri: string): TokenReference {
  if (uri.length > URI_LIMIT_CHARS) throw refuse('is too long')
  const [path = '', query = '', ...more] = uri.slice('pkcs11:'.length).split('?')
  if (more.length > 0) throw refuse('has two question marks')
  const inPath = readAttributes(path, ';', PATH_NAMES)
  const inQuery = readAttributes(query, '&', QUERY_NAMES)
  const text = (from: Map<string, Buffer>, name: string): string | undefined =>
    toText(from.get(name), name)
  const type = text(inPath, 'type')
  if (type !== undefined && type !== 'private') throw refuse('names another type than `private`')
  const reference = {
    token: text(inPath, 'token'),
    manufacturer: text(inPath, 'manufacturer'),
    model: text(inPath, 'model'),
    serial: text(inPath, 'serial'),
    slotId: toSlotId(text(inPath, 'slot-id')),
    object: text(inPath, 'object'),
    id: inPath.get('id'),
    modulePath: text(inQuery, 'module-path'),
    pin: text(inQuery, 'pin-value'),
    pinFile: toPinFile(text(inQuery, 'pin-source')),
  }
  if (reference.pin !== undefined && reference.pinFile !== undefined)
    throw refuse('has both `pin-value` and `pin-source`')
  if (reference.object === undefined && reference.id === undefined)
    throw refuse('names no key: give `object` or `id`')
  return reference
}

function readAttributes(
  text: string,
  separator: string,
  names: readonly string[],
): Map<string, Buffer> {
  const attributes = new Map<string, Buffer>()
  for (const attribute of text.split(separator).filter((one) => one !== '')) {
    const at = attribute.indexOf('=')
    const name = attribute.slice(0, Math.max(at, 0))
    if (!names.includes(name))
      throw refuse(
        `has an attribute that is not one of ${names.map((one) => `\`${one}\``).join(', ')}`,
      )
    if (attributes.has(name)) throw refuse(`has \`${name}\` twice`)
    attributes.set(name, decodePercent(attribute.slice(at + 1), name))
  }
  return attributes
}

/** Octets, since an id is any. RFC 7512 allows these characters unencoded, and the space is what people type. */
function decodePercent(text: string, name: string): Buffer {
  if (!/^(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9\-._~:[\]@!$'()*+,=&/? ])*$/.test(text))
    throw refuse(`has a \`${name}\` that is not percent-encoded`)
  const latin = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(latin, 'latin1')
}

function toText(value: Buffer | undefined, name: string): string | undefined {
  if (value === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value)
  } catch {
    throw refuse(`has a \`${name}\` that is not UTF-8`)
  }
}

function toSlotId(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw refuse('has a `slot-id` that is not a number')
  return Number(text)
}

/** `file:/path` or a path. RFC 7512's `|command` is not run: a URI must not start a program. */
function toPinFile(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const path = text.replace(/^file:(?:\/\/(?=\/))?/, '')
  if (path === '' || path.startsWith('|')) throw refuse('has a `pin-source` that is not a file')
  return path
}

function refuse(what: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `the PKCS#11 URI ${what}`)
}
