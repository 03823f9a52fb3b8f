import { sha256, type ByteSource } from '../model/index.ts'
import type { NoteKey } from '../ledger/index.ts'
import { readArchive } from './archive.ts'
import { artifactOf, readContents, type EvidenceContents } from './contents.ts'
import { derivedFiles } from './derived.ts'
import { Findings, type EvidenceFinding } from './findings.ts'
import { PATHS, parseManifest, type Manifest } from './manifest.ts'
import { aliasIntervals, ownEntries } from './report.ts'
import { openArtifacts } from './verify-artifacts.ts'
import { checkDecisions, replayDecisions } from './verify-decisions.ts'
import { checkEntries, checkKnownCheckpoints, checkLogKey, checkOutside } from './verify-log.ts'
import { SealCheck, type PinnedTrust } from './verify-seals.ts'
import { checkCarried, walkRange } from './verify-window.ts'
import { checkWitnesses, unverifiedCosigners, type WitnessTold } from './verify-witnesses.ts'

/** What is known from outside of the archive; without a log key the answer is never "authenticated" (RULES §6). */
export interface VerifyEvidenceOptions {
  readonly logKey?: NoteKey | undefined
  /** Checkpoints kept elsewhere, as notes. */
  readonly checkpoints?: readonly string[]
  readonly pinned?: PinnedTrust
  /** Each of them must have cosigned a checkpoint inside. */
  readonly witnesses?: readonly NoteKey[]
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
  readonly witnesses: readonly WitnessTold[]
  /** Names of others on checkpoints inside whose keys were not given: not verified, so that nothing is said of them. */
  readonly unverifiedCosigners: readonly string[]
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
  const answer = options.logKey === undefined ? 'consistent, not authenticated' : 'authenticated'
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
    if (!manifest.files.has(path)) findings.add('extra', `\`${path}\` is no file of this archive`)
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
  const walk = walkRange(contents, large.range, findings, options.checkpoints ?? [])
  const witnesses = checkWitnesses(contents, options.witnesses ?? [], findings)
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
    witnesses,
    unverifiedCosigners: unverifiedCosigners(contents, options.witnesses ?? []),
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
