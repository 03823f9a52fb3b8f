import {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  appendLeaf,
  frontierNodes,
  isFrontier,
  leafHash,
  nodeHash,
  rootOf,
  type Frontier,
  type Hash,
  type TileRows,
  type TreeNode,
} from '../../ledger/index.ts'
import { PlatformError } from '../../model/index.ts'
import type { LogHeadTable, Reader, Writer } from '../../store/index.ts'

/** SQLite takes so many values in one statement; a row has three. */
const ROWS_AT_A_TIME = 256

/** Where a body ended up: a new index, or that of the equal one before it. */
export interface Place {
  readonly index: number
  readonly duplicate: boolean
}

export interface TreeHead {
  readonly origin: string
  readonly size: number
  readonly root: Hash
}

/** Makes the empty log; one that is there keeps its origin. */
export async function initLog(tx: Writer, origin: string): Promise<TreeHead> {
  await tx
    .insertInto('log_head')
    .values({ id: 1, origin, size: 0, frontier: '[]', root: EMPTY_ROOT })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  return await readHead(tx)
}

/** @throws PlatformError LEDGER_BROKEN */
export async function readHead(reader: Reader): Promise<LogHeadTable> {
  const head = await reader
    .selectFrom('log_head')
    .selectAll()
    .where('id', '=', 1)
    .executeTakeFirst()
  if (head === undefined) throw new PlatformError('LEDGER_BROKEN', 'the log has no head')
  return head
}

/** Appends bodies in order, tree head and all, in the caller's transaction. */
export async function appendBodies(tx: Writer, bodies: readonly string[]): Promise<Place[]> {
  const head = await readHead(tx)
  let frontier = frontierOf(head)
  const known = await findLeaves(tx, bodies.map(leafHash))
  const entries: { index: number; leaf_hash: string; body: string }[] = []
  const nodes: TreeNode[] = []
  const places = bodies.map((body): Place => {
    const leaf = leafHash(body)
    const before = known.get(leaf)
    if (before !== undefined) return { index: before, duplicate: true }
    const index = frontier.size
    const appended = appendLeaf(frontier, leaf)
    frontier = appended.frontier
    entries.push({ index, leaf_hash: leaf, body })
    nodes.push(...appended.nodes)
    known.set(leaf, index)
    return { index, duplicate: false }
  })
  for (const rows of slices(entries)) await tx.insertInto('log_entry').values(rows).execute()
  for (const rows of slices(nodes)) await tx.insertInto('log_node').values(rows).execute()
  if (entries.length > 0) {
    const { size, hashes } = frontier
    const set = { size, frontier: JSON.stringify(hashes), root: rootOf(frontier) }
    await tx.updateTable('log_head').set(set).where('id', '=', 1).execute()
  }
  return places
}

async function findLeaves(tx: Writer, leaves: readonly Hash[]): Promise<Map<Hash, number>> {
  const found = new Map<Hash, number>()
  for (const part of slices(leaves)) {
    const rows = await tx
      .selectFrom('log_entry')
      .select(['leaf_hash', 'index'])
      .where('leaf_hash', 'in', part)
      .execute()
    for (const row of rows) found.set(row.leaf_hash, row.index)
  }
  return found
}

function* slices<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += ROWS_AT_A_TIME)
    yield items.slice(at, at + ROWS_AT_A_TIME)
}

function frontierOf(head: LogHeadTable): Frontier {
  if (head.size === 0) return EMPTY_FRONTIER
  const hashes: unknown = JSON.parse(head.frontier)
  const frontier = { size: head.size, hashes: hashes as Hash[] }
  if (!Array.isArray(hashes) || !isFrontier(frontier) || rootOf(frontier) !== head.root)
    throw new PlatformError('LEDGER_BROKEN', 'the head of the log was changed in the database')
  return frontier
}

/** @throws PlatformError LEDGER_BROKEN where a node of the tree is not there */
export async function readNode(reader: Reader, level: number, index: number): Promise<Hash> {
  const row = await reader
    .selectFrom('log_node')
    .select('hash')
    .where('level', '=', level)
    .where('index', '=', index)
    .executeTakeFirst()
  if (row === undefined)
    throw new PlatformError('LEDGER_BROKEN', 'the log lacks a node of its tree')
  return row.hash
}

/** What tiles are cut from. */
export function tileRows(reader: Reader): TileRows {
  return {
    async hashes({ level, first, count }) {
      const rows = await reader
        .selectFrom('log_node')
        .select('hash')
        .where('level', '=', level)
        .where('index', '>=', first)
        .where('index', '<', first + count)
        .orderBy('index')
        .execute()
      return rows.length === count ? rows.map((row) => row.hash) : undefined
    },
    async bodies(first, count) {
      const rows = await reader
        .selectFrom('log_entry')
        .select('body')
        .where('index', '>=', first)
        .where('index', '<', first + count)
        .orderBy('index')
        .execute()
      return rows.length === count ? rows.map((row) => row.body) : undefined
    },
  }
}

/** The root of the tree when it had that size, out of its nodes. */
export async function rootAt(reader: Reader, size: number): Promise<Hash> {
  let root: Hash | undefined
  for (const { level, index } of frontierNodes(size).toReversed()) {
    const hash = await readNode(reader, level, index)
    root = root === undefined ? hash : nodeHash(hash, root)
  }
  return root ?? EMPTY_ROOT
}
