import {
  PlatformError,
  canonicalJson,
  parseStrictJson,
  type Decision,
  type Facts,
  type Json,
  type SealFormat,
} from '../model/index.ts'
import {
  parseCheckpoint,
  parseEntry,
  parseTlogProof,
  type LedgerEntry,
  type Row,
  type SignedCheckpoint,
  type TlogProof,
} from '../ledger/index.ts'
import { parseSetDocument, type PolicySetSource } from '../policy/index.ts'
import { PATHS, type EvidenceHead } from './manifest.ts'

/** A governed row, and the entry that says what it is. */
export interface EvidenceRow {
  readonly table: string
  readonly row: Row
  readonly index: number
}

/** An entry with its place in the tree: the alias's own, or one that proves a row. */
export interface EvidenceEntry {
  readonly body: string
  readonly entry: LedgerEntry
  readonly proof: TlogProof
  /** The proof file, for what is compared byte by byte. */
  readonly note: string
}

export interface EvidenceDecision {
  readonly decision: Decision
  readonly facts: Facts
  readonly decisionBody: string
  readonly factsBody: string
}

/** A seal or attestation as a file that other tools read. */
export interface SealFile {
  readonly path: string
  /** `block` seals by the digest of the zip they came in, `detached` ones by that of the bytes they sign. */
  readonly of: string
  readonly place: 'block' | 'detached'
  readonly format: SealFormat
  readonly bytes: Uint8Array
}

export interface KnownCheckpoint {
  readonly checkpoint: SignedCheckpoint
  readonly note: string
  /** That it is the beginning of the archive's own. */
  readonly proof: readonly string[]
}

/** Everything in an archive but the range of entries, artifacts and what follows from the rest. */
export interface EvidenceContents {
  readonly head: EvidenceHead
  readonly note: string
  readonly checkpoint: SignedCheckpoint
  readonly verifierKey: string
  readonly publicKeyPem: string
  readonly checkpoints: readonly KnownCheckpoint[]
  /** In order of their index. */
  readonly entries: ReadonlyMap<number, EvidenceEntry>
  readonly rows: readonly EvidenceRow[]
  readonly decisions: ReadonlyMap<string, EvidenceDecision>
  /** Admission sets by their version. */
  readonly sets: ReadonlyMap<number, { readonly body: string; readonly source: PolicySetSource }>
  /** Schemas of policies by their SHA-256. */
  readonly schemas: ReadonlyMap<string, string>
  readonly seals: readonly SealFile[]
  readonly attestations: readonly SealFile[]
}

/** What a file of an archive is, by its path; `undefined` for one that no archive has. */
const FILES = {
  entry: /^ledger\/entries\/(0|[1-9][0-9]{0,15})\.json$/,
  proof: /^ledger\/entries\/(0|[1-9][0-9]{0,15})\.tlog-proof$/,
  decision: /^decisions\/(dec-[0-9A-Z]{26})\/(decision|facts)\.json$/,
  set: /^policies\/([1-9][0-9]{0,15})\/set\.json$/,
  schema: /^policies\/schemas\/([0-9a-f]{64})\.cedarschema$/,
  seal: /^seals\/([0-9a-f]{64})\/(block|detached)-([0-9a-f]{1,64})\.(sigstore\.json|p7s)$/,
  attestation: /^attestations\/([0-9a-f]{64})\/([0-9a-f]{64})\.sigstore\.json$/,
  artifact: /^artifacts\/([0-9a-f]{64})\.zip$/,
} as const

export const entryPath = (index: number): string => `ledger/entries/${index}.json`
export const proofPath = (index: number): string => `ledger/entries/${index}.tlog-proof`
export const decisionPath = (id: string, part: 'decision' | 'facts'): string =>
  `decisions/${id}/${part}.json`
export const setPath = (version: number): string => `policies/${version}/set.json`
export const schemaPath = (digest: string): string => `policies/schemas/${digest}.cedarschema`
export const artifactPath = (codeSha256: string): string => `artifacts/${codeSha256}.zip`
export const attestationPath = (artifact: string, digest: string): string =>
  `attestations/${artifact}/${digest}.sigstore.json`
export const sealPath = (file: Pick<SealFile, 'of' | 'place' | 'format'>, name: string): string =>
  `seals/${file.of}/${file.place}-${name}.${file.format === 'bundle' ? 'sigstore.json' : 'p7s'}`

/** The digest that an artifact's file is named by, where the path is one. */
export function artifactOf(path: string): string | undefined {
  return FILES.artifact.exec(path)?.[1]
}

type Files = ReadonlyMap<string, Uint8Array>

/**
 * Reads what the files say. Nothing is believed yet: every member is as it was found.
 * @throws PlatformError INVALID_PARAMETER, naming the file that cannot be read, is missing, or is none of evidence
 */
export function readContents(head: EvidenceHead, files: Files): EvidenceContents {
  refuseStrangers(files)
  const note = textOf(files, PATHS.checkpoint)
  return {
    head,
    note,
    checkpoint: reading(PATHS.checkpoint, () => parseCheckpoint(note)),
    verifierKey: textOf(files, PATHS.logKey),
    publicKeyPem: textOf(files, PATHS.logKeyPem),
    checkpoints: linesOf(files, PATHS.checkpoints).map(toKnownCheckpoint),
    entries: readEntries(files),
    rows: linesOf(files, PATHS.rows).map(toRow),
    decisions: readDecisions(files),
    sets: readSets(files),
    schemas: new Map(
      matching(files, FILES.schema).map(({ path, parts: [digest = ''] }) => [
        digest,
        textOf(files, path),
      ]),
    ),
    seals: matching(files, FILES.seal).map(({ path, parts }) => ({
      path,
      of: parts[0] ?? '',
      place: parts[1] === 'block' ? 'block' : 'detached',
      format: parts[3] === 'p7s' ? 'cms' : 'bundle',
      bytes: files.get(path) ?? new Uint8Array(),
    })),
    attestations: matching(files, FILES.attestation).map(({ path, parts }) => ({
      path,
      of: parts[0] ?? '',
      place: 'detached',
      format: 'bundle',
      bytes: files.get(path) ?? new Uint8Array(),
    })),
  }
}

function refuseStrangers(files: Files): void {
  const fixed: readonly string[] = [
    PATHS.checkpoint,
    PATHS.logKey,
    PATHS.logKeyPem,
    PATHS.checkpoints,
    PATHS.rows,
  ]
  const patterns = Object.values(FILES)
  for (const path of files.keys()) {
    if (fixed.includes(path) || patterns.some((pattern) => pattern.test(path))) continue
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is no file of evidence`)
  }
}

function matching(files: Files, pattern: RegExp) {
  return [...files.keys()].toSorted().flatMap((path) => {
    const match = pattern.exec(path)
    return match === null ? [] : [{ path, parts: match.slice(1) }]
  })
}

function readEntries(files: Files): ReadonlyMap<number, EvidenceEntry> {
  const found = matching(files, FILES.entry).map(({ path, parts }): [number, EvidenceEntry] => {
    const index = Number(parts[0])
    const body = textOf(files, path)
    const entry = parseEntry(body)
    if (entry === undefined || entry.index !== index) throw unreadable(path)
    const proofFile = textOf(files, proofPath(index))
    const proof = reading(proofPath(index), () => parseTlogProof(proofFile))
    // No extra data: it would be authenticated by nothing.
    if (proof.index !== index || proof.extra !== undefined) throw unreadable(proofPath(index))
    return [index, { body, entry, proof, note: proof.note }]
  })
  const entries = new Map(found.toSorted(([a], [b]) => a - b))
  for (const { path, parts } of matching(files, FILES.proof)) {
    if (!entries.has(Number(parts[0]))) throw unreadable(path, 'proves an entry that is not there')
  }
  return entries
}

function readDecisions(files: Files): ReadonlyMap<string, EvidenceDecision> {
  const ids = new Set(matching(files, FILES.decision).map(({ parts }) => parts[0] ?? ''))
  return new Map(
    [...ids].map((id) => {
      const decisionBody = textOf(files, decisionPath(id, 'decision'))
      const factsBody = textOf(files, decisionPath(id, 'facts'))
      const parse = (path: string, body: string) =>
        reading(path, () => parseStrictJson(Buffer.from(body))) as unknown
      const decision = parse(decisionPath(id, 'decision'), decisionBody) as Decision
      const facts = parse(decisionPath(id, 'facts'), factsBody) as Facts
      return [id, { decision, facts, decisionBody, factsBody }]
    }),
  )
}

function readSets(files: Files): EvidenceContents['sets'] {
  return new Map(
    matching(files, FILES.set).map(({ path, parts }) => {
      const body = textOf(files, path)
      const source = reading(path, () => parseSetDocument(parseStrictJson(Buffer.from(body))))
      return [Number(parts[0]), { body, source }]
    }),
  )
}

function toKnownCheckpoint(line: string): KnownCheckpoint {
  const { note, proof } = toObject(PATHS.checkpoints, line)
  if (typeof note !== 'string' || !Array.isArray(proof)) throw unreadable(PATHS.checkpoints)
  const hashes = (proof as readonly Json[]).map(String)
  return {
    note,
    proof: hashes,
    checkpoint: reading(PATHS.checkpoints, () => parseCheckpoint(note)),
  }
}

function toRow(line: string): EvidenceRow {
  const { table, row, index } = toObject(PATHS.rows, line)
  const sound =
    typeof table === 'string' &&
    typeof index === 'number' &&
    typeof row === 'object' &&
    row !== null &&
    // As it is hashed: without what is empty.
    Object.values(row).every((value) => typeof value === 'string' || typeof value === 'number')
  if (!sound) throw unreadable(PATHS.rows)
  return { table, index, row: row as Row }
}

function toObject(path: string, line: string): Readonly<Record<string, Json>> {
  const value = reading(path, () => parseStrictJson(Buffer.from(line)))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(path)
  if (canonicalJson(value) !== line) throw unreadable(path, 'has a line that is not canonical')
  return value as Readonly<Record<string, Json>>
}

function linesOf(files: Files, path: string): string[] {
  const lines = textOf(files, path).split('\n')
  if (lines.pop() !== '') throw unreadable(path)
  return lines
}

function textOf(files: Files, path: string): string {
  const bytes = files.get(path)
  if (bytes === undefined) throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is not there`)
  const text = Buffer.from(bytes).toString('utf8')
  if (!Buffer.from(text).equals(bytes)) throw unreadable(path, 'is not UTF-8')
  return text
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw unreadable(path, undefined, cause)
  }
}

function unreadable(path: string, what = 'is not of its form', cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `\`${path}\` ${what}`, { cause })
}

/** A column of a row as text; empty where there is none. */
export function cell(row: Row, column: string): string {
  return String(row[column] ?? '')
}
