import assert from 'node:assert/strict'

import {
  TILE_WIDTH,
  appendLeaf,
  leafHash,
  rootOf,
  type EntryChange,
  type LedgerEntry,
} from '../ledger/index.ts'
import { PlatformError, canonicalJson, limits, type Json } from '../model/index.ts'
import {
  prepared,
  type LedgerEntryTable,
  type LedgerHeadTable,
  type Writer,
} from '../store/index.ts'
import type { Outbox } from '../webhooks/index.ts'
import { capStrings, capText } from './cap.ts'
import { hasItsKey, isGoverned, readRows, rowDigest, rowName, type RowRef } from './governed.ts'
import { EMPTY_HEAD, frontierOf } from './head.ts'
import { keepTile } from './tile-nodes.ts'

/** What an operation tells the ledger, in the transaction that does it. */
export interface NewEntry {
  /** The kind of event: `decision`, `refusal`, `activation` … */
  readonly type: string
  /** The operation's instant, milliseconds. */
  readonly at: number
  readonly principal: { readonly id: string; readonly kind: string; readonly name: string }
  readonly action: string
  readonly resource: string
  readonly decision: { readonly id: string; readonly digest: string } | null
  readonly world: number
  /** Every governed row written or deleted. Rows are read again here, as they stand in the transaction. */
  readonly touched: readonly RowRef[]
  /** A few small facts. Never a value of an environment variable, a token, a payload or a key. */
  readonly note?: Json
}

export interface Appended {
  readonly index: number
  readonly leafHash: string
  /** The time the entry carries: never before the one in front of it. */
  readonly atMs: number
}

export interface Position {
  readonly index: number
  readonly atMs: number
}

/** The name of a ledger: without spaces and plus signs, at most 200 characters. */
export function isOrigin(name: string): boolean {
  return /^[^+\s]{1,200}$/.test(name)
}

/** Makes the empty ledger; one that is there stays as it is. Returns the origin in force. */
export async function initLedger(tx: Writer, origin: string): Promise<string> {
  assert(isOrigin(origin), 'an origin is a name without spaces and plus signs')
  await tx
    .insertInto('ledger_head')
    .values({ id: 1, origin, ...EMPTY_HEAD })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  return (await lockHead(tx)).origin
}

/** Which index and time the entry that this transaction appends will have. */
export async function nextPosition(tx: Writer, nowMs: number): Promise<Position> {
  const head = await lockHead(tx)
  return { index: head.size, atMs: Math.max(nowMs, head.last_at) }
}

/**
 * Appends one entry with its leaf and frontier, with the nodes of a tile where it fills one, and what is to be told of it,
 * in the caller's transaction.
 * @throws PlatformError INTERNAL where the entry is larger than a tile can hold
 */
export async function append(
  tx: Writer,
  entry: NewEntry,
  outbox: Pick<Outbox, 'put'>,
): Promise<Appended> {
  const head = await lockHead(tx)
  const full = await toEntry(tx, head, entry)
  const body = canonicalJson(full as unknown as Json)
  if (Buffer.byteLength(body) > limits.LEDGER_ENTRY_LIMIT_BYTES) {
    throw new PlatformError('INTERNAL', 'the change is too large for one ledger entry', {
      detail: { type: entry.type, changes: full.changes.length },
    })
  }
  const leaf = leafHash(body)
  const { frontier, nodes } = appendLeaf(frontierOf(head), leaf)
  await insertEntry(tx, { index: full.index, leaf_hash: leaf, body })
  if (frontier.size % TILE_WIDTH === 0) await keepTile(tx, nodes)
  const root = rootOf(frontier)
  await moveHead(tx, {
    size: frontier.size,
    frontier: JSON.stringify(frontier.hashes),
    root,
    last_at: full.at,
  })
  await outbox.put(tx, full, { before: head.root, after: root })
  return { index: full.index, leafHash: leaf, atMs: full.at }
}

const insertEntry = prepared<LedgerEntryTable, unknown>((db, of) =>
  db.insertInto('ledger_entry').values({
    index: of('index'),
    leaf_hash: of('leaf_hash'),
    body: of('body'),
  }),
)

const moveHead = prepared<Omit<LedgerHeadTable, 'id' | 'origin'>, unknown>((db, of) =>
  db
    .updateTable('ledger_head')
    .set({
      size: of('size'),
      frontier: of('frontier'),
      root: of('root'),
      last_at: of('last_at'),
    })
    .where('id', '=', 1),
)

/** Writing the row, though nothing changes, is the lock that both dialects have. */
const updateHead = prepared<object, LedgerHeadTable>((db) =>
  db
    .updateTable('ledger_head')
    .set((head) => ({ size: head.ref('size') }))
    .where('id', '=', 1)
    .returningAll(),
)

async function lockHead(tx: Writer): Promise<LedgerHeadTable> {
  const [head] = await updateHead(tx, {})
  assert(head, 'the ledger was not made yet')
  return head
}

async function toEntry(tx: Writer, head: LedgerHeadTable, entry: NewEntry): Promise<LedgerEntry> {
  return {
    v: 1,
    type: capText(entry.type),
    origin: head.origin,
    index: head.size,
    // The wall clock may step back; order is by index and times follow it (RULES §6).
    at: Math.max(entry.at, head.last_at),
    principal: {
      id: capText(entry.principal.id),
      kind: capText(entry.principal.kind),
      name: capText(entry.principal.name),
    },
    action: capText(entry.action),
    resource: capText(entry.resource),
    decision: entry.decision && { id: entry.decision.id, digest: entry.decision.digest },
    world: entry.world,
    changes: await readChanges(tx, entry.touched),
    ...(entry.note !== undefined && { note: capStrings(entry.note) }),
  }
}

async function readChanges(tx: Writer, touched: readonly RowRef[]): Promise<EntryChange[]> {
  const unique = new Map(
    touched.filter(isGoverned).map((ref) => [rowName(ref.table, ref.key), ref]),
  )
  for (const ref of unique.values())
    assert(hasItsKey(ref), `a row of ${ref.table} is not named by its key`)
  const rows = await readRows(tx, [...unique.values()])
  return [...unique].map(([name, { table, key }]) => {
    const row = rows.get(name)
    return { table, key, sha256: row === undefined ? null : rowDigest(row) }
  })
}
