import type { Decision } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** Ids of the break-glass exceptions without which a decision would have been a no. */
export async function exceptionsBehind(
  reader: Reader,
  decisionId: string,
): Promise<ReadonlySet<string>> {
  const row = await reader
    .selectFrom('decision')
    .innerJoin('document', 'document.sha256', 'decision.document')
    .select('document.body')
    .where('decision.id', '=', decisionId)
    .executeTakeFirstOrThrow()
  const { checks } = JSON.parse(row.body) as Decision
  return new Set(checks.flatMap((check) => check.exceptions ?? []))
}
