import {
  PlatformError,
  canonicalJson,
  parseIsoTime,
  parseStrictJson,
  sha256,
  limits,
  type Json,
  type Sha256,
} from '../model/index.ts'

/** One file of a backup. */
export interface BackupFile {
  /** Below the backup, with slashes. */
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: Sha256
}

export interface BackupManifest {
  readonly v: 1
  readonly kind: 'lacre backup'
  /** RFC 3339: the instant that all of it is of. */
  readonly createdAt: string
  /** `account/region`, as every ARN in it has them. */
  readonly place: string
  readonly ledger: {
    readonly origin: string
    readonly size: number
    readonly root: string
    /** The newest signed note, over this many entries or fewer; null where none was signed yet. */
    readonly checkpoint: string | null
  }
  /** Ids of the master keys that sealed the secrets in it: what has to be at hand to use them. */
  readonly masterKeys: readonly string[]
  /** Blobs that rows name and that were damaged or gone when it was made (`--without-damaged`). */
  readonly damaged: readonly Sha256[]
  /** In bytewise order of path. */
  readonly files: readonly BackupFile[]
}

export const MANIFEST_FILE = 'manifest.json'

const DATABASE = /^databases\/(lacre|events)-([0-9a-f]{64})\.db$/
const BLOB = /^blobs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/

/** The databases of a service, by the names of their files. */
export type DatabaseName = 'lacre' | 'events'

export const databasePath = (name: DatabaseName, digest: Sha256): string =>
  `databases/${name}-${digest}.db`

export const blobPath = (digest: Sha256): string => `blobs/${digest.slice(0, 2)}/${digest}`

/** What a path names; `undefined` where no backup has such a file. */
export function parsePath(
  path: string,
):
  | { readonly kind: 'database'; readonly name: DatabaseName; readonly digest: Sha256 }
  | { readonly kind: 'blob'; readonly digest: Sha256 }
  | undefined {
  const database = DATABASE.exec(path)
  if (database !== null)
    return {
      kind: 'database',
      name: database[1] as DatabaseName,
      digest: database[2] as Sha256,
    }
  const blob = BLOB.exec(path)
  return blob === null ? undefined : { kind: 'blob', digest: blob[2] as Sha256 }
}

/** SHA-256 over a domain tag and the canonical JSON: what to keep elsewhere to know the backup again. */
export function manifestDigest(manifest: BackupManifest): Sha256 {
  return sha256(`lacre backup v1\0${canonicalJson(manifest as unknown as Json)}`)
}

/** The file: the canonical JSON with the digest of itself without it, so that any changed byte shows. */
export function formatManifest(manifest: BackupManifest): string {
  const whole = { ...manifest, digest: manifestDigest(manifest) }
  return `${canonicalJson(whole as unknown as Json)}\n`
}

/** @throws PlatformError INVALID_BACKUP */
export function parseManifest(bytes: Uint8Array): BackupManifest {
  if (bytes.byteLength > limits.BACKUP_MANIFEST_LIMIT_BYTES)
    throw invalidBackup('its manifest is too large')
  const value = parseJson(bytes)
  if (!isObject(value)) throw invalidBackup('its manifest is no object')
  if (value['kind'] !== 'lacre backup') throw invalidBackup('its manifest is of something else')
  if (value['v'] !== 1)
    throw invalidBackup('its manifest is of another version than 1, which this lacre reads')
  const manifest: BackupManifest = {
    v: 1,
    kind: 'lacre backup',
    createdAt: parseInstant(value['createdAt']),
    place: parseText(value['place'], 'place', /^\d{12}\/[a-z0-9-]{1,32}$/),
    ledger: parseLedger(value['ledger']),
    masterKeys: parseTexts(value['masterKeys'], 'masterKeys', /^[0-9a-f]{8}$/),
    damaged: parseTexts(value['damaged'], 'damaged', /^[0-9a-f]{64}$/) as Sha256[],
    files: parseFiles(value['files']),
  }
  // What was not read above, another order, another spelling: all of it shows here.
  if (formatManifest(manifest) !== Buffer.from(bytes).toString('utf8'))
    throw invalidBackup('its manifest was changed: it does not hash to its own digest')
  return manifest
}

export function invalidBackup(why: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_BACKUP', `the backup cannot be used: ${why}`, { cause })
}

function parseJson(bytes: Uint8Array): Json {
  try {
    return parseStrictJson(bytes)
  } catch (cause) {
    throw invalidBackup('its manifest is no JSON', cause)
  }
}

function parseLedger(value: Json | undefined): BackupManifest['ledger'] {
  if (!isObject(value)) throw invalidBackup('its manifest tells of no ledger')
  const { checkpoint = null } = value
  return {
    origin: parseText(value['origin'], 'ledger.origin', /^[^+\s]{0,200}$/),
    size: parseNumber(value['size'], 'ledger.size'),
    root: parseText(value['root'], 'ledger.root', /^[0-9a-f]{64}$/),
    checkpoint: checkpoint === null ? null : parseText(checkpoint, 'ledger.checkpoint', /^[^\0]+$/),
  }
}

function parseFiles(value: Json | undefined): BackupFile[] {
  if (!isArray(value) || value.length > limits.BACKUP_FILES_LIMIT)
    throw invalidBackup('its manifest has no files, or too many')
  let last = ''
  const names = new Set<string>()
  return value.map((item) => {
    if (!isObject(item)) throw invalidBackup('its manifest lists something that is no file')
    const path = parseText(item['path'], 'path', /^[a-z0-9/.-]{1,100}$/)
    const digest = parseText(item['sha256'], path, /^[0-9a-f]{64}$/) as Sha256
    const sizeBytes = parseNumber(item['sizeBytes'], path)
    const parsed = parsePath(path)
    if (parsed === undefined) throw invalidBackup(`no backup has a file \`${path}\``)
    if (parsed.digest !== digest) throw invalidBackup(`\`${path}\` is named by another digest`)
    if (parsed.kind === 'database') {
      if (names.has(parsed.name)) throw invalidBackup(`it has two databases \`${parsed.name}\``)
      names.add(parsed.name)
    }
    if (parsed.kind === 'blob' && sizeBytes > limits.ARTIFACT_LIMIT_BYTES)
      throw invalidBackup(`\`${path}\` is larger than any artifact`)
    if (path <= last) throw invalidBackup(`its manifest lists \`${path}\` twice or out of order`)
    last = path
    return { path, sizeBytes, sha256: digest }
  })
}

function parseInstant(value: Json | undefined): string {
  if (typeof value === 'string' && parseIsoTime(value) !== undefined) return value
  throw invalidBackup('its manifest has no time')
}

function parseText(value: Json | undefined, what: string, form: RegExp): string {
  if (typeof value === 'string' && form.test(value)) return value
  throw invalidBackup(`its manifest says nothing that makes sense of \`${what}\``)
}

function parseTexts(value: Json | undefined, what: string, form: RegExp): string[] {
  if (!isArray(value) || value.length > limits.BACKUP_FILES_LIMIT)
    throw invalidBackup(`its manifest has no list \`${what}\``)
  return value.map((item) => parseText(item, what, form))
}

function parseNumber(value: Json | undefined, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalidBackup(`its manifest has no number for \`${what}\``)
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
