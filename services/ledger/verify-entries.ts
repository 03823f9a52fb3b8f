import type { SignedCheckpoint } from './checkpoint.ts'
import { parseEntry, type LedgerEntry } from './entry.ts'
import {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  appendLeaf,
  leafHash,
  rootOf,
  type Frontier,
  type Hash,
} from './merkle.ts'
import { isSignedBy, type NoteKey } from './signed-note.ts'

/** Something that is not as the ledger says it was. */
export interface LedgerFinding {
  readonly kind:
    | 'edited'
    | 'dropped'
    | 'swapped'
    | 'truncated'
    | 'malformed'
    | 'forked'
    | 'signature'
    | 'time'
    | 'row'
  /** For people. */
  readonly message: string
  /** The entry, where it is one. */
  readonly index?: number
  readonly table?: string
  readonly key?: Readonly<Record<string, string | number>>
}

export interface LedgerReport {
  readonly size: number
  readonly root: Hash
  readonly origin: string | undefined
  /** The largest size that a checkpoint covers. */
  readonly checkpointedSize: number
  /**
   * True only where nothing was found and the checkpoints verified with a key from outside. It says so of the first
   * `checkpointedSize` entries; those behind them are consistent.
   */
  readonly authenticated: boolean
  readonly findings: readonly LedgerFinding[]
  /** Ledgers that this one follows, the first one first; only where rows were read. */
  readonly past?: readonly PastLedgerReport[]
}

export interface PastLedgerReport {
  readonly epoch: number
  readonly origin: string
  readonly size: number
  /** How the one after it began. `recovered`: what was wrong then is told by its first entry, and not found again. */
  readonly how: 'rotated' | 'recovered'
}

export interface VerifyEntriesOptions {
  readonly checkpoints: readonly SignedCheckpoint[]
  /** From outside what is verified; without it the answer is "consistent, not authenticated" (RULES §6). */
  readonly logKey?: NoteKey
  /** Called with each entry that is sound in itself, in order. */
  readonly onEntry?: (entry: LedgerEntry) => void
}

/** Walks entries in order, in memory of logarithmic size, and says what does not fit. */
export class LedgerWalk {
  readonly findings: LedgerFinding[] = []
  readonly #options: VerifyEntriesOptions
  readonly #wanted: ReadonlyMap<number, readonly SignedCheckpoint[]>
  #frontier: Frontier = EMPTY_FRONTIER
  #origin: string | undefined
  #expectedIndex = 0
  #lastAt = 0
  #soundUpTo = 0

  constructor(options: VerifyEntriesOptions) {
    this.#options = options
    const wanted = new Map<number, SignedCheckpoint[]>()
    for (const checkpoint of options.checkpoints) {
      wanted.set(checkpoint.size, [...(wanted.get(checkpoint.size) ?? []), checkpoint])
    }
    this.#wanted = wanted
  }

  get frontier(): Frontier {
    return this.#frontier
  }

  get origin(): string | undefined {
    return this.#origin
  }

  /** The newest time seen, 0 before the first entry. */
  get lastAt(): number {
    return this.#lastAt
  }

  /** The next entry as it was found: its exact bytes as text. */
  add(body: string): {
    readonly leaf: Hash
    readonly nodes: ReturnType<typeof appendLeaf>['nodes']
  } {
    const position = this.#frontier.size
    const entry = parseEntry(body)
    if (entry === undefined) {
      this.#find('malformed', `entry ${position} is not a canonical ledger entry`, position)
      this.#expectedIndex += 1
    } else {
      this.#checkEntry(entry)
      this.#options.onEntry?.(entry)
    }
    const leaf = leafHash(body)
    const { frontier, nodes } = appendLeaf(this.#frontier, leaf)
    this.#frontier = frontier
    this.#checkRoot()
    return { leaf, nodes }
  }

  #checkEntry(entry: LedgerEntry): void {
    const expected = this.#expectedIndex
    if (entry.index > expected) {
      const last = entry.index - 1
      const range =
        last === expected ? `entry ${expected} is` : `entries ${expected} to ${last} are`
      this.#find('dropped', `${range} not there`, expected)
    } else if (entry.index < expected) {
      this.#find('swapped', `entry ${entry.index} stands after entry ${expected - 1}`, entry.index)
    }
    this.#expectedIndex = Math.max(expected, entry.index + 1)
    this.#origin ??= entry.origin
    if (entry.origin !== this.#origin)
      this.#find('forked', `entry ${entry.index} belongs to another ledger`, entry.index)
    if (entry.at < this.#lastAt)
      this.#find('time', `entry ${entry.index} is older than the one before`, entry.index)
    this.#lastAt = Math.max(this.#lastAt, entry.at)
  }

  #checkRoot(): void {
    const { size } = this.#frontier
    const checkpoints = this.#wanted.get(size)
    if (checkpoints === undefined) return
    const root = rootOf(this.#frontier)
    if (checkpoints.every((checkpoint) => checkpoint.root === root)) {
      this.#soundUpTo = size
      return
    }
    this.#find(
      'edited',
      `entries ${this.#soundUpTo} to ${size - 1} are not those of the checkpoint of size ${size}`,
      this.#soundUpTo,
    )
  }

  /** What was found in all. */
  finish(): LedgerReport {
    const { checkpoints, logKey } = this.#options
    const { size } = this.#frontier
    for (const checkpoint of checkpoints) this.#checkCheckpoint(checkpoint)
    const checkpointedSize = checkpoints.reduce((most, { size }) => Math.max(most, size), 0)
    return {
      size,
      root: rootOf(this.#frontier),
      origin: this.#origin ?? checkpoints[0]?.origin,
      checkpointedSize,
      authenticated: logKey !== undefined && checkpoints.length > 0 && this.findings.length === 0,
      findings: this.findings,
    }
  }

  #checkCheckpoint(checkpoint: SignedCheckpoint): void {
    const { size } = this.#frontier
    const { logKey } = this.#options
    if (checkpoint.size > size)
      this.#find(
        'truncated',
        `${size} entries are there, a checkpoint was signed over ${checkpoint.size}`,
        size,
      )
    if (checkpoint.size === 0 && checkpoint.root !== EMPTY_ROOT)
      this.#find('edited', 'the checkpoint of the empty ledger has another root')
    if (this.#origin !== undefined && checkpoint.origin !== this.#origin)
      this.#find('forked', `the checkpoint of size ${checkpoint.size} is of another ledger`)
    if (logKey !== undefined && !isSignedBy(checkpoint.note, logKey))
      this.#find('signature', `the checkpoint of size ${checkpoint.size} is not by the log's key`)
  }

  #find(kind: LedgerFinding['kind'], message: string, index?: number): void {
    this.findings.push({ kind, message, index })
  }
}

/** Verifies entries against signed checkpoints, offline. `entries` are their exact canonical JSON, in order. */
export async function verifyEntries(
  entries: AsyncIterable<string> | Iterable<string>,
  options: VerifyEntriesOptions,
): Promise<LedgerReport> {
  const walk = new LedgerWalk(options)
  for await (const body of entries) walk.add(body)
  return walk.finish()
}
