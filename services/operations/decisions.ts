import { PlatformError, toIsoTime, type Decision, type Facts } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'

/** A decision as kept, with the facts it is a function of. */
export interface DecisionDocument {
  readonly decision: Decision
  readonly facts: Facts
}

export interface DecisionSummary {
  readonly id: string
  readonly at: string
  readonly outcome: 'allow' | 'warn' | 'deny'
  readonly principal: string
  readonly action: string
  readonly resource: string
}

export type DecisionsById = ReadonlyMap<string, DecisionDocument>

/** Decisions with their facts; each document is parsed once. What is not there is not in the answer. */
export async function decisionsById(reader: Reader, ids: Iterable<string>): Promise<DecisionsById> {
  const wanted = [...new Set(ids)]
  if (wanted.length === 0) return new Map()
  const rows = await reader
    .selectFrom('decision')
    .innerJoin('document', 'document.sha256', 'decision.document')
    .innerJoin('document as facts', 'facts.sha256', 'decision.facts')
    .select(['decision.id', 'document.body', 'facts.body as facts'])
    .where('decision.id', 'in', wanted)
    .execute()
  return new Map(
    rows.map((row) => [
      row.id,
      { decision: JSON.parse(row.body) as Decision, facts: JSON.parse(row.facts) as Facts },
    ]),
  )
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function readDecision(deps: Deps, id: string): Promise<DecisionDocument> {
  const found = (await decisionsById(deps.store.reader, [id])).get(id)
  if (found !== undefined) return found
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no decision \`${id.slice(0, 80)}\``)
}

/** Newest first; of one resource, or of those with one outcome, where asked. */
export async function listDecisions(
  deps: Deps,
  query: {
    readonly limit: number
    readonly resource?: string | undefined
    readonly outcome?: 'allow' | 'warn' | 'deny' | undefined
  },
): Promise<DecisionSummary[]> {
  let select = deps.store.reader
    .selectFrom('decision')
    .select(['id', 'at', 'outcome', 'principal_id', 'action', 'resource'])
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(query.limit)
  if (query.resource !== undefined) select = select.where('resource', '=', query.resource)
  if (query.outcome !== undefined) select = select.where('outcome', '=', query.outcome)
  const rows = await select.execute()
  return rows.map((row) => ({
    id: row.id,
    at: toIsoTime(row.at),
    outcome: row.outcome,
    principal: row.principal_id,
    action: row.action,
    resource: row.resource,
  }))
}
