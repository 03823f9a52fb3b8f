import assert from 'node:assert/strict'

import {
  EMPTY_FRONTIER,
  appendLeaf,
  leafHash,
  isSignedBy,
  parseCheckpoint,
  parseEntry,
  rootOf,
  type LedgerFinding,
  type SignedCheckpoint,
  type TreeNode,
} from '../ledger/index.ts'
import { PlatformError, limits, type Clock } from '../model/index.ts'
import type { Keys, Signer } from '../keys/index.ts'
import type { Reader, Store, Writer } from '../store/index.ts'
import { Outbox } from '../webhooks/index.ts'
import { append, isOrigin } from './append.ts'
import { checkAtStart, type OutsideNotes } from './at-start.ts'
import { beginLedger, currentEpoch, findLogKey, pastLedgers } from './epochs.ts'
import { isGoverned, rowName, type RowRef } from './governed.ts'
import { findHead } from './head.ts'
import { HOLD_SETTING } from './hold.ts'
import { ledgerRows } from './ledger-rows.ts'
import { openOutside, openOutsideAt, type OutsideCheckpoint } from './outside.ts'
import { signCheckpoint } from './sign-checkpoint.ts'
import { BEGUN, nextLedger, noteOf, systemEntry, type PreviousLedger } from './succession.ts'
import { examineLedger } from './verify.ts'

/** Of the rows that one entry takes over, as they are named in it; an entry holds 60,000 bytes. */
const ROWS_LIMIT_BYTES = 20_000
/** What an entry says of a row beside its name. */
const ROW_BYTES = 100
/** A row with a longer name is none of ours: it is not taken over, and found by every verification. */
const ROW_NAME_LIMIT_BYTES = 2_000
/** Findings that the first entry tells; the rest is counted. */
const FINDINGS_TOLD = 20
const FINDING_LIMIT_CHARS = 200
/** Half of what can be counted to: the world has to be raised from there. */
const WORLD_LIMIT = 2 ** 52
const BATCH = 1_000
/** Checkpoints in the database that are looked at for the last one known, newest first. */
const CHECKPOINTS_LOOKED_AT = 100
/** A time further ahead of the clock is no time that an entry was written at. */
const AHEAD_LIMIT_MS = 24 * 3_600_000

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
 * of the old one, says what was found and takes over the rows as they stand, under a checkpoint of the new key: it is
 * that key which says that the ledger was given up, and not only the database. Nothing is invoked from then on until the
 * hold is lifted (RULES §6). Killed on the way, it is run again.
 * @throws PlatformError RESOURCE_CONFLICT where nothing is wrong with the ledger; OUT_OF_SPACE
 */
export async function recoverLedger(options: RecoverOptions): Promise<Recovered> {
  const { store, keys, clock, origin, reason } = options
  const places = outsidePlaces(options)
  const notes = readNotes(places)
  const { report, world, fault } = await store.snapshot((reader) => examine(reader, notes))
  if (report.findings.length === 0 && fault === undefined)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      'the ledger extends its last checkpoint and nothing was changed: there is nothing to begin anew; a new key comes with `lacre ledger rotate-key`',
    )
  const next = await nextLedger(store, keys, origin)
  const signer = await keys.signer(next.keyPurpose)
  const adopted = rowsOf(report.findings)
  const { recovered, signed } = await store.transaction(async (tx) => {
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
      findings: told.map(({ kind, message }) =>
        `${kind}: ${message}`.slice(0, FINDING_LIMIT_CHARS),
      ),
      findingsInAll: report.findings.length,
      rowsTakenOver: adopted.length,
    }
    for (const [at, touched] of byEntry(rows).entries())
      await append(
        tx,
        {
          ...(await systemEntry(tx, {
            type: at === 0 ? BEGUN : 'ledger.taken-over',
            atMs: clock.nowMs(),
            note: at === 0 ? note : { epoch: epoch + 1 },
          })),
          touched,
        },
        new Outbox(),
      )
    const signed = await signBeginning(tx, signer, clock.nowMs())
    const recovered = { epoch: epoch + 1, previous, findings: report.findings, adopted }
    return { recovered, signed }
  })
  // What lay there is of the ledger that was given up, or cannot be read: the entry quotes what can be known of it.
  for (const place of places) await place.write(signed)
  return recovered
}

function outsidePlaces({ dataDir, checkpointDir }: RecoverOptions): OutsideCheckpoint[] {
  const own = openOutside(dataDir)
  return checkpointDir === undefined ? [own] : [own, openOutsideAt(checkpointDir)]
}

interface FoundNotes extends OutsideNotes {
  /** Why one of them cannot be read. */
  readonly fault: string | undefined
}

function readNotes(places: readonly OutsideCheckpoint[]): FoundNotes {
  let fault: string | undefined
  const [own, elsewhere] = places.map((place) => {
    try {
      return place.read()
    } catch (error) {
      fault = messageOf(error)
      return undefined
    }
  })
  return { own, elsewhere, fault }
}

async function examine(reader: Reader, notes: FoundNotes) {
  const checkpoints = [notes.own, notes.elsewhere].filter((note) => note !== undefined)
  const examined = await examineLedger(reader, { data: true, checkpoints })
  return { ...examined, fault: notes.fault ?? (await faultAtStart(reader, notes)) }
}

async function signBeginning(tx: Writer, signer: Signer, atMs: number): Promise<string> {
  const head = await findHead(tx)
  assert(head !== undefined, 'the ledger was begun')
  const { origin, size, root } = head
  const note = signCheckpoint(signer, { origin, size, root })
  await tx.insertInto('ledger_checkpoint').values({ size, note, at: atMs }).execute()
  return note
}

async function faultAtStart(reader: Reader, notes: OutsideNotes): Promise<string | undefined> {
  try {
    await checkAtStart(reader, notes)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  if (error instanceof PlatformError) return error.publicMessage
  throw error
}

/** Each governed row that a finding names, once. */
function rowsOf(findings: readonly LedgerFinding[]): RowRef[] {
  const rows = new Map<string, RowRef>()
  for (const { table, key } of findings) {
    if (table === undefined || key === undefined) continue
    const ref = { table: table as RowRef['table'], key }
    if (isGoverned(ref) && bytesOf(ref) <= ROW_NAME_LIMIT_BYTES) rows.set(rowName(table, key), ref)
  }
  return [...rows.values()]
}

function bytesOf(ref: RowRef): number {
  return Buffer.byteLength(JSON.stringify(ref))
}

/** In order, so many to an entry as it holds. */
function byEntry(rows: readonly RowRef[]): RowRef[][] {
  const parts: RowRef[][] = []
  let left = 0
  for (const ref of rows) {
    const bytes = bytesOf(ref) + ROW_BYTES
    if (bytes > left) {
      parts.push([])
      left = ROWS_LIMIT_BYTES
    }
    parts.at(-1)?.push(ref)
    left -= bytes
  }
  return parts
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
  const latest = atMs + AHEAD_LIMIT_MS
  const { size, root, nodes, lastAt } = await kept(tx, latest)
  const { origin, last } = await lastKnown(tx, notes, epoch)
  const previous: PreviousLedger = {
    origin,
    size,
    root,
    checkpoint: last === undefined ? null : noteOf(last),
  }
  await beginLedger(
    tx,
    { epoch, how: 'recovered', ...previous, ended_at: atMs },
    { origin: state.origin, lastAt: Math.max(lastAt, await lastEdge(tx, latest)), nodes },
  )
  return previous
}

/** The tree over the entries that are there, whatever the rows beside them say. */
async function kept(reader: Reader, latest: number) {
  let frontier = EMPTY_FRONTIER
  let lastAt = 0
  const nodes: TreeNode[] = []
  for (let next = 0; ;) {
    const entries = await ledgerRows(reader).entries(next, BATCH)
    for (const { body } of entries) {
      const appended = appendLeaf(frontier, leafHash(body))
      frontier = appended.frontier
      nodes.push(...appended.nodes)
      const atMs = parseEntry(body)?.at ?? 0
      if (atMs <= latest) lastAt = Math.max(lastAt, atMs)
    }
    const newest = entries.at(-1)
    if (newest === undefined) return { size: frontier.size, root: rootOf(frontier), nodes, lastAt }
    next = newest.index + 1
  }
}

/** What was live may be told of by entries that are gone. */
async function lastEdge(reader: Reader, latest: number): Promise<number> {
  const edge = async (of: 'from_ms' | 'to_ms'): Promise<number> => {
    const row = await reader
      .selectFrom('live_interval')
      .select((select) => select.fn.max<number | null>(of).as('at'))
      .where(of, '<=', latest)
      .executeTakeFirst()
    return row?.at ?? 0
  }
  return Math.max(await edge('from_ms'), await edge('to_ms'))
}

interface LastKnown {
  /** The name of the ledger that is given up: no ledger before had it. */
  readonly origin: string
  readonly last: SignedCheckpoint | undefined
}

/**
 * The largest checkpoint kept outside that is of no ledger before: sizes of two ledgers say nothing of each other. Without
 * one the largest in the database. One by the key of the ledger goes before any other.
 */
async function lastKnown(reader: Reader, notes: OutsideNotes, epoch: number): Promise<LastKnown> {
  const taken = new Set((await pastLedgers(reader)).map((past) => past.origin))
  const isFree = (origin: string): boolean => isOrigin(origin) && !taken.has(origin)
  const outside = [notes.own, notes.elsewhere].flatMap(readable).filter((one) => isFree(one.origin))
  const head = await findHead(reader)
  const names = [head?.origin ?? '', ...outside.map((one) => one.origin), ...unknownNames(epoch)]
  const origin = names.find(isFree) ?? ''
  const key = await findLogKey(reader, { origin, epoch })
  const isSigned = (one: SignedCheckpoint): boolean =>
    key !== undefined && one.origin === origin && isSignedBy(one.note, key)
  const ofOne = outside.filter((one) => one.origin === outside[0]?.origin)
  const found = ofOne.length > 0 ? ofOne : (await newestInside(reader)).filter(isSigned)
  const largest = found.toSorted((a, b) => b.size - a.size)
  return { origin, last: largest.find(isSigned) ?? largest[0] }
}

/** One name more than there are ledgers: one of them is free. */
function unknownNames(epoch: number): string[] {
  return Array.from({ length: epoch }, (_, at) => `unknown/${epoch}${at === 0 ? '' : `-${at}`}`)
}

async function newestInside(reader: Reader): Promise<SignedCheckpoint[]> {
  const rows = await ledgerRows(reader).checkpoints(CHECKPOINTS_LOOKED_AT)
  return rows.flatMap(({ note }) => readable(note))
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
  return Math.min(Math.max(counter, least), WORLD_LIMIT)
}

async function hold(tx: Writer, epoch: number): Promise<void> {
  const value = String(epoch)
  await tx
    .insertInto('setting')
    .values({ name: HOLD_SETTING, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}
