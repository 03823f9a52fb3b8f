import { sql, type RawBuilder } from 'kysely'

import { LATEST } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { ComplianceState, StandingPlace } from './compliance.ts'
import { toLiveRow, type LiveRow } from './table.ts'

/** An interval as far as it is searched and sorted by: none of its documents. */
export interface LivePlace extends StandingPlace {
  readonly liveId: number
  readonly slot: 'primary' | 'weighted'
}

/** Intervals looked up at once: far below what SQLite takes as parameters. */
const IDS_AT_ONCE = 500

/** Which intervals are wanted, by names; all where nothing is said. */
export interface OutlineAsked {
  /** An instant; what is open now where not given. */
  readonly atMs?: number | undefined
  /** Part of `function:alias`, whatever its case. */
  readonly search?: string | undefined
  readonly functionName?: string | undefined
  /** `aliases`: without versions by number and `$LATEST`. */
  readonly names?: 'aliases' | 'all' | undefined
}

/** Where a page of places begins, and how many it has. */
export interface PlacesAsked extends OutlineAsked {
  readonly state?: ComplianceState | undefined
  /** Function, alias and slot of the place it comes after, whether or not that is still there. */
  readonly after?: readonly [functionName: string, alias: string, slot: string] | undefined
  readonly limit: number
}

/** Places in order of names. Of those that do not fit, and of those beyond `limit`, no row is made. */
export async function livePlaces(reader: Reader, asked: PlacesAsked): Promise<LivePlace[]> {
  const { state, after, limit } = asked
  let query = outline(reader, asked)
    .select([
      'live_interval.id as liveId',
      'live_interval.function_name as functionName',
      'live_interval.alias',
      'live_interval.slot',
      'live_interval.version',
      'live_interval.release',
      'live_interval.decision_id as decisionId',
    ])
    .orderBy('live_interval.function_name')
    .orderBy('live_interval.alias')
    .orderBy('live_interval.slot')
    .limit(limit)
  if (state !== undefined) query = query.where(standingState(asked), '=', state)
  if (after !== undefined)
    query = query.where(
      sql<boolean>`(live_interval.function_name, live_interval.alias, live_interval.slot)
        > (${sql.join(after)})`,
    )
  return (await query.execute()) as LivePlace[]
}

/** How many places stand how, of those that are wanted. */
export async function countStates(
  reader: Reader,
  asked: OutlineAsked,
): Promise<ReadonlyMap<ComplianceState, number>> {
  const rows = await outline(reader, asked)
    .select((select) => [
      standingState(asked).as('stands'),
      select.fn.countAll<number>().as('places'),
    ])
    .groupBy('stands')
    .execute()
  return new Map(rows.map(({ stands, places }) => [stands, Number(places)]))
}

function outline(reader: Reader, { atMs, search, functionName, names }: OutlineAsked) {
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
    .where(held('live_interval.from_ms', 'live_interval.to_ms'))
  if (functionName !== undefined)
    query = query.where('live_interval.function_name', '=', functionName)
  if (names === 'aliases')
    query = query
      .where('live_interval.alias', '!=', LATEST)
      .where(sql<boolean>`trim(${sql.ref('live_interval.alias')}, '0123456789') <> ''`)
  return search === undefined ? query : query.where(named(search))
}

/**
 * `stateOf` of `compliance.ts` for the database, so that thousands can be counted and filtered without making a row of
 * each; `test/unit/live/outline` holds the two together. Of an instant the verdict is told: freezes and refusals of then
 * are in the ledger alone.
 */
function standingState({ atMs }: OutlineAsked): RawBuilder<ComplianceState> {
  const verdict = sql<ComplianceState>`coalesce(live_verdict.state, 'unjudged')`
  if (atMs !== undefined) return verdict
  return sql<ComplianceState>`case
    when (live_interval.function_name, live_interval.version, live_interval.release)
      in (select function_name, version, release from version_refusal) then 'refused'
    when live_interval.function_name || ':' || live_interval.alias in (select scope from freeze)
      or live_interval.function_name in (select scope from freeze) then 'frozen'
    when live_verdict.state = 'compliant'
      and live_interval.decision_id in (select decision_id from reaction where done = 'revert') then 'reverted'
    else ${verdict} end`
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
