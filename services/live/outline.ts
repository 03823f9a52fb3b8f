import { sql } from 'kysely'

import type { VerdictState } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { StandingPlace } from './compliance.ts'
import { toLiveRow, type LiveRow } from './table.ts'

/** An interval as far as it is searched and sorted by: none of its documents. */
export interface LivePlace extends StandingPlace {
  readonly liveId: number
  readonly slot: 'primary' | 'weighted'
  /** What was found of it, as known now. */
  readonly verdict: VerdictState | 'unjudged'
}

/** Intervals looked up at once: far below what SQLite takes as parameters. */
const IDS_AT_ONCE = 500

/** Every interval that is open, or was at `atMs`, in order of names. */
export async function liveOutline(reader: Reader, atMs?: number): Promise<LivePlace[]> {
  const held = (begin: string, end: string) =>
    atMs === undefined
      ? sql<boolean>`${sql.ref(end)} is null`
      : sql<boolean>`${sql.ref(begin)} <= ${atMs} and (${sql.ref(end)} is null or ${sql.ref(end)} > ${atMs})`
  const rows = await reader
    .selectFrom('live_interval')
    .leftJoin('live_verdict', (join) =>
      join
        .onRef('live_verdict.live_id', '=', 'live_interval.id')
        .on('live_verdict.recorded_to', 'is', null)
        .on(held('live_verdict.effective_from', 'live_verdict.effective_to')),
    )
    .select([
      'live_interval.id as liveId',
      'live_interval.function_name as functionName',
      'live_interval.alias',
      'live_interval.slot',
      'live_interval.version',
      'live_interval.release',
      'live_interval.decision_id as decisionId',
    ])
    .select((select) => select.fn.coalesce('live_verdict.state', sql.lit('unjudged')).as('verdict'))
    .where(held('live_interval.from_ms', 'live_interval.to_ms'))
    .orderBy('live_interval.function_name')
    .orderBy('live_interval.alias')
    .orderBy('live_interval.slot')
    .execute()
  return rows as LivePlace[]
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
