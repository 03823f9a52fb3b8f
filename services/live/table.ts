import type { Selectable } from 'kysely'

import type { Facts, SubjectFacts } from '../model/index.ts'
import type { LiveIntervalTable, Reader } from '../store/index.ts'
import { toHeldInterval, type HeldInterval } from './held.ts'

/** One row of "what is live": a slot with what stands behind it. Times in milliseconds. */
export interface LiveRow extends Omit<HeldInterval, 'id' | 'fromIndex' | 'toIndex'> {
  /** live_interval.id */
  readonly liveId: number
  readonly outcome: string
  /** What the seals of the code said when it was decided, and whose they were. */
  readonly verdict: string
  readonly publishers: readonly string[]
}

/** What could be invoked at `atMs`, or now, by interval rows alone. */
export async function liveTable(reader: Reader, atMs?: number): Promise<LiveRow[]> {
  let query = reader
    .selectFrom('live_interval')
    .innerJoin('decision', 'decision.id', 'live_interval.decision_id')
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .selectAll('live_interval')
    .select(['decision.outcome', 'document.body as facts'])
    .orderBy('live_interval.function_name')
    .orderBy('live_interval.alias')
    .orderBy('live_interval.slot')
  if (atMs === undefined) {
    query = query.where('live_interval.to_ms', 'is', null)
  } else {
    query = query
      .where('live_interval.from_ms', '<=', atMs)
      .where((or) =>
        or.or([or('live_interval.to_ms', 'is', null), or('live_interval.to_ms', '>', atMs)]),
      )
  }
  return (await query.execute()).map(toLiveRow)
}

/** Every interval of one alias (or version), oldest first: what `rollback` and history read. */
export async function liveHistory(
  reader: Reader,
  functionName: string,
  alias: string,
): Promise<LiveRow[]> {
  const rows = await reader
    .selectFrom('live_interval')
    .innerJoin('decision', 'decision.id', 'live_interval.decision_id')
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .selectAll('live_interval')
    .select(['decision.outcome', 'document.body as facts'])
    .where('live_interval.function_name', '=', functionName)
    .where('live_interval.alias', '=', alias)
    .orderBy('live_interval.id')
    .execute()
  return rows.map(toLiveRow)
}

interface IntervalRow extends Selectable<LiveIntervalTable> {
  readonly outcome: string
  readonly facts: string
}

export function toLiveRow(row: IntervalRow): LiveRow {
  const facts = JSON.parse(row.facts) as Facts
  const code = facts.subjects.find(
    (subject) => subject.kind === 'function' && subject.codeSha256 === row.code_sha256,
  )
  const { id, fromIndex: _from, toIndex: _to, ...held } = toHeldInterval(row)
  return {
    ...held,
    liveId: id,
    outcome: row.outcome,
    verdict: code?.verdict.kind ?? 'unknown',
    publishers: code === undefined ? [] : publishersOf(code),
  }
}

function publishersOf(subject: SubjectFacts): string[] {
  const names = subject.verdict.seals
    .filter((seal) => seal.outcome === 'trusted')
    .map((seal) => seal.publisher?.name)
  return [...new Set(names.filter((name) => name !== undefined))].sort()
}
