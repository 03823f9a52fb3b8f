import { sql } from 'kysely'

import {
  EMPTY_FRONTIER,
  LedgerWalk,
  parseCheckpoint,
  rootOf,
  type LedgerEntry,
  type LedgerFinding,
  type LedgerReport,
  type NoteKey,
  type SignedCheckpoint,
  type TreeNode,
} from '../ledger/index.ts'
import { sha256 } from '../model/index.ts'
import type { LedgerEntryTable, Reader } from '../store/index.ts'
import { findLogKey } from './at-start.ts'
import { compareRows, type LastChange } from './compare-rows.ts'
import { rowName } from './governed.ts'
import { findHead } from './head.ts'

const BATCH = 1_000

export interface VerifyLedgerOptions {
  /** Compares every governed row with the ledger, too. */
  readonly data?: boolean
  /** From outside; without it the key in the database is used, and the answer is not "authenticated". */
  readonly logKey?: NoteKey
  /** Checkpoints kept elsewhere, as notes. */
  readonly checkpoints?: readonly string[]
}

/**
 * Recomputes the whole ledger from its entries, compares it with every row derived from it and with every checkpoint,
 * and with `data` the governed rows with the entries. Wants one snapshot: `store.snapshot(...)`.
 */
export async function verifyLedger(
  reader: Reader,
  options: VerifyLedgerOptions = {},
): Promise<LedgerReport> {
  return await new Verification(reader, options).run()
}

class Verification {
  readonly #reader: Reader
  readonly #options: VerifyLedgerOptions
  readonly #findings: LedgerFinding[] = []
  #world = 0
  readonly #lastChanges = new Map<string, LastChange>()

  constructor(reader: Reader, options: VerifyLedgerOptions) {
    this.#reader = reader
    this.#options = options
  }

  async run(): Promise<LedgerReport> {
    const head = await findHead(this.#reader)
    const outside = this.#options.logKey
    const logKey = outside ?? (await findLogKey(this.#reader, head?.origin ?? 'lacre'))
    const walk = new LedgerWalk({
      checkpoints: await this.#checkpoints(),
      logKey,
      onEntry: (entry) => this.#remember(entry),
    })
    await this.#walkEntries(walk)
    await this.#checkHead(walk)
    if (this.#options.data === true) await this.#checkData()
    const report = walk.finish()
    const findings = [...this.#findings, ...report.findings]
    return {
      ...report,
      findings,
      authenticated: outside !== undefined && report.authenticated && findings.length === 0,
    }
  }

  async #checkpoints(): Promise<SignedCheckpoint[]> {
    const rows = await this.#reader
      .selectFrom('ledger_checkpoint')
      .selectAll()
      .orderBy('size')
      .execute()
    const parsed: SignedCheckpoint[] = []
    for (const { size, note } of rows) {
      const checkpoint = this.#parse(note, `the checkpoint of size ${size} cannot be read`)
      if (checkpoint === undefined) continue
      parsed.push(checkpoint)
      if (checkpoint.size !== size)
        this.#find('edited', `the checkpoint kept for size ${size} is of size ${checkpoint.size}`)
    }
    for (const note of this.#options.checkpoints ?? []) {
      const checkpoint = this.#parse(note, 'the checkpoint kept outside cannot be read')
      if (checkpoint !== undefined) parsed.push(checkpoint)
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
    this.#world = Math.max(this.#world, entry.world)
    if (this.#options.data !== true) return
    for (const change of entry.changes) {
      const { table, key } = change
      this.#lastChanges.set(rowName(table, key), {
        table,
        key,
        sha256: change.sha256,
        index: entry.index,
      })
    }
  }

  async #walkEntries(walk: LedgerWalk): Promise<void> {
    let last = -1
    for (;;) {
      const rows = await this.#reader
        .selectFrom('ledger_entry')
        .selectAll()
        .where('index', '>', last)
        .orderBy('index')
        .limit(BATCH)
        .execute()
      const newest = rows.at(-1)
      if (newest === undefined) return
      last = newest.index
      await this.#checkNodes(rows.flatMap((row) => this.#addRow(walk, row)))
      // A service that verifies itself answers others in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #addRow(walk: LedgerWalk, row: LedgerEntryTable): readonly TreeNode[] {
    const position = walk.frontier.size
    const { leaf, nodes } = walk.add(row.body)
    if (leaf !== row.leaf_hash)
      this.#find('edited', `entry ${row.index} does not hash to its leaf`, row.index)
    if (row.index !== position)
      this.#find('dropped', `the row of entry ${position} is not there`, position)
    return nodes
  }

  /** A batch completes neighbours at each level, so one range to a level is read. */
  async #checkNodes(nodes: readonly TreeNode[]): Promise<void> {
    const levels = new Map<number, TreeNode[]>()
    for (const node of nodes) {
      const level = levels.get(node.level)
      if (level === undefined) levels.set(node.level, [node])
      else level.push(node)
    }
    for (const [level, computed] of levels) {
      const kept = await this.#keptNodes(level, computed)
      for (const { index, hash } of computed) {
        if (kept.get(index) === hash) continue
        const what = kept.has(index) ? 'is not what its entries hash to' : 'is not there'
        this.#find('edited', `node ${index} of level ${level} ${what}`, index * 2 ** level)
      }
    }
  }

  async #keptNodes(level: number, nodes: readonly TreeNode[]): Promise<Map<number, string>> {
    const rows = await this.#reader
      .selectFrom('ledger_node')
      .select(['index', 'hash'])
      .where('level', '=', level)
      .where('index', '>=', nodes[0]?.index ?? 0)
      .where('index', '<=', nodes.at(-1)?.index ?? 0)
      .execute()
    return new Map(rows.map((row) => [row.index, row.hash]))
  }

  async #checkHead(walk: LedgerWalk): Promise<void> {
    const head = await findHead(this.#reader)
    const { frontier } = walk
    const wanted = frontier === EMPTY_FRONTIER ? [] : frontier.hashes
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
    else if (head.frontier !== JSON.stringify(wanted) || head.root !== rootOf(frontier))
      this.#find('edited', 'the head of the ledger is not what its entries hash to')
    await this.#checkNewest(walk, head.last_at)
    const nodes = await sql<{ count: number }>`select count(*) as count from ledger_node`.execute(
      this.#reader,
    )
    if (Number(nodes.rows[0]?.count) !== nodesOf(frontier.size))
      this.#find('edited', 'the tree of the ledger has nodes too many or too few')
  }

  async #checkNewest(walk: LedgerWalk, lastAt: number): Promise<void> {
    if (walk.lastAt !== lastAt)
      this.#find('edited', 'the head of the ledger has another time than the newest entry')
    const head = await findHead(this.#reader)
    if (walk.origin !== undefined && head?.origin !== walk.origin)
      this.#find('forked', 'the head of the ledger names another ledger')
  }

  async #checkData(): Promise<void> {
    for await (const finding of compareRows(this.#reader, this.#lastChanges))
      this.#findings.push(finding)
    const world = await this.#reader.selectFrom('world').select('counter').executeTakeFirst()
    if ((world?.counter ?? 0) < this.#world)
      this.#find('row', `the world stands at ${world?.counter}, an entry was of ${this.#world}`)
    const documents = this.#reader.selectFrom('document').selectAll().stream()
    for await (const row of documents) {
      if (sha256(row.body) === row.sha256) continue
      const key = { sha256: row.sha256 }
      const message = `document ${row.sha256} does not hash to its name`
      this.#findings.push({ kind: 'row', message, table: 'document', key })
    }
  }

  #find(kind: LedgerFinding['kind'], message: string, index?: number): void {
    this.#findings.push({ kind, message, index })
  }
}

/** How many complete subtrees a tree of that size has. */
function nodesOf(size: number): number {
  let nodes = 0
  for (let width = size; width > 0; width = Math.floor(width / 2)) nodes += width
  return nodes
}
