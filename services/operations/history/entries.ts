import { parseEntry } from '../../ledger/index.ts'
import type { Moment } from '../../live/index.ts'
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

/** Entries by when and where they were written: each ledger that was ended counted its own from 0. */
export class ToldEntries {
  readonly #told = new Map<string, ToldEntry>()

  get(moment: Moment): ToldEntry | undefined {
    return this.#told.get(nameOf(moment))
  }

  values(): Iterable<ToldEntry> {
    return this.#told.values()
  }

  add(body: string): void {
    const entry = parseEntry(body)
    if (entry === undefined) return
    const { index, type, action, resource, principal, decision, at } = entry
    const decisionId = decision?.id ?? null
    const told = { index, type, action, resource, principal, decisionId }
    this.#told.set(nameOf({ atMs: at, index }), told)
  }
}

function nameOf({ atMs, index }: Moment): string {
  return `${atMs} ${index}`
}

/** One that is not there or cannot be read is left out. */
export async function entriesAt(reader: Reader, moments: Iterable<Moment>): Promise<ToldEntries> {
  const told = new ToldEntries()
  const wanted = [...new Set([...moments].map(({ index }) => index))]
  if (wanted.length === 0) return told
  const past = await reader.selectFrom('past_ledger').select('epoch').orderBy('epoch').execute()
  for (const { epoch } of past) {
    const rows = await reader
      .selectFrom('past_ledger_entry')
      .select('body')
      .where('epoch', '=', epoch)
      .where('index', 'in', wanted)
      .execute()
    for (const { body } of rows) told.add(body)
  }
  const rows = await reader
    .selectFrom('ledger_entry')
    .select('body')
    .where('index', 'in', wanted)
    .execute()
  for (const { body } of rows) told.add(body)
  return told
}
