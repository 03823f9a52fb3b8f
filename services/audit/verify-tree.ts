import {
  LedgerWalk,
  TILE_WIDTH,
  parseCheckpoint,
  rootOf,
  type LedgerEntry,
  type LedgerFinding,
  type LedgerReport,
  type NoteKey,
  type SignedCheckpoint,
  type TreeNode,
} from '../ledger/index.ts'
import type { LedgerEntryTable, LedgerHeadTable, PastLedgerTable, Reader } from '../store/index.ts'
import { findLogKey } from './epochs.ts'
import { ledgerRows, type LedgerRows } from './ledger-rows.ts'
import { checkBeginning, type Beginning, type EndedTree } from './verify-beginning.ts'

const BATCH = 1_000

export interface TreeToVerify {
  readonly epoch: number
  /** Of a ledger that was ended; undefined for the one in force. */
  readonly ended: PastLedgerTable | undefined
  readonly head: LedgerHeadTable | undefined
  readonly before: EndedTree | undefined
  /** Kept outside, and of this ledger by their origin. */
  readonly checkpoints: readonly SignedCheckpoint[]
  readonly logKey: NoteKey | undefined
  readonly onEntry: (entry: LedgerEntry) => void
}

export interface VerifiedTree extends EndedTree {
  /** Authenticated only by a key from outside that is this ledger's own. */
  readonly report: LedgerReport
  readonly begun: Beginning['how']
}

/** One ledger: its entries, and every row that follows from them. */
export async function verifyTree(reader: Reader, tree: TreeToVerify): Promise<VerifiedTree> {
  return await new TreeVerification(reader, tree).run()
}

class TreeVerification {
  readonly #reader: Reader
  readonly #tree: TreeToVerify
  readonly #rows: LedgerRows
  readonly #findings: LedgerFinding[] = []
  /** Rows of nodes that the entries have a hash for. */
  #keptNodes = 0
  #first: LedgerEntry | undefined
  #last: LedgerEntry | undefined

  constructor(reader: Reader, tree: TreeToVerify) {
    this.#reader = reader
    this.#tree = tree
    this.#rows = ledgerRows(reader, tree.ended?.epoch)
  }

  async run(): Promise<VerifiedTree> {
    const { ended, head, epoch, logKey } = this.#tree
    const origin = ended?.origin ?? head?.origin ?? 'lacre'
    const inside = await findLogKey(this.#reader, { origin, epoch })
    const walk = new LedgerWalk({
      checkpoints: await this.#checkpoints(),
      logKey: logKey ?? inside,
      onEntry: (entry) => this.#remember(entry),
    })
    await this.#walkEntries(walk)
    if (ended === undefined) this.#checkHead(walk)
    else this.#checkEnd(walk, ended)
    await this.#checkNodeCount()
    const beginning = checkBeginning(this.#tree.before, { first: this.#first, origin, key: inside })
    const report = walk.finish()
    // What was wrong with a ledger that was given up is told by the entry that begins the next one.
    const acknowledged = ended?.how === 'recovered'
    const findings = [
      ...this.#findings,
      ...beginning.findings,
      ...(acknowledged ? [] : report.findings),
    ]
    const authenticated = logKey !== undefined && report.authenticated && findings.length === 0
    const named = ended === undefined ? findings : findings.map((one) => inEpoch(one, epoch))
    return {
      report: { ...report, findings: named, authenticated },
      begun: beginning.how,
      ended,
      last: this.#last,
    }
  }

  async #checkpoints(): Promise<SignedCheckpoint[]> {
    const { ended, checkpoints } = this.#tree
    const parsed: SignedCheckpoint[] = [...checkpoints]
    if (ended?.how === 'rotated') {
      const last = this.#parse(ended.checkpoint ?? '', 'the last checkpoint cannot be read')
      if (last !== undefined) parsed.push(last)
      // What announces the next ledger is under the key of this one, or it announces nothing.
      if (last?.size !== ended.size) this.#find('signature', 'the end is under no checkpoint')
    }
    for (const { size, note } of await this.#rows.checkpoints()) {
      const checkpoint = this.#parse(note, `the checkpoint of size ${size} cannot be read`)
      if (checkpoint === undefined) continue
      parsed.push(checkpoint)
      if (checkpoint.size !== size)
        this.#find('edited', `the checkpoint kept for size ${size} is of size ${checkpoint.size}`)
    }
    return parsed
  }

  #parse(note: string, otherwise: string): SignedCheckpoint | undefined {
    try {
      return parseCheckpoint(note)
    } catch {
      this.#find('malformed', otherwise)
      return undefined
    }
  }

  #remember(entry: LedgerEntry): void {
    this.#first ??= entry
    this.#last = entry
    this.#tree.onEntry(entry)
  }

  async #walkEntries(walk: LedgerWalk): Promise<void> {
    // Of the tile that is not full yet there may be rows, and need not be.
    let open: readonly TreeNode[] = []
    for (let next = 0; ;) {
      const rows = await this.#rows.entries(next, BATCH)
      const newest = rows.at(-1)
      if (newest === undefined) return await this.#checkNodes(open, 'possible')
      next = newest.index + 1
      const nodes = [...open, ...rows.flatMap((row) => this.#addRow(walk, row))]
      const full = walk.frontier.size - (walk.frontier.size % TILE_WIDTH)
      const isFull = ({ level, index }: TreeNode): boolean => (index + 1) * 2 ** level <= full
      await this.#checkNodes(nodes.filter(isFull), 'needed')
      open = nodes.filter((node) => !isFull(node))
      // A service that verifies itself answers others in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #addRow(walk: LedgerWalk, row: LedgerEntryTable): readonly TreeNode[] {
    const position = walk.frontier.size
    const { leaf, nodes } = walk.add(row.body)
    if (this.#tree.ended?.how === 'recovered') return nodes
    if (leaf !== row.leaf_hash)
      this.#find('edited', `entry ${row.index} does not hash to its leaf`, row.index)
    if (row.index !== position)
      this.#find('dropped', `the row of entry ${position} is not there`, position)
    return nodes
  }

  /** A batch completes neighbours at each level, so one range to a level is read. */
  async #checkNodes(nodes: readonly TreeNode[], rows: 'needed' | 'possible'): Promise<void> {
    const levels = new Map<number, TreeNode[]>()
    for (const node of nodes) {
      const level = levels.get(node.level)
      if (level === undefined) levels.set(node.level, [node])
      else level.push(node)
    }
    for (const [level, computed] of levels) {
      const places = computed.map(({ index }) => index)
      const range = { level, first: Math.min(...places), last: Math.max(...places) }
      const found = await this.#rows.keptNodes(range)
      const kept = new Map(found.map((row) => [row.index, row.hash]))
      for (const { index, hash } of computed) {
        if (kept.has(index)) this.#keptNodes += 1
        if (kept.get(index) === hash || (rows === 'possible' && !kept.has(index))) continue
        const what = kept.has(index) ? 'is not what its entries hash to' : 'is not there'
        this.#find('edited', `node ${index} of level ${level} ${what}`, index * 2 ** level)
      }
    }
  }

  #checkHead(walk: LedgerWalk): void {
    const { head } = this.#tree
    const { frontier } = walk
    if (head === undefined) {
      if (frontier.size > 0) this.#find('edited', 'the head of the ledger is not there')
      return
    }
    if (head.size > frontier.size)
      this.#find(
        'truncated',
        `the head says ${head.size} entries, ${frontier.size} are there`,
        frontier.size,
      )
    else if (head.size < frontier.size)
      this.#find('edited', `the head says ${head.size} entries, ${frontier.size} are there`)
    else if (head.frontier !== JSON.stringify(frontier.hashes) || head.root !== rootOf(frontier))
      this.#find('edited', 'the head of the ledger is not what its entries hash to')
    if (walk.lastAt !== head.last_at)
      this.#find('edited', 'the head of the ledger has another time than the newest entry')
    if (walk.origin !== undefined && head.origin !== walk.origin)
      this.#find('forked', 'the head of the ledger names another ledger')
  }

  /** The row is one that the next ledger tells of: it says what was kept. */
  #checkEnd(walk: LedgerWalk, ended: PastLedgerTable): void {
    const { size } = walk.frontier
    if (size < ended.size)
      this.#find('truncated', `${ended.size} entries were kept, ${size} are there`, size)
    else if (size > ended.size)
      this.#find('edited', `${ended.size} entries were kept, ${size} are there`)
    else if (rootOf(walk.frontier) !== ended.root)
      this.#find('edited', 'the entries are not those that were kept')
  }

  async #checkNodeCount(): Promise<void> {
    if ((await this.#rows.countNodes()) !== this.#keptNodes)
      this.#find('edited', 'the tree of the ledger has nodes too many')
  }

  #find(kind: LedgerFinding['kind'], message: string, index?: number): void {
    this.#findings.push({ kind, message, index })
  }
}

function inEpoch(finding: LedgerFinding, epoch: number): LedgerFinding {
  return { ...finding, message: `ledger ${epoch}: ${finding.message}` }
}
