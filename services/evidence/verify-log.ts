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
import type { Findings } from './findings.ts'
import { placed, type EvidenceLedger } from './ledgers.ts'

/** The key by which signatures of one ledger are held: from outside, or else the one inside, which authenticates nothing. */
export function checkLogKey(
  { verifierKey, publicKeyPem, checkpoint, ...head }: EvidenceLedger,
  given: readonly NoteKey[],
  { findings, isGivenUp }: { readonly findings: Findings; readonly isGivenUp: boolean },
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
  const outside = given.find(({ name }) => name === checkpoint.origin)
  if (outside !== undefined && inside !== undefined && !sameKey(outside, inside))
    findings.add('checkpoint', 'the log key inside is not the one given from outside')
  const key = outside ?? inside
  // What is kept of a ledger that was given up is quoted by the next one, and need not be signed by its own key.
  const isUnsigned = isGivenUp && checkpoint.note.signatures.length === 0
  if (key !== undefined && !isUnsigned && !isSignedBy(checkpoint.note, key))
    findings.add('checkpoint', "the checkpoint is not signed by the log's key")
  return key
}

export function sameKey(one: NoteKey, other: NoteKey): boolean {
  return formatVerifierKey(one) === formatVerifierKey(other)
}

/** Each entry with its own proof: under the very checkpoint of its ledger. */
export function checkEntries(ledger: EvidenceLedger, findings: Findings): void {
  const { base, checkpoint, note } = ledger
  for (const [index, { body, entry, proof, note: own }] of ledger.entries) {
    const what = `entry ${base + index}`
    if (own !== note) findings.add('entry', `${what} is proven under another checkpoint`)
    const claim = { index, size: checkpoint.size, leafHash: leafHash(body) }
    if (!verifyInclusion({ ...claim, root: checkpoint.root, proof: proof.proof }))
      findings.add('entry', `${what} is not in the log: its proof does not lead to the root`)
    if (entry.origin !== checkpoint.origin) findings.add('entry', `${what} belongs to another log`)
  }
}

/** Earlier checkpoints that the service signed: each the beginning of the archive's own. */
export function checkKnownCheckpoints(
  ledger: EvidenceLedger,
  key: NoteKey | undefined,
  findings: Findings,
): void {
  for (const { checkpoint, proof } of ledger.checkpoints) {
    const what = `the checkpoint of size ${checkpoint.size}`
    if (key !== undefined && !isSignedBy(checkpoint.note, key))
      findings.add('checkpoint', `${what} is not signed by the log's key`)
    if (!isBeginning(ledger, checkpoint, proof))
      findings.add('checkpoint', `${what} is not the beginning of this log`)
  }
}

function isBeginning(
  { checkpoint }: EvidenceLedger,
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

/** Walks the range of one ledger from its frontier on, and holds every root on the way to what is known of it. */
export class RangeWalk {
  readonly #ledger: EvidenceLedger
  readonly #findings: Findings
  readonly #roots = new Map<number, Hash>()
  readonly #wanted: ReadonlySet<number>
  #frontier: Frontier
  #lastAt: number
  withheld = 0

  /** `lastAt` is of the last entry of the range in the ledger before, 0 where there is none. */
  constructor(
    ledger: EvidenceLedger,
    findings: Findings,
    from: { readonly sizesWanted: Iterable<number>; readonly lastAt: number },
  ) {
    this.#ledger = ledger
    this.#findings = findings
    this.#wanted = new Set(from.sizesWanted)
    this.#lastAt = from.lastAt
    const { first, frontier } = ledger.range
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
    const known = this.#ledger.entries.get(index)
    if (known !== undefined && leafHash(known.body) !== leaf)
      this.#findings.add(
        'window',
        `entry ${this.#ledger.base + index} of the range is not the one in its own file`,
      )
    if (isHash) {
      this.withheld += 1
      return undefined
    }
    return this.#checkEntry(index, line)
  }

  get lastAt(): number {
    return this.#lastAt
  }

  #checkEntry(index: number, line: string): LedgerEntry | undefined {
    const entry = parseEntry(line)
    const what = `entry ${this.#ledger.base + index} of the range`
    if (entry === undefined || entry.index !== index) {
      this.#findings.add('window', `${what} is not canonical, or is another one`)
      return undefined
    }
    if (entry.origin !== this.#ledger.checkpoint.origin)
      this.#findings.add('window', `${what} belongs to another log`)
    if (entry.at < this.#lastAt) this.#findings.add('window', `${what} is older than one before it`)
    this.#lastAt = Math.max(this.#lastAt, entry.at)
    return placed(entry, this.#ledger.base)
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
    const { checkpoint, range, checkpoints } = this.#ledger
    const { end, consistency } = range
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

/** A ledger with what was made of it on the way. */
export interface HeldLedger {
  readonly ledger: EvidenceLedger
  readonly key: NoteKey | undefined
  readonly walk: RangeWalk
  /** Of one that was given up, what the ledger after it quotes as the last checkpoint known. */
  readonly lastKnown: SignedCheckpoint | undefined
}

/** Checkpoints from outside: what shows that no log was made anew. Answers how many could be held to theirs. */
export function checkOutside(
  ledgers: readonly HeldLedger[],
  outside: readonly string[],
  findings: Findings,
): number {
  let held = 0
  for (const note of outside) {
    const kept = findings.guard('checkpoint', 'a checkpoint kept outside', () =>
      parseCheckpoint(note),
    )
    if (kept === undefined) continue
    const what = `the checkpoint of size ${kept.size} kept outside`
    const of = ledgers.find(({ ledger }) => ledger.checkpoint.origin === kept.origin)
    if (of === undefined) {
      findings.add('checkpoint', `${what} is of another log`)
      continue
    }
    const { ledger, key } = of
    if (key !== undefined && !isSignedBy(kept.note, key))
      findings.add('checkpoint', `${what} is not signed by the log's key`)
    const root = rootOfSize(of, kept)
    if (root === undefined) findings.add('checkpoint', `${what} ${beyond(ledger, kept)}`)
    else if (root !== kept.root)
      findings.add('checkpoint', `${what} is of another tree: the log was forked or written anew`)
    else held += 1
  }
  return held
}

function beyond({ checkpoint }: EvidenceLedger, { size }: SignedCheckpoint): string {
  return size > checkpoint.size
    ? `is larger than the archive's (${checkpoint.size}): the archive shows less than was signed; export it again`
    : 'cannot be held to this archive, which has no proof for it: export with it (`--checkpoint`)'
}

function rootOfSize(
  { ledger: { checkpoint, checkpoints }, walk, lastKnown }: HeldLedger,
  { size }: SignedCheckpoint,
): Hash | undefined {
  if (size === checkpoint.size) return checkpoint.root
  // A ledger that was given up may have lost what was signed: the next one quotes the last that is known of it.
  if (size > checkpoint.size) return lastKnown?.size === size ? lastKnown.root : undefined
  return (
    checkpoints.find((one) => one.checkpoint.size === size)?.checkpoint.root ?? walk.rootAt(size)
  )
}
