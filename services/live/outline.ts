import { sql, type RawBuilder } from 'kysely'

import { LATEST, type VerdictState } from '../model/index.ts'
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

/** Which intervals are wanted, by names; all where nothing is said. */
export interface OutlineAsked {
  /** Part of `function:alias`, whatever its case. */
  readonly search?: string | undefined
  readonly functionName?: string | undefined
  /** `aliases`: without versions by number and `$LATEST`. */
  readonly names?: 'aliases' | 'all' | undefined
}

/** Intervals that are open, or were at `atMs`, in order of names. What is not wanted is never made a row of here. */
export async function liveOutline(
  reader: Reader,
  atMs: number | undefined,
  { search, functionName, names }: OutlineAsked = {},
): Promise<LivePlace[]> {
  const held = (begin: string, end: string) =>
    atMs === undefined
      ? sql<boolean>`${sql.ref(end)} is null`
      : sql<boolean>`${sql.ref(begin)} <= ${atMs} and (${sql.ref(end)} is null or ${sql.ref(end)} > ${atMs})`
  let query = reader
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
  if (functionName !== undefined)
    query = query.where('live_interval.function_name', '=', functionName)
  if (names === 'aliases')
    query = query
      .where('live_interval.alias', '!=', LATEST)
      .where(sql<boolean>`trim(${sql.ref('live_interval.alias')}, '0123456789') <> ''`)
  if (search !== undefined) query = query.where(named(search))
  return (await query.execute()) as LivePlace[]
}

/** Names hold ASCII alone, of which every database makes the same lower case. */
function named(search: string): RawBuilder<boolean> {
  const [owner, alias] = [sql.ref('live_interval.function_name'), sql.ref('live_interval.alias')]
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  return sql`lower(${owner} || ':' || ${alias}) like ${pattern} escape '\\'`
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
