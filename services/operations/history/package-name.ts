import { PlatformError } from '../../model/index.ts'

/** A package as it is looked for: its name, with its namespace or without, and a version or any. */
export interface PackageAsked {
  /** Lower case. */
  readonly name: string
  /** Exactly as it is written; any where not given. */
  readonly version?: string
  /** Lower case: of a package URL alone. */
  readonly type?: string
}

const PURL = /^pkg:\/*([^/?#]+)\/+([^?#]+)/i
const PACKAGE_LIMIT_CHARS = 1_024

/** A package URL, `NAME` or `NAME@VERSION`; `@scope/name` begins with no version. @throws PlatformError INVALID_PARAMETER */
export function parsePackage(text: string): PackageAsked {
  const purl = parsePurl(text)
  const [name, version] = purl === undefined ? splitVersion(text) : [purl.name, purl.version]
  if (
    name === '' ||
    text.length > PACKAGE_LIMIT_CHARS ||
    (purl === undefined && /^pkg:/i.test(text))
  )
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${text.slice(0, 80)}\` is no package: give a package URL, NAME or NAME@VERSION`,
    )
  return {
    name: name.toLowerCase(),
    ...(version !== undefined && { version }),
    ...(purl !== undefined && { type: purl.type }),
  }
}

/** A package URL's type, namespace and name in one, and version; qualifiers and subpath are passed over. */
export function parsePurl(
  text: string,
):
  | { readonly type: string; readonly name: string; readonly version: string | undefined }
  | undefined {
  const [, type, path] = PURL.exec(text) ?? []
  if (type === undefined || path === undefined) return undefined
  const [name, version] = splitVersion(path)
  return {
    type: type.toLowerCase(),
    name: decoded(name),
    version: version === undefined ? undefined : decoded(version),
  }
}

/** At the last `@` that stands neither first nor before a slash: `@scope/name` names no version. */
function splitVersion(text: string): readonly [name: string, version: string | undefined] {
  const at = text.lastIndexOf('@')
  const isVersion = at > 0 && text[at - 1] !== '/' && !text.slice(at).includes('/')
  return isVersion ? [text.slice(0, at), text.slice(at + 1) || undefined] : [text, undefined]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
