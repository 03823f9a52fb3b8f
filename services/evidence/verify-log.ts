import {
  EMPTY_FRONTIER,
  appendLeaf,
  formatVerifierKey,
  isFrontier,
  isSignedBy,
  leafHash,
  parseCheckpoint,
  parseEntry,
  parseVerifierKey,
  rootOf,
  verifyConsistency,
  verifyInclusion,
  type Frontier,
  type Hash,
  type LedgerEntry,
  type NoteKey,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import type { EvidenceContents } from './contents.ts'
import type { Findings } from './findings.ts'

/** The key by which signatures are held: from outside, or else the one inside, which authenticates nothing. */
export function checkLogKey(
  { verifierKey, publicKeyPem, checkpoint, head }: EvidenceContents,
  outside: NoteKey | undefined,
  findings: Findings,
): NoteKey | undefined {
  if (checkpoint.origin !== head.origin || checkpoint.size !== head.size)
    findings.add('checkpoint', 'the checkpoint is not the one that the manifest names')
  const inside = findings.guard('checkpoint', 'the log key inside', () => {
    const key = parseVerifierKey(verifierKey)
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' })
    if (`${formatVerifierKey(key)}\n` !== verifierKey || pem !== publicKeyPem)
      throw new Error('its two forms are not those of one key')
    return key
  })
  if (inside !== undefined && inside.name !== checkpoint.origin)
    findings.add('checkpoint', 'the log key inside has another name than the log')
  if (outside !== undefined && inside !== undefined && !sameKey(outside, inside))
    findings.add('checkpoint', 'the log key inside is not the one given from outside')
  const key = outside ?? inside
  if (key !== undefined && !isSignedBy(checkpoint.note, key))
    findings.add('checkpoint', "the checkpoint is not signed by the log's key")
  return key
}

function sameKey(one: NoteKey, other: NoteKey): boolean {
  return formatVerifierKey(one) === formatVerifierKey(other)
}

/** Each entry with its own proof: under the very checkpoint of the archive. */
export function checkEntries(contents: EvidenceContents, findings: Findings): void {
  const { checkpoint, note } = contents
  for (const [index, { body, entry, proof, note: own }] of contents.entries) {
    if (own !== note) findings.add('entry', `entry ${index} is proven under another checkpoint`)
    const claim = { index, size: checkpoint.size, leafHash: leafHash(body) }
    if (!verifyInclusion({ ...claim, root: checkpoint.root, proof: proof.proof }))
      findings.add('entry', `entry ${index} is not in the log: its proof does not lead to the root`)
    if (entry.origin !== checkpoint.origin)
      findings.add('entry', `entry ${index} belongs to another log`)
  }
}

/** Earlier checkpoints that the service signed: each the beginning of the archive's own. */
export function checkKnownCheckpoints(
  contents: EvidenceContents,
  key: NoteKey | undefined,
  findings: Findings,
): void {
  for (const { checkpoint, proof } of contents.checkpoints) {
    const what = `the checkpoint of size ${checkpoint.size}`
    if (key !== undefined && !isSignedBy(checkpoint.note, key))
      findings.add('checkpoint', `${what} is not signed by the log's key`)
    if (!isBeginning(contents, checkpoint, proof))
      findings.add('checkpoint', `${what} is not the beginning of this log`)
  }
}

function isBeginning(
  { checkpoint }: EvidenceContents,
  earlier: SignedCheckpoint,
  proof: readonly Hash[],
): boolean {
  return (
    earlier.origin === checkpoint.origin &&
    verifyConsistency({
      first: earlier.size,
      second: checkpoint.size,
      firstRoot: earlier.root,
      secondRoot: checkpoint.root,
      proof,
    })
  )
}

/** Walks the range from its frontier on, and holds every root on the way to what is known of it. */
export class RangeWalk {
  readonly #contents: EvidenceContents
  readonly #findings: Findings
  readonly #roots = new Map<number, Hash>()
  readonly #wanted: ReadonlySet<number>
  #frontier: Frontier
  #lastAt = 0
  withheld = 0

  constructor(contents: EvidenceContents, findings: Findings, sizesWanted: Iterable<number>) {
    this.#contents = contents
    this.#findings = findings
    this.#wanted = new Set(sizesWanted)
    const { first, frontier } = contents.head.range
    this.#frontier = first === 0 ? EMPTY_FRONTIER : { size: first, hashes: frontier }
    if (!isFrontier({ size: first, hashes: frontier }))
      findings.add('window', 'the hashes in front of the range do not fit its beginning')
    this.#keepRoot()
  }

  /** A line of the range: an entry's bytes, or the leaf hash of one that was left out. Answers the entry. */
  add(line: string): LedgerEntry | undefined {
    const index = this.#frontier.size
    const isHash = /^[0-9a-f]{64}$/.test(line)
    const leaf = isHash ? line : leafHash(line)
    this.#frontier = appendLeaf(this.#frontier, leaf).frontier
    this.#keepRoot()
    const known = this.#contents.entries.get(index)
    if (known !== undefined && leafHash(known.body) !== leaf)
      this.#findings.add('window', `entry ${index} of the range is not the one in its own file`)
    if (isHash) {
      this.withheld += 1
      return undefined
    }
    return this.#checkEntry(index, line)
  }

  #checkEntry(index: number, line: string): LedgerEntry | undefined {
    const entry = parseEntry(line)
    if (entry === undefined || entry.index !== index) {
      this.#findings.add(
        'window',
        `entry ${index} of the range is not canonical, or is another one`,
      )
      return undefined
    }
    if (entry.origin !== this.#contents.checkpoint.origin)
      this.#findings.add('window', `entry ${index} of the range belongs to another log`)
    if (entry.at < this.#lastAt)
      this.#findings.add('window', `entry ${index} of the range is older than one before it`)
    this.#lastAt = Math.max(this.#lastAt, entry.at)
    return entry
  }

  #keepRoot(): void {
    const { size } = this.#frontier
    if (this.#wanted.has(size)) this.#roots.set(size, rootOf(this.#frontier))
  }

  /** The root that the entries came to at a size that was asked for. */
  rootAt(size: number): Hash | undefined {
    return this.#roots.get(size)
  }

  /** The whole range read: it has to end where the manifest says, and hang in the checkpoint's tree. */
  finish(): void {
    const { checkpoint, head, checkpoints } = this.#contents
    const { end, consistency } = head.range
    if (this.#frontier.size !== end)
      this.#findings.add('window', `the range ends at ${this.#frontier.size}, not at ${end}`)
    const proven = verifyConsistency({
      first: this.#frontier.size,
      second: checkpoint.size,
      firstRoot: rootOf(this.#frontier),
      secondRoot: checkpoint.root,
      proof: consistency,
    })
    if (!proven)
      this.#findings.add('window', 'the entries of the range are not those under the checkpoint')
    for (const { checkpoint: one } of checkpoints) {
      const root = this.#roots.get(one.size)
      if (root !== undefined && root !== one.root)
        this.#findings.add('checkpoint', `the entries up to ${one.size} are not those then signed`)
    }
  }
}

/** Checkpoints from outside: what shows that the log was not made anew. Answers how many could be held to it. */
export function checkOutside(
  contents: EvidenceContents,
  outside: readonly string[],
  with_: {
    readonly walk: RangeWalk
    readonly key: NoteKey | undefined
    readonly findings: Findings
  },
): number {
  const { walk, key, findings } = with_
  let held = 0
  for (const note of outside) {
    const kept = findings.guard('checkpoint', 'a checkpoint kept outside', () =>
      parseCheckpoint(note),
    )
    if (kept === undefined) continue
    const what = `the checkpoint of size ${kept.size} kept outside`
    if (key !== undefined && !isSignedBy(kept.note, key))
      findings.add('checkpoint', `${what} is not signed by the log's key`)
    const root = rootOfSize(contents, kept, walk)
    if (kept.origin !== contents.checkpoint.origin)
      findings.add('checkpoint', `${what} is of another log`)
    else if (root === undefined) findings.add('checkpoint', `${what} ${beyond(contents, kept)}`)
    else if (root !== kept.root)
      findings.add('checkpoint', `${what} is of another tree: the log was forked or written anew`)
    else held += 1
  }
  return held
}

function beyond({ checkpoint }: EvidenceContents, { size }: SignedCheckpoint): string {
  return size > checkpoint.size
    ? `is larger than the archive's (${checkpoint.size}): the archive shows less than was signed; export it again`
    : 'cannot be held to this archive, which has no proof for it: export with it (`--checkpoint`)'
}

function rootOfSize(
  { checkpoint, checkpoints }: EvidenceContents,
  { size }: SignedCheckpoint,
  walk: RangeWalk,
): Hash | undefined {
  if (size === checkpoint.size) return checkpoint.root
  return (
    checkpoints.find((one) => one.checkpoint.size === size)?.checkpoint.root ?? walk.rootAt(size)
  )
}
