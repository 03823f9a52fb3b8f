import { parseEntry, type LedgerEntry } from '../ledger/index.ts'
import { PlatformError, toIsoTime } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** Entries looked through in one statement: short enough not to be felt by other requests. */
const BATCH = 2_000

/** @throws PlatformError LEDGER_BROKEN */
export async function entryAt(
  reader: Reader,
  index: number,
): Promise<{ readonly body: string; readonly leafHash: string; readonly entry: LedgerEntry }> {
  const row = await reader
    .selectFrom('ledger_entry')
    .select(['body', 'leaf_hash'])
    .where('index', '=', index)
    .executeTakeFirst()
  const entry = row === undefined ? undefined : parseEntry(row.body)
  if (row === undefined || entry === undefined)
    throw new PlatformError('LEDGER_BROKEN', `entry ${index} of the ledger cannot be read`)
  return { body: row.body, leafHash: row.leaf_hash, entry }
}

/** The first entry of that time or later, `size` where there is none: times never go back, so that halving finds it. */
export async function firstSince(reader: Reader, size: number, atMs: number): Promise<number> {
  let [low, high] = [0, size]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((await entryAt(reader, middle)).entry.at < atMs) low = middle + 1
    else high = middle
  }
  return low
}

/** The first entry from `from` on, and before `size`, whose bytes hold `text` (hex or an id: no pattern). */
export async function firstHolding(
  reader: Reader,
  text: string,
  range: { readonly from: number; readonly size: number },
): Promise<number | undefined> {
  for (let from = range.from; from < range.size; from += BATCH) {
    const row = await reader
      .selectFrom('ledger_entry')
      .select('index')
      .where('index', '>=', from)
      .where('index', '<', Math.min(from + BATCH, range.size))
      .where('body', 'like', `%${text}%`)
      .orderBy('index')
      .limit(1)
      .executeTakeFirst()
    if (row !== undefined) return row.index
    await new Promise((resolve) => setImmediate(resolve))
  }
  return undefined
}

export interface RangeLine {
  readonly index: number
  readonly body: string
  readonly leafHash: string
}

/** Entries in order; others are answered in between. */
export async function* entriesBetween(
  reader: Reader,
  range: { readonly from: number; readonly end: number },
): AsyncGenerator<RangeLine> {
  for (let from = range.from; from < range.end; from += BATCH) {
    const rows = await reader
      .selectFrom('ledger_entry')
      .select(['index', 'body', 'leaf_hash'])
      .where('index', '>=', from)
      .where('index', '<', Math.min(from + BATCH, range.end))
      .orderBy('index')
      .execute()
    for (const { index, body, leaf_hash: leafHash } of rows) yield { index, body, leafHash }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Evidence is of the ledger in force: what stands in an earlier one is not proven by it. */
export function earlierLedger(succeededMs: number, what: string): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    `evidence is of the ledger in force, which succeeded another one at ${toIsoTime(succeededMs)}: ${what}`,
  )
}

/** No entry says it: the ledger is broken, unless it is not the first one. */
export function unproven(what: string, succeededMs: number | undefined): PlatformError {
  return succeededMs === undefined
    ? new PlatformError('LEDGER_BROKEN', `${what} is in no entry of the ledger as it stands`)
    : earlierLedger(succeededMs, `${what}, which belongs to it, was last changed before it`)
}
