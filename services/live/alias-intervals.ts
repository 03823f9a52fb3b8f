import type { Facts, SealReport } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** A time for which an alias's slot held a release. Milliseconds. */
export interface AliasInterval {
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly release: string
  readonly decisionId: string
  readonly outcome: string
  readonly fromMs: number
  readonly toMs: number | null
}

/** With what the seals of its code said when that was decided: those that were trusted. */
export interface SealedAliasInterval extends AliasInterval {
  readonly seals: readonly SealReport[]
}

interface OfAlias {
  readonly functionName: string
  readonly alias: string
}

/** What an alias held, oldest first. */
export async function aliasIntervals(reader: Reader, of: OfAlias): Promise<AliasInterval[]> {
  return (await selectIntervals(reader, of).execute()).map(toInterval)
}

/** What an alias held that ended at `sinceMs` or later or goes on, oldest first. */
export async function sealedIntervals(
  reader: Reader,
  of: OfAlias & { readonly sinceMs: number },
): Promise<SealedAliasInterval[]> {
  const rows = await selectIntervals(reader, of)
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .select('document.body as facts')
    .where((is) =>
      is.or([is('live_interval.to_ms', 'is', null), is('live_interval.to_ms', '>=', of.sinceMs)]),
    )
    .execute()
  return rows.map((row) => ({
    ...toInterval(row),
    seals: trustedSeals(JSON.parse(row.facts) as Facts, row.code_sha256),
  }))
}

function selectIntervals(reader: Reader, { functionName, alias }: OfAlias) {
  return reader
    .selectFrom('live_interval')
    .innerJoin('decision', 'decision.id', 'live_interval.decision_id')
    .selectAll('live_interval')
    .select('decision.outcome')
    .where('live_interval.function_name', '=', functionName)
    .where('live_interval.alias', '=', alias)
    .orderBy('live_interval.from_ms')
    .orderBy('live_interval.id')
}

function toInterval(
  row: Awaited<ReturnType<ReturnType<typeof selectIntervals>['execute']>>[number],
): AliasInterval {
  return {
    slot: row.slot,
    version: row.version,
    weight: row.weight,
    release: row.release,
    decisionId: row.decision_id,
    outcome: row.outcome,
    fromMs: row.from_ms,
    toMs: row.to_ms,
  }
}

function trustedSeals({ subjects }: Facts, codeSha256: string): SealReport[] {
  const code = subjects.find((one) => one.kind === 'function' && one.codeSha256 === codeSha256)
  return (code?.verdict.seals ?? []).filter(({ outcome }) => outcome === 'trusted')
}
