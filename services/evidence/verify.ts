import { openArtifact, unsealedSource } from '../artifact/index.ts'
import { canonicalJson, bufferSource, sha256, type ByteSource } from '../model/index.ts'
import type { LedgerEntry, NoteKey } from '../ledger/index.ts'
import { readArchive } from './archive.ts'
import {
  artifactOf,
  attestationPath,
  cell,
  readContents,
  sealPath,
  type EvidenceContents,
} from './contents.ts'
import { derivedFiles } from './derived.ts'
import { ExpectedRows } from './expected-rows.ts'
import { Findings, type EvidenceFinding } from './findings.ts'
import { PATHS, parseManifest, type Manifest } from './manifest.ts'
import { aliasIntervals, cosignersOf, ownEntries } from './report.ts'
import { LASTING_TABLES, isOwn } from './scope.ts'
import { checkDecisions, replayDecisions } from './verify-decisions.ts'
import {
  RangeWalk,
  checkEntries,
  checkKnownCheckpoints,
  checkLogKey,
  checkOutside,
} from './verify-log.ts'
import { SealCheck, type PinnedTrust } from './verify-seals.ts'

/** What is known from outside of the archive; without a log key the answer is never "authenticated" (RULES §6). */
export interface VerifyEvidenceOptions {
  readonly logKey?: NoteKey | undefined
  /** Checkpoints kept elsewhere, as notes. */
  readonly checkpoints?: readonly string[]
  readonly pinned?: PinnedTrust
}

export interface EvidenceVerdict {
  readonly answer: 'authenticated' | 'consistent, not authenticated' | 'changed'
  readonly findings: readonly EvidenceFinding[]
  /** Absent where the archive could not even be read as one. */
  readonly told?: EvidenceTold
}

/** What was verified, in numbers; with findings only what they leave of it. */
export interface EvidenceTold {
  readonly functionName: string
  readonly alias: string
  readonly fromMs: number
  readonly toMs: number
  readonly origin: string
  readonly size: number
  readonly root: string
  /** Whether everything about the alias is inside: of the window, since the opening of what was live then, or unknown. */
  readonly completeness: 'not shown' | 'window' | 'since opening'
  readonly entries: number
  readonly ownEntries: number
  readonly intervals: number
  readonly decisions: number
  readonly replayed: number
  readonly seals: number
  readonly attestations: number
  readonly needArtifact: number
  readonly artifacts: number
  /** Checkpoints from outside that this log begins with. */
  readonly outsideCheckpoints: number
  /** Names beside the log's own on the checkpoint; their keys are not inside, so that nothing is said of them. */
  readonly cosigners: readonly string[]
}

const NOTHING_PINNED: PinnedTrust = { keys: new Set(), trustedRoot: undefined }

/** Verifies an archive with nothing but itself and what is given from outside: no net, no disk, no clock. */
export async function verifyEvidence(
  source: ByteSource,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceVerdict> {
  const findings = new Findings()
  const told = await verifyInto(findings, source, options)
  const { list } = findings
  if (list.length > 0) return { answer: 'changed', findings: list, told }
  const answer =
    options.logKey === undefined ? 'consistent, not authenticated' : 'authenticated'
  return { answer, findings: list, told }
}

async function verifyInto(
  findings: Findings,
  source: ByteSource,
  options: VerifyEvidenceOptions,
): Promise<EvidenceTold | undefined> {
  let files: Map<string, Buffer>
  try {
    files = new Map(await readArchive(source))
  } catch (error) {
    findings.add('archive', error instanceof Error ? error.message : 'it cannot be read')
    return undefined
  }
  const bytes = files.get(PATHS.manifest)
  if (bytes === undefined) {
    findings.add('missing', `\`${PATHS.manifest}\` is not there`)
    return undefined
  }
  const manifest = findings.guard('edited', 'the manifest', () => parseManifest(bytes))
  if (manifest === undefined) return undefined
  files.delete(PATHS.manifest)
  checkFiles(manifest, files, findings)
  return await verifyFiles(manifest, files, { findings, options })
}

/** Every file named, every name a file, every byte as it was. */
function checkFiles(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
  findings: Findings,
): void {
  for (const [path, digest] of manifest.files) {
    const file = files.get(path)
    if (file === undefined) findings.add('missing', `\`${path}\` is not there`)
    else if (sha256(file) !== digest) findings.add('edited', `\`${path}\` was changed`)
  }
  for (const path of files.keys())
    if (!manifest.files.has(path))
      findings.add('extra', `\`${path}\` is no file of this archive`)
}

interface Around {
  readonly findings: Findings
  readonly options: VerifyEvidenceOptions
}

async function verifyFiles(
  manifest: Manifest,
  files: Map<string, Buffer>,
  { findings, options }: Around,
): Promise<EvidenceTold | undefined> {
  const range = files.get(PATHS.range)
  files.delete(PATHS.range)
  const artifacts = takeArtifacts(files)
  const derived = takeDerived(files)
  const contents = findings.guard('archive', 'a file', () => readContents(manifest, files))
  if (contents === undefined || range === undefined) {
    if (range === undefined) findings.add('missing', `\`${PATHS.range}\` is not there`)
    return undefined
  }
  findings.guard('edited', 'what follows from the rest', () =>
    checkDerived(contents, derived, findings),
  )
  try {
    return await verifyContents(contents, { range, artifacts }, { findings, options })
  } catch (error) {
    // Hostile rows may be of any shape: that something of them cannot be read is the answer.
    findings.add('archive', `the archive cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

function takeArtifacts(files: Map<string, Buffer>): Map<string, Buffer> {
  const artifacts = new Map<string, Buffer>()
  for (const [path, bytes] of files) {
    const digest = artifactOf(path)
    if (digest === undefined) continue
    artifacts.set(digest, bytes)
    files.delete(path)
  }
  return artifacts
}

const DERIVED =
  /^(?:README\.md|report\.(?:json|html)|inclusion\.sh|dsse\.sh|policies\/\d+\/\d+\.cedar|publishers\/[^/]+)$/

function takeDerived(files: Map<string, Buffer>): Map<string, Buffer> {
  const derived = new Map<string, Buffer>()
  for (const [path, bytes] of files) {
    if (!DERIVED.test(path)) continue
    derived.set(path, bytes)
    files.delete(path)
  }
  return derived
}

/** The report and all else that people read is made again: whoever edited it did not edit the rest with it. */
function checkDerived(
  contents: EvidenceContents,
  found: ReadonlyMap<string, Buffer>,
  findings: Findings,
): void {
  const wanted = derivedFiles(contents)
  for (const [path, text] of wanted) {
    const file = found.get(path)
    if (file === undefined) findings.add('missing', `\`${path}\` is not there`)
    else if (!file.equals(Buffer.from(text)))
      findings.add('edited', `\`${path}\` does not follow from the rest of the archive`)
  }
  for (const path of found.keys())
    if (!wanted.has(path)) findings.add('extra', `\`${path}\` is no file of this archive`)
}

async function verifyContents(
  contents: EvidenceContents,
  large: { readonly range: Buffer; readonly artifacts: ReadonlyMap<string, Buffer> },
  { findings, options }: Around,
): Promise<EvidenceTold> {
  const key = checkLogKey(contents, options.logKey, findings)
  checkEntries(contents, findings)
  checkKnownCheckpoints(contents, key, findings)
  const walk = walkRange(contents, large.range, findings, options)
  const outside = checkOutside(contents, options.checkpoints ?? [], { walk, key, findings })
  const decisions = checkDecisions(contents, findings)
  const replayed = replayDecisions(contents, decisions, findings)
  checkCarried(contents, findings)
  const unsealed = await openArtifacts(contents, large.artifacts, findings)
  const seals = new SealCheck(contents, findings, {
    pinned: options.pinned ?? NOTHING_PINNED,
    unsealed: (digest) => unsealed.get(digest),
  })
  for (const decision of decisions) seals.check(decision)
  seals.finish()
  const { head, checkpoint } = contents
  const { functionName, alias, fromMs, toMs } = head.scope
  return {
    functionName,
    alias,
    fromMs,
    toMs,
    origin: checkpoint.origin,
    size: checkpoint.size,
    root: checkpoint.root,
    completeness: completenessOf(contents, walk.withheld),
    entries: head.range.end - head.range.first,
    ownEntries: ownEntries(contents).length,
    intervals: aliasIntervals(contents).length,
    decisions: decisions.length,
    replayed,
    ...seals.counts,
    artifacts: unsealed.size,
    outsideCheckpoints: outside,
    cosigners: cosignersOf(contents),
  }
}

function completenessOf(
  { head }: EvidenceContents,
  withheld: number,
): EvidenceTold['completeness'] {
  if (withheld > 0) return 'not shown'
  if (head.scope.entries === 'own') return 'not shown'
  return head.scope.entries === 'window' ? 'window' : 'since opening'
}

/** One pass over the range: the tree, the times, and that nothing about the alias is left out of the rest. */
function walkRange(
  contents: EvidenceContents,
  range: Buffer,
  findings: Findings,
  options: VerifyEvidenceOptions,
): RangeWalk {
  const sizes = [
    ...contents.checkpoints.map(({ checkpoint }) => checkpoint.size),
    ...(options.checkpoints ?? []).flatMap(sizeIn),
  ]
  const walk = new RangeWalk(contents, findings, sizes)
  const rows = new ExpectedRows(contents, findings)
  for (const { entry } of contents.entries.values()) rows.meet(entry)
  const inRange = new RangeCheck(contents, findings, rows)
  for (const line of linesOf(range)) {
    const entry = walk.add(line)
    if (entry === undefined) continue
    if (!contents.entries.has(entry.index)) rows.meet(entry)
    inRange.check(entry)
  }
  walk.finish()
  rows.finish()
  if (walk.withheld > 0 && contents.head.scope.entries !== 'own')
    findings.add('window', `${walk.withheld} entries of the range are not inside`)
  checkBounds(contents, findings)
  return walk
}

function sizeIn(note: string): number[] {
  const size = Number(note.split('\n')[1])
  return Number.isSafeInteger(size) ? [size] : []
}

function* linesOf(range: Buffer): Generator<string> {
  for (let at = 0; at < range.length;) {
    const end = range.indexOf(10, at)
    yield range.toString('utf8', at, end < 0 ? range.length : end)
    at = end < 0 ? range.length : end + 1
  }
}

/** What each entry of the range demands of the rest of the archive. */
class RangeCheck {
  readonly #contents: EvidenceContents
  readonly #findings: Findings
  readonly #rows: ExpectedRows
  readonly #intervals: ReadonlySet<number>

  constructor(contents: EvidenceContents, findings: Findings, rows: ExpectedRows) {
    this.#contents = contents
    this.#findings = findings
    this.#rows = rows
    this.#intervals = new Set(aliasIntervals(contents).map(({ row }) => Number(row['id'])))
  }

  check(entry: LedgerEntry): void {
    const { scope } = this.#contents.head
    this.#checkTime(entry)
    if (scope.entries !== 'own') this.#checkRows(entry)
    if (isOwn(scope, entry, this.#intervals) && !this.#contents.entries.has(entry.index))
      this.#findings.add('missing', `entry ${entry.index}, which is about the alias, has no file`)
  }

  /** A row of what was live is named by its number alone: only with the row it is seen whose it is. */
  #checkRows({ index, changes }: LedgerEntry): void {
    for (const { table, key, sha256: digest } of changes) {
      if (digest === null || !LASTING_TABLES.includes(table) || this.#rows.holds(table, key)) continue
      this.#findings.add(
        'missing',
        `${table} ${canonicalJson(key)}, which entry ${index} changed, is not inside`,
      )
    }
  }

  #checkTime({ index, at }: LedgerEntry): void {
    const { fromMs, toMs, entries } = this.#contents.head.scope
    if (at >= toMs || (entries !== 'opening' && at < fromMs))
      this.#findings.add('window', `entry ${index} of the range is outside the window`)
  }
}

/** The range is all of the window: the entry in front of it is older, the one behind it newer. */
function checkBounds({ head, entries }: EvidenceContents, findings: Findings): void {
  const { first, end } = head.range
  const { fromMs, toMs } = head.scope
  const before = entries.get(first - 1)?.entry
  if (head.scope.entries !== 'opening' && first > 0 && !(before !== undefined && before.at < fromMs))
    findings.add('window', `the range does not begin with the window: entry ${first - 1} is not shown to be older`)
  const behind = entries.get(end)?.entry
  if (end < head.size && !(behind !== undefined && behind.at >= toMs))
    findings.add('window', `the range does not end with the window: entry ${end} is not shown to be newer`)
}

/** With `opening` the range reaches back to where everything live at the start began: at most one of a slot. */
function checkCarried(contents: EvidenceContents, findings: Findings): void {
  const { scope, range } = contents.head
  const live = aliasIntervals(contents).filter(({ row }) => {
    const to = row['to_ms'] ?? null
    return Number(row['from_ms']) < scope.fromMs && (to === null || Number(to) > scope.fromMs)
  })
  const slots = live.map(({ row }) => cell(row, 'slot'))
  if (new Set(slots).size !== slots.length)
    findings.add('window', 'two versions are told to have been live in one slot at the start')
  if (scope.entries !== 'opening' || range.first === 0) return
  if (live.length === 0 || live.some(({ row }) => Number(row['from_index']) < range.first))
    findings.add('window', 'the range does not reach back to where what was live at the start began')
}

/** The code itself, where it is inside: held to its digest, its seals and attestations to their rows. */
async function openArtifacts(
  contents: EvidenceContents,
  artifacts: ReadonlyMap<string, Buffer>,
  findings: Findings,
): Promise<Map<string, ByteSource>> {
  checkSealFiles(contents, findings)
  const open = new Map<string, ByteSource>()
  const rows = contents.rows.filter(({ table }) => table === 'artifact')
  for (const [digest, bytes] of artifacts) {
    const row = rows.find((one) => one.row['code_sha256'] === digest)?.row
    try {
      const artifact = await openArtifact(bufferSource(bytes))
      if (row === undefined || artifact.codeSha256 !== digest)
        throw new Error('its bytes are not those of the log')
      if (artifact.sha256 !== row['sha256'] || artifact.tree !== row['tree'])
        throw new Error('its content is not the one of the log')
      open.set(digest, unsealedSource(artifact))
    } catch (error) {
      findings.add('artifact', `artifact ${digest}: ${error instanceof Error ? error.message : ''}`)
    }
  }
  if (!contents.head.artifacts && artifacts.size > 0)
    findings.add('extra', 'artifacts are inside, and the manifest says that none are')
  if (contents.head.artifacts)
    for (const { row } of rows)
      if (!artifacts.has(cell(row, 'code_sha256')))
        findings.add('missing', `artifact ${cell(row, 'code_sha256')} is not inside`)
  return open
}

/** Detached seals and attestations lie there for a row that is in the log, and each such row has its file. */
function checkSealFiles({ rows, seals, attestations }: EvidenceContents, findings: Findings): void {
  const wanted = new Map<string, string>()
  for (const { table, row } of rows) {
    if (table === 'detached_seal') {
      const of = cell(row, 'artifact_sha256')
      const format = row['format'] === 'cms' ? 'cms' : 'bundle'
      const path = sealPath({ of, place: 'detached', format }, cell(row, 'seal_digest'))
      wanted.set(path, sha256(Buffer.from(cell(row, 'body'), 'base64')))
    }
    if (table === 'attestation')
      wanted.set(
        attestationPath(cell(row, 'artifact_sha256'), cell(row, 'digest')),
        cell(row, 'document'),
      )
  }
  for (const { path, place, bytes } of [...seals, ...attestations]) {
    const digest = wanted.get(path)
    if (place === 'detached' && digest !== sha256(bytes))
      findings.add('seal', `\`${path}\` is not what a row of the log says`)
    wanted.delete(path)
  }
  for (const path of wanted.keys()) findings.add('missing', `\`${path}\` is not inside`)
}
