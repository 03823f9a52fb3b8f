import type { Reader } from '../store/index.ts'
import type { StandingPlace } from './compliance.ts'
import { toLiveRow, type LiveRow } from './table.ts'

/** An interval as far as it is searched and sorted by: none of its documents. */
export interface LivePlace extends StandingPlace {
  readonly liveId: number
  readonly slot: 'primary' | 'weighted'
}

/** Intervals looked up at once: far below what SQLite takes as parameters. */
const IDS_AT_ONCE = 500

/** Every interval that is open, or was at `atMs`, in order of names. */
export async function liveOutline(reader: Reader, atMs?: number): Promise<LivePlace[]> {
  const all = reader
    .selectFrom('live_interval')
    .select(['id', 'function_name', 'alias', 'slot', 'version', 'release', 'decision_id'])
    .orderBy('function_name')
    .orderBy('alias')
    .orderBy('slot')
  const query =
    atMs === undefined
      ? all.where('to_ms', 'is', null)
      : all
          .where('from_ms', '<=', atMs)
          .where((is) => is.or([is('to_ms', 'is', null), is('to_ms', '>', atMs)]))
  return (await query.execute()).map((row) => ({
    liveId: row.id,
    functionName: row.function_name,
    alias: row.alias,
    slot: row.slot,
    version: row.version,
    release: row.release,
    decisionId: row.decision_id,
  }))
}

/** Whole rows of some intervals, with what was decided of them. */
export async function liveRowsOf(
  reader: Reader,
  ids: readonly number[],
): Promise<ReadonlyMap<number, LiveRow>> {
  const rows = new Map<number, LiveRow>()
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const found = await reader
      .selectFrom('live_interval')
      .innerJoin('decision', 'decision.id', 'live_interval.decision_id')
      .innerJoin('document', 'document.sha256', 'decision.facts')
      .selectAll('live_interval')
      .select(['decision.outcome', 'document.body as facts'])
      .where('live_interval.id', 'in', ids.slice(at, at + IDS_AT_ONCE))
      .execute()
    for (const row of found) rows.set(row.id, toLiveRow(row))
  }
  return rows
}
