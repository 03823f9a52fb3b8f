import type { Facts, SealReport } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** A time for which an alias's slot held a release, with what its seals said when that was decided. Milliseconds. */
export interface AliasInterval {
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly release: string
  readonly decisionId: string
  readonly outcome: string
  readonly fromMs: number
  readonly toMs: number | null
  /** Of the code, those that were trusted. */
  readonly seals: readonly SealReport[]
}

/** What an alias held, oldest first: all of it, or what ended at `sinceMs` or later or goes on. */
export async function aliasIntervals(
  reader: Reader,
  of: { readonly functionName: string; readonly alias: string; readonly sinceMs?: number },
): Promise<AliasInterval[]> {
  let query = reader
    .selectFrom('live_interval')
    .innerJoin('decision', 'decision.id', 'live_interval.decision_id')
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .selectAll('live_interval')
    .select(['decision.outcome', 'document.body as facts'])
    .where('live_interval.function_name', '=', of.functionName)
    .where('live_interval.alias', '=', of.alias)
    .orderBy('live_interval.from_ms')
    .orderBy('live_interval.id')
  const { sinceMs } = of
  if (sinceMs !== undefined)
    query = query.where((is) =>
      is.or([is('live_interval.to_ms', 'is', null), is('live_interval.to_ms', '>=', sinceMs)]),
    )
  return (await query.execute()).map((row) => ({
    slot: row.slot,
    version: row.version,
    weight: row.weight,
    release: row.release,
    decisionId: row.decision_id,
    outcome: row.outcome,
    fromMs: row.from_ms,
    toMs: row.to_ms,
    seals: trustedSeals(JSON.parse(row.facts) as Facts, row.code_sha256),
  }))
}

function trustedSeals({ subjects }: Facts, codeSha256: string): SealReport[] {
  const code = subjects.find((one) => one.kind === 'function' && one.codeSha256 === codeSha256)
  return (code?.verdict.seals ?? []).filter(({ outcome }) => outcome === 'trusted')
}
