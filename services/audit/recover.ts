import {
  EMPTY_FRONTIER,
  appendLeaf,
  leafHash,
  parseCheckpoint,
  rootOf,
  type LedgerFinding,
  type SignedCheckpoint,
  type TreeNode,
} from '../ledger/index.ts'
import { PlatformError, limits, type Clock } from '../model/index.ts'
import type { Keys } from '../keys/index.ts'
import type { Reader, Store, Writer } from '../store/index.ts'
import { Outbox } from '../webhooks/index.ts'
import { append } from './append.ts'
import { checkAtStart, type OutsideNotes } from './at-start.ts'
import { beginLedger, currentEpoch } from './epochs.ts'
import { isGoverned, rowName, type RowRef } from './governed.ts'
import { findHead } from './head.ts'
import { HOLD_SETTING } from './hold.ts'
import { ledgerRows } from './ledger-rows.ts'
import { openOutside, openOutsideAt } from './outside.ts'
import { BEGUN, nextLedger, noteOf, systemEntry, type PreviousLedger } from './succession.ts'
import { examineLedger } from './verify.ts'

/** Rows that one entry takes over; an entry holds 60,000 bytes. */
const ROWS_AN_ENTRY = 150
/** Findings that the first entry tells; the rest is counted. */
const FINDINGS_TOLD = 20
const BATCH = 1_000

export interface RecoverOptions {
  readonly store: Store
  /** Opened without `record`: the ledger that is given up takes no more entries. */
  readonly keys: Keys
  readonly clock: Clock
  readonly dataDir: string
  readonly checkpointDir?: string | undefined
  /** The name of the new ledger. */
  readonly origin: string
  /** Why it cannot be gone on with, by whoever decides that it is given up. */
  readonly reason: string
}

export interface Recovered {
  readonly epoch: number
  readonly previous: PreviousLedger
  readonly findings: readonly LedgerFinding[]
  /** Rows that are not what the ledger said, taken over as they were found. */
  readonly adopted: readonly RowRef[]
}

/**
 * Gives up a ledger that cannot be gone on with and begins a new one: its first entry quotes the last checkpoint known
 * of the old one, says what was found and takes over the rows as they stand. Nothing is invoked from then on until the
 * hold is lifted (RULES §6).
 * @throws PlatformError RESOURCE_CONFLICT where nothing is wrong with the ledger
 */
export async function recoverLedger(options: RecoverOptions): Promise<Recovered> {
  const { store, keys, clock, origin, reason } = options
  const notes = outsideNotes(options)
  const { report, world, fault } = await store.snapshot((reader) => examine(reader, notes))
  if (report.findings.length === 0 && fault === undefined)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      'the ledger extends its last checkpoint and nothing was changed: there is nothing to begin anew; a new key comes with `lacre ledger rotate-key`',
    )
  const next = await nextLedger(store, keys, origin)
  const adopted = rowsOf(report.findings)
  return await store.transaction(async (tx) => {
    const epoch = await currentEpoch(tx)
    const previous = await giveUp(tx, { epoch, notes, origin, atMs: clock.nowMs() })
    // Above what an entry was of, so that no verdict and no decision of before counts.
    await tx
      .updateTable('world')
      .set({ counter: (await findWorld(tx, world)) + 1 })
      .execute()
    await hold(tx, epoch + 1)
    const rows: RowRef[] = [
      { table: 'past_ledger', key: { epoch } },
      { table: 'sealed_key', key: { purpose: next.keyPurpose } },
      { table: 'setting', key: { name: HOLD_SETTING } },
      ...adopted,
    ]
    const told = report.findings.slice(0, FINDINGS_TOLD)
    const note = {
      epoch: epoch + 1,
      how: 'recovered',
      reason,
      origin: next.origin,
      verifierKey: next.verifierKey,
      previous: { ...previous },
      fault: fault ?? null,
      findings: told.map(({ kind, message }) => `${kind}: ${message}`),
      findingsInAll: report.findings.length,
      rowsTakenOver: adopted.length,
    }
    for (let at = 0; at < rows.length; at += ROWS_AN_ENTRY)
      await append(
        tx,
        {
          ...(await systemEntry(tx, {
            type: at === 0 ? BEGUN : 'ledger.taken-over',
            atMs: clock.nowMs(),
            note: at === 0 ? note : { epoch: epoch + 1 },
          })),
          touched: rows.slice(at, at + ROWS_AN_ENTRY),
        },
        new Outbox(),
      )
    return { epoch: epoch + 1, previous, findings: report.findings, adopted }
  })
}

function outsideNotes({ dataDir, checkpointDir }: RecoverOptions): OutsideNotes {
  const elsewhere = checkpointDir === undefined ? undefined : openOutsideAt(checkpointDir)
  return { own: openOutside(dataDir).read(), elsewhere: elsewhere?.read() }
}

async function examine(reader: Reader, notes: OutsideNotes) {
  const checkpoints = [notes.own, notes.elsewhere].filter((note) => note !== undefined)
  const examined = await examineLedger(reader, { data: true, checkpoints })
  return { ...examined, fault: await faultAtStart(reader, notes) }
}

async function faultAtStart(reader: Reader, notes: OutsideNotes): Promise<string | undefined> {
  try {
    await checkAtStart(reader, notes)
    return undefined
  } catch (error) {
    if (error instanceof PlatformError) return error.publicMessage
    throw error
  }
}

/** Each governed row that a finding names, once. */
function rowsOf(findings: readonly LedgerFinding[]): RowRef[] {
  const rows = new Map<string, RowRef>()
  for (const { table, key } of findings) {
    if (table === undefined || key === undefined) continue
    const ref = { table: table as RowRef['table'], key }
    if (isGoverned(ref)) rows.set(rowName(table, key), ref)
  }
  return [...rows.values()]
}

async function giveUp(
  tx: Writer,
  state: {
    readonly epoch: number
    readonly notes: OutsideNotes
    readonly origin: string
    readonly atMs: number
  },
): Promise<PreviousLedger> {
  const { epoch, notes, atMs } = state
  const head = await findHead(tx)
  const { size, root, nodes } = await kept(tx)
  const last = await lastKnown(tx, notes)
  const previous: PreviousLedger = {
    origin: head?.origin ?? last?.origin ?? `unknown/${epoch}`,
    size,
    root,
    checkpoint: last === undefined ? null : noteOf(last),
  }
  await beginLedger(
    tx,
    { epoch, how: 'recovered', ...previous, ended_at: atMs },
    { origin: state.origin, nodes },
  )
  return previous
}

/** The tree over the entries that are there, whatever the rows beside them say. */
async function kept(reader: Reader) {
  let frontier = EMPTY_FRONTIER
  const nodes: TreeNode[] = []
  for (let next = 0; ;) {
    const entries = await ledgerRows(reader).entries(next, BATCH)
    for (const { body } of entries) {
      const appended = appendLeaf(frontier, leafHash(body))
      frontier = appended.frontier
      nodes.push(...appended.nodes)
    }
    const newest = entries.at(-1)
    if (newest === undefined) return { size: frontier.size, root: rootOf(frontier), nodes }
    next = newest.index + 1
  }
}

/** The largest checkpoint kept outside; without one the largest in the database. */
async function lastKnown(
  reader: Reader,
  notes: OutsideNotes,
): Promise<SignedCheckpoint | undefined> {
  const outside = [notes.own, notes.elsewhere].flatMap(readable)
  const inside = (await ledgerRows(reader).checkpoints()).flatMap(({ note }) => readable(note))
  return (outside.length > 0 ? outside : inside).toSorted((a, b) => b.size - a.size)[0]
}

/** One that an entry can quote whole. */
function readable(note: string | undefined): SignedCheckpoint[] {
  try {
    const checkpoint = note === undefined ? undefined : parseCheckpoint(note)
    if (checkpoint === undefined) return []
    return noteOf(checkpoint).length <= limits.LEDGER_STRING_LIMIT_CHARS ? [checkpoint] : []
  } catch {
    return []
  }
}

async function findWorld(reader: Reader, least: number): Promise<number> {
  const { counter } = await reader.selectFrom('world').select('counter').executeTakeFirstOrThrow()
  return Math.max(counter, least)
}

async function hold(tx: Writer, epoch: number): Promise<void> {
  const value = String(epoch)
  await tx
    .insertInto('setting')
    .values({ name: HOLD_SETTING, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}
