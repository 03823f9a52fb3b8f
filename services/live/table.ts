import type { Facts, ReleaseLayer, SubjectFacts } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** One row of "what is live": a slot with what stands behind it. Times in milliseconds. */
export interface LiveRow {
  /** live_interval.id */
  readonly liveId: number
  readonly functionName: string
  /** Alias name, version digits, or `$LATEST`. */
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly layers: readonly ReleaseLayer[]
  readonly codeSha256: string
  readonly release: string
  readonly decisionId: string
  readonly outcome: string
  /** What the seals of the code said when it was decided, and whose they were. */
  readonly verdict: string
  readonly publishers: readonly string[]
  readonly fromMs: number
  readonly toMs: number | null
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

interface IntervalRow {
  readonly id: number
  readonly function_name: string
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly layers: string
  readonly code_sha256: string
  readonly release: string
  readonly decision_id: string
  readonly from_ms: number
  readonly to_ms: number | null
  readonly outcome: string
  readonly facts: string
}

function toLiveRow(row: IntervalRow): LiveRow {
  const facts = JSON.parse(row.facts) as Facts
  const code = facts.subjects.find(
    (subject) => subject.kind === 'function' && subject.codeSha256 === row.code_sha256,
  )
  return {
    liveId: row.id,
    functionName: row.function_name,
    alias: row.alias,
    slot: row.slot,
    version: row.version,
    weight: row.weight,
    layers: JSON.parse(row.layers) as ReleaseLayer[],
    codeSha256: row.code_sha256,
    release: row.release,
    decisionId: row.decision_id,
    outcome: row.outcome,
    verdict: code?.verdict.kind ?? 'unknown',
    publishers: code === undefined ? [] : publishersOf(code),
    fromMs: row.from_ms,
    toMs: row.to_ms,
  }
}

function publishersOf(subject: SubjectFacts): string[] {
  const names = subject.verdict.seals
    .filter((seal) => seal.outcome === 'trusted')
    .map((seal) => seal.publisher?.name)
  return [...new Set(names.filter((name) => name !== undefined))].sort()
}
