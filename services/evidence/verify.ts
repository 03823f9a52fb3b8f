import { sha256, type ByteSource } from '../model/index.ts'
import type { NoteKey } from '../ledger/index.ts'
import { readArchive } from './archive.ts'
import { artifactOf, readContents, type EvidenceContents } from './contents.ts'
import { derivedFiles } from './derived.ts'
import { Findings, type EvidenceFinding } from './findings.ts'
import { folderOf } from './ledgers.ts'
import { PATHS, parseManifest, type Manifest } from './manifest.ts'
import { placedHeads, wholeRange } from './places.ts'
import { aliasIntervals, ownEntries } from './report.ts'
import { lostInside } from './report-ledgers.ts'
import { openArtifacts } from './verify-artifacts.ts'
import { checkDecisions, replayDecisions } from './verify-decisions.ts'
import { checkEntries, checkKnownCheckpoints, checkLogKey, checkOutside } from './verify-log.ts'
import {
  believe,
  checkLinks,
  isNoneOfThem,
  lastKnownIn,
  toldOf,
  type LedgerTold,
} from './verify-links.ts'
import { SealCheck, type PinnedTrust } from './verify-seals.ts'
import { checkCarried, walkRange } from './verify-window.ts'
import { checkWitnesses, unverifiedCosigners, type WitnessTold } from './verify-witnesses.ts'

/** What is known from outside of the archive; without a log key the answer is never "authenticated" (RULES §6). */
export interface VerifyEvidenceOptions {
  /** Of the ledgers inside: each is held to its own. */
  readonly logKeys?: readonly NoteKey[]
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
  /** Oldest first: the last one is the one above. */
  readonly ledgers: readonly LedgerTold[]
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
  // Every ledger quotes the one before, so that all of them are believed where the newest is.
  const isBelieved = (told?.ledgers.at(-1)?.believed ?? 'nothing') !== 'nothing'
  const answer = isBelieved ? 'authenticated' : 'consistent, not authenticated'
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
  const ranges = takeRanges(manifest, files)
  const artifacts = takeArtifacts(files)
  const derived = takeDerived(files)
  const contents = findings.guard('archive', 'a file', () => readContents(manifest, files))
  if (ranges === undefined) findings.add('missing', `a \`${PATHS.range}\` is not there`)
  if (contents === undefined || ranges === undefined) return undefined
  findings.guard('edited', 'what follows from the rest', () =>
    checkDerived(contents, derived, findings),
  )
  try {
    return await verifyContents(contents, { ranges, artifacts }, { findings, options })
  } catch (error) {
    // Hostile rows may be of any shape: that something of them cannot be read is the answer.
    findings.add('archive', `the archive cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

/** In the order of the ledgers; undefined where one is not there. */
function takeRanges(manifest: Manifest, files: Map<string, Buffer>): Buffer[] | undefined {
  const ranges: Buffer[] = []
  for (const { epoch } of placedHeads(manifest)) {
    const path = `${folderOf(manifest, epoch)}${PATHS.range}`
    const range = files.get(path)
    if (range === undefined) return undefined
    files.delete(path)
    ranges.push(range)
  }
  return ranges
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
  large: { readonly ranges: readonly Buffer[]; readonly artifacts: ReadonlyMap<string, Buffer> },
  { findings, options }: Around,
): Promise<EvidenceTold> {
  const { ledgers, believed, withheld, outside } = verifyLedgers(contents, large.ranges, {
    findings,
    options,
  })
  const witnesses = checkWitnesses(contents, options.witnesses ?? [], findings)
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
  const { head, newest } = contents
  const { checkpoint } = newest
  const range = wholeRange(head)
  const { functionName, alias, fromMs, toMs } = head.scope
  return {
    functionName,
    alias,
    fromMs,
    toMs,
    origin: checkpoint.origin,
    size: checkpoint.size,
    root: checkpoint.root,
    ledgers: toldOf(ledgers, believed),
    completeness: completenessOf(contents, withheld),
    entries: range.end - range.first,
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

/** Each ledger by itself, and that each is the one that the next took over from. */
function verifyLedgers(
  contents: EvidenceContents,
  ranges: readonly Buffer[],
  { findings, options }: Around,
) {
  const { ledgers } = contents
  const given = options.logKeys ?? []
  const keys = ledgers.map((ledger, at) => {
    const isGivenUp = ledgers[at + 1]?.link?.how === 'recovered'
    const key = checkLogKey(ledger, given, { findings, isGivenUp })
    checkEntries(ledger, findings)
    checkKnownCheckpoints(ledger, key, findings)
    return key
  })
  if (isNoneOfThem(keys, given))
    findings.add('checkpoint', 'the log key inside is not the one given from outside')
  checkLinks(ledgers, keys, findings)
  const kept = options.checkpoints ?? []
  const walks = walkRange(contents, ranges, findings, kept)
  const held = ledgers.flatMap((ledger, at) => {
    const [walk, next] = [walks[at], ledgers[at + 1]?.link]
    const lastKnown = next?.how === 'recovered' ? lastKnownIn(next) : undefined
    return walk === undefined ? [] : [{ ledger, key: keys[at], walk, lastKnown }]
  })
  return {
    ledgers,
    believed: believe(ledgers, keys, given),
    withheld: walks.reduce((all, walk) => all + walk.withheld, 0),
    outside: checkOutside(held, kept, findings),
  }
}

function completenessOf(
  contents: EvidenceContents,
  withheld: number,
): EvidenceTold['completeness'] {
  const { entries } = contents.head.scope
  if (withheld > 0 || entries === 'own' || lostInside(contents).length > 0) return 'not shown'
  return entries === 'window' ? 'window' : 'since opening'
}
