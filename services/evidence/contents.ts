import assert from 'node:assert/strict'

import {
  PlatformError,
  parseStrictJson,
  type Decision,
  type Facts,
  type SealFormat,
} from '../model/index.ts'
import type { Row } from '../ledger/index.ts'
import { parseSetDocument, type PolicySetSource } from '../policy/index.ts'
import type { EvidenceHead } from './head.ts'
import {
  besideLedgers,
  placedEntries,
  readLedgers,
  type EvidenceEntry,
  type EvidenceLedger,
} from './ledgers.ts'
import { PATHS } from './manifest.ts'
import { linesOf, matching, reading, textOf, toObject, unreadable, type Files } from './reading.ts'

/** A governed row, and the entry that says what it is. */
export interface EvidenceRow {
  readonly table: string
  readonly row: Row
  /** The place of the entry. */
  readonly index: number
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

/** Everything in an archive but the range of entries, artifacts and what follows from the rest. */
export interface EvidenceContents {
  readonly head: EvidenceHead
  /** Oldest first. */
  readonly ledgers: readonly EvidenceLedger[]
  /** The one in force: the last of them. */
  readonly newest: EvidenceLedger
  /** Of all ledgers, in order, by their places: so are they numbered wherever an entry is named. */
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
  decision: /^decisions\/(dec-[0-9A-Z]{26})\/(decision|facts)\.json$/,
  set: /^policies\/([1-9][0-9]{0,15})\/set\.json$/,
  schema: /^policies\/schemas\/([0-9a-f]{64})\.cedarschema$/,
  seal: /^seals\/([0-9a-f]{64})\/(block|detached)-([0-9a-f]{1,64})\.(sigstore\.json|p7s)$/,
  attestation: /^attestations\/([0-9a-f]{64})\/([0-9a-f]{64})\.sigstore\.json$/,
  artifact: /^artifacts\/([0-9a-f]{64})\.zip$/,
} as const

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

/**
 * Reads what the files say. Nothing is believed yet: every member is as it was found.
 * @throws PlatformError INVALID_PARAMETER, naming the file that cannot be read, is missing, or is none of evidence
 */
export function readContents(head: EvidenceHead, files: Files): EvidenceContents {
  refuseStrangers(head, files)
  const ledgers = readLedgers(head, files)
  const newest = ledgers.at(-1)
  assert(newest, 'there is a ledger in force')
  return {
    head,
    ledgers,
    newest,
    entries: placedEntries(ledgers),
    rows: linesOf(files, PATHS.rows).map((line) => toRow(line, ledgers)),
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

function refuseStrangers(head: EvidenceHead, files: Files): void {
  const patterns = Object.values(FILES)
  for (const path of besideLedgers(head, files)) {
    if (path === PATHS.rows) continue
    if (patterns.some((pattern) => pattern.test(path))) continue
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is no file of evidence`)
  }
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

/** Of an earlier ledger the line has the number of it beside the index. */
function toRow(line: string, ledgers: readonly EvidenceLedger[]): EvidenceRow {
  const { table, row, index, epoch } = toObject(PATHS.rows, line)
  const ledger =
    epoch === undefined ? ledgers.at(-1) : ledgers.slice(0, -1).find((one) => one.epoch === epoch)
  const sound =
    typeof table === 'string' &&
    typeof index === 'number' &&
    Number.isSafeInteger(index) &&
    index >= 0 &&
    typeof row === 'object' &&
    row !== null &&
    // As it is hashed: without what is empty.
    Object.values(row).every((value) => typeof value === 'string' || typeof value === 'number')
  if (!sound || ledger === undefined) throw unreadable(PATHS.rows)
  // An index behind the end of an earlier ledger would be one of the next.
  if (epoch !== undefined && index >= ledger.size) throw unreadable(PATHS.rows)
  return { table, index: ledger.base + index, row: row as Row }
}

/** A column of a row as text; empty where there is none. */
export function cell(row: Row, column: string): string {
  return String(row[column] ?? '')
}
