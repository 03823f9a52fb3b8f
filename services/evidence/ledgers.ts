import type { Json } from '../model/index.ts'
import {
  formatCheckpoint,
  parseCheckpoint,
  parseCheckpointText,
  parseEntry,
  parseTlogProof,
  type LedgerEntry,
  type SignedCheckpoint,
  type TlogProof,
} from '../ledger/index.ts'
import type { EvidenceHead } from './head.ts'
import { linkOf, type Link } from './links.ts'
import { PATHS } from './manifest.ts'
import { placedHeads, type PlacedHead } from './places.ts'
import { linesOf, matching, reading, textOf, toObject, unreadable, type Files } from './reading.ts'

/** An entry with its way to the root of its ledger: the alias's own, or one that proves a row. */
export interface EvidenceEntry {
  readonly body: string
  readonly entry: LedgerEntry
  readonly proof: TlogProof
  /** The proof file, for what is compared byte by byte. */
  readonly note: string
}

export interface KnownCheckpoint {
  readonly checkpoint: SignedCheckpoint
  readonly note: string
  /** That it is the beginning of the archive's own. */
  readonly proof: readonly string[]
}

/** One ledger as an archive holds it. */
export interface EvidenceLedger extends PlacedHead {
  readonly note: string
  /** That all proofs lead to; of a ledger that was given up it may have no signature (RULES §6). */
  readonly checkpoint: SignedCheckpoint
  readonly verifierKey: string
  readonly publicKeyPem: string
  readonly checkpoints: readonly KnownCheckpoint[]
  /** By their own index, in order. */
  readonly entries: ReadonlyMap<number, EvidenceEntry>
  /** How it took over from the ledger before; undefined for the oldest inside. */
  readonly link: Link | undefined
  /** When it took over; of the oldest inside, before any time. */
  readonly begunMs: number
}

/** Where the files of a ledger lie: the one in force in the archive itself, earlier ones each in a folder like it. */
export function folderOf(head: Pick<EvidenceHead, 'earlier'>, epoch: number | undefined): string {
  return head.earlier.some((one) => one.epoch === epoch) ? `earlier/${epoch}/` : ''
}

export const entryPath = (index: number): string => `ledger/entries/${index}.json`
export const proofPath = (index: number): string => `ledger/entries/${index}.tlog-proof`

/** A folder as `folderOf` names it; which one is left to `byFolder`. */
const FOLDER = /^(?:earlier\/[1-9][0-9]{0,15}\/)?/
const FILE = {
  entry: /^(?:earlier\/[1-9][0-9]{0,15}\/)?ledger\/entries\/(0|[1-9][0-9]{0,15})\.json$/,
  proof: /^(?:earlier\/[1-9][0-9]{0,15}\/)?ledger\/entries\/(0|[1-9][0-9]{0,15})\.tlog-proof$/,
} as const
const FIXED = [PATHS.checkpoint, PATHS.logKey, PATHS.logKeyPem, PATHS.checkpoints] as const

/** Oldest first. @throws PlatformError INVALID_PARAMETER, naming the file that cannot be read or is missing */
export function readLedgers(head: EvidenceHead, files: Files): EvidenceLedger[] {
  const folders = byFolder(files)
  return placedHeads(head).map((placed, at) => {
    const folder = folderOf(head, placed.epoch)
    const note = textOf(files, `${folder}${PATHS.checkpoint}`)
    const checkpoint = reading(`${folder}${PATHS.checkpoint}`, () =>
      folder === '' ? parseCheckpoint(note) : parseKept(note),
    )
    const entries = readEntries(folder, folders.get(folder) ?? new Map())
    const first = entries.get(0)?.entry
    const link = at === 0 || first === undefined ? undefined : linkOf(first)
    if (at > 0 && first === undefined)
      throw unreadable(
        `${folder}${entryPath(0)}`,
        'is not there, and nothing else tells what was before',
      )
    return {
      ...placed,
      note,
      checkpoint,
      verifierKey: textOf(files, `${folder}${PATHS.logKey}`),
      publicKeyPem: textOf(files, `${folder}${PATHS.logKeyPem}`),
      checkpoints: linesOf(files, `${folder}${PATHS.checkpoints}`).map(toKnownCheckpoint),
      entries,
      link,
      begunMs: at === 0 ? Number.NEGATIVE_INFINITY : (first?.at ?? 0),
    }
  })
}

/** The paths of files that are none of a ledger inside. */
export function besideLedgers(head: EvidenceHead, files: Files): string[] {
  const folders = new Set(placedHeads(head).map(({ epoch }) => folderOf(head, epoch)))
  return [...byFolder(files)].flatMap(([folder, own]) => {
    const isOfLedger = (path: string): boolean =>
      FIXED.some((name) => path === `${folder}${name}`) ||
      Object.values(FILE).some((pattern) => pattern.test(path))
    return [...own.keys()].filter((path) => !folders.has(folder) || !isOfLedger(path))
  })
}

/** The files by the folder that those of a ledger lie in: once for all of them, who may be many, as the files may. */
function byFolder(files: Files): ReadonlyMap<string, Files> {
  const folders = new Map<string, Map<string, Uint8Array>>()
  for (const [path, bytes] of files) {
    const folder = FOLDER.exec(path)?.[0] ?? ''
    const own = folders.get(folder) ?? new Map<string, Uint8Array>()
    folders.set(folder, own.set(path, bytes))
  }
  return folders
}

/** The entries of all ledgers by their places, each with its place for its index. */
export function placedEntries(
  ledgers: readonly EvidenceLedger[],
): ReadonlyMap<number, EvidenceEntry> {
  return new Map(
    ledgers.flatMap(({ base, entries }) =>
      [...entries].map(([index, one]): [number, EvidenceEntry] => [
        base + index,
        base === 0 ? one : { ...one, entry: placed(one.entry, base) },
      ]),
    ),
  )
}

/** The entry, with its place for its index. */
export function placed(entry: LedgerEntry, base: number): LedgerEntry {
  return base === 0 ? entry : { ...entry, index: base + entry.index }
}

/** What is kept of a ledger that was given up may be signed by nobody: the entry that quotes it speaks for it. */
function parseKept(note: string): SignedCheckpoint {
  if (note.includes('\n\n')) return parseCheckpoint(note)
  const checkpoint = parseCheckpointText(note)
  if (formatCheckpoint(checkpoint) !== note) throw new Error('it is in another form')
  return { ...checkpoint, note: { text: note, signatures: [] } }
}

/** `files` are those of the folder. */
function readEntries(folder: string, files: Files): ReadonlyMap<number, EvidenceEntry> {
  const entryFiles = matching(files, FILE.entry)
  const found = entryFiles.map(({ path, parts }): [number, EvidenceEntry] => {
    const index = Number(parts[0])
    const body = textOf(files, path)
    const entry = parseEntry(body)
    if (entry === undefined || entry.index !== index) throw unreadable(path)
    const proofFile = `${folder}${proofPath(index)}`
    const proofText = textOf(files, proofFile)
    const proof = reading(proofFile, () => parseTlogProof(proofText))
    // No extra data: it would be authenticated by nothing.
    if (proof.index !== index || proof.extra !== undefined) throw unreadable(proofFile)
    return [index, { body, entry, proof, note: proof.note }]
  })
  const entries = new Map(found.toSorted(([a], [b]) => a - b))
  for (const { path, parts } of matching(files, FILE.proof)) {
    if (!entries.has(Number(parts[0]))) throw unreadable(path, 'proves an entry that is not there')
  }
  return entries
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
