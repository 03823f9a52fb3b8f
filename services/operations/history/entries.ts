import { parseEntry } from '../../ledger/index.ts'
import type { Principal } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'

/** What the ledger says of a change: what was done, by whom, on which decision. */
export interface ToldEntry {
  readonly index: number
  readonly type: string
  readonly action: string
  readonly resource: string
  readonly principal: Pick<Principal, 'id' | 'name'> & { readonly kind: string }
  /** `null` for what the service did by itself. */
  readonly decisionId: string | null
}

/** By index; an entry that is not there or cannot be read is left out. */
export async function entriesByIndex(
  reader: Reader,
  indexes: Iterable<number>,
): Promise<ReadonlyMap<number, ToldEntry>> {
  const wanted = [...new Set(indexes)]
  if (wanted.length === 0) return new Map()
  const rows = await reader
    .selectFrom('ledger_entry')
    .select(['index', 'body'])
    .where('index', 'in', wanted)
    .execute()
  const told = new Map<number, ToldEntry>()
  for (const { index, body } of rows) {
    const entry = parseEntry(body)
    if (entry === undefined) continue
    const { type, action, resource, principal, decision } = entry
    told.set(index, { index, type, action, resource, principal, decisionId: decision?.id ?? null })
  }
  return told
}
