import { limits } from '../model/index.ts'
import { refusal, shown } from './refusal.ts'

/** What a file system takes in one step (NAME_MAX). */
const SEGMENT_LIMIT_BYTES = 255
/** How deep a path may be; each step is a directory to make. */
const DEPTH_LIMIT = 256

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Controls, bidi and other format characters, line and paragraph separators: names that show as other names. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/** Text from the zip, or `undefined` where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * The name of an entry. Without the UTF-8 flag only ASCII is taken: real readers see other bytes as CP437,
 * as UTF-8 or as the machine's own code page.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function decodeName(bytes: Uint8Array, utf8Flag: boolean): string {
  const text = decodeUtf8(bytes)
  if (text === undefined)
    throw refusal(
      'zip.name-encoding',
      `the name ${shown(Buffer.from(bytes).toString('latin1'))} is not UTF-8`,
    )
  if (!utf8Flag && bytes.some((byte) => byte >= 0x80))
    throw refusal(
      'zip.name-encoding',
      `the name ${shown(text)} is not ASCII and not marked as UTF-8, so readers disagree about it (pack with \`lacre pack\`, \`7z -mcu=on\`, or zip under an en_US.UTF-8 locale)`,
      { entry: text },
    )
  return text
}

export interface EntryPath {
  /** Without trailing slash. */
  readonly path: string
  readonly isDirectory: boolean
}

/**
 * A name as a path that means one thing everywhere and stays inside the root.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function parseEntryPath(name: string): EntryPath {
  const isDirectory = name.endsWith('/')
  const path = isDirectory ? name.slice(0, -1) : name
  const broken = brokenPathRule(path) ?? (isDirectory ? undefined : versionSuffixRule(path))
  if (broken !== undefined)
    throw refusal(broken.rule, `the name ${shown(name)} ${broken.message}`, { entry: name })
  return { path, isDirectory }
}

/** Info-ZIP leaves `;` and the digits behind it away, as a version number of VMS (unzip's `-V` keeps them). */
function versionSuffixRule(path: string): { rule: string; message: string } | undefined {
  if (!/;\d*$/.test(path)) return undefined
  const message = 'ends in `;` and digits, which unzip takes for a version number and leaves away'
  return { rule: 'zip.name-version', message }
}

function brokenPathRule(path: string): { rule: string; message: string } | undefined {
  if (path === '') return { rule: 'zip.name-empty', message: 'is empty' }
  if (UNPRINTABLE.test(path))
    return { rule: 'zip.name-control', message: 'holds a control or format character' }
  if (path.includes('\\')) return { rule: 'zip.name-backslash', message: 'holds a backslash' }
  if (path.startsWith('/')) return { rule: 'zip.name-absolute', message: 'is absolute' }
  if (/^[a-zA-Z]:/.test(path)) return { rule: 'zip.name-drive', message: 'names a drive' }
  if (Buffer.byteLength(path) > limits.ENTRY_PATH_LIMIT_BYTES)
    return {
      rule: 'zip.name-length',
      message: `is longer than ${limits.ENTRY_PATH_LIMIT_BYTES} bytes`,
    }
  const segments = path.split('/')
  if (segments.length > DEPTH_LIMIT)
    return { rule: 'zip.name-depth', message: `is deeper than ${DEPTH_LIMIT} directories` }
  for (const segment of segments) {
    if (segment === '') return { rule: 'zip.name-empty', message: 'has an empty part' }
    if (segment === '..') return { rule: 'zip.name-traversal', message: 'holds `..`' }
    if (segment === '.') return { rule: 'zip.name-dot', message: 'holds `.` as a part' }
    if (Buffer.byteLength(segment) > SEGMENT_LIMIT_BYTES)
      return {
        rule: 'zip.name-length',
        message: `has a part longer than ${SEGMENT_LIMIT_BYTES} bytes`,
      }
  }
  return undefined
}
