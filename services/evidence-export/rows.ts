import { readRow } from '../audit/index.ts'
import { EVIDENCE_TABLES, edgeOf, type EvidenceRow } from '../evidence/index.ts'
import { rowDigest, type EntryChange, type LedgerEntry, type Row } from '../ledger/index.ts'
import { canonicalJson } from '../model/index.ts'
import type { Reader, Schema } from '../store/index.ts'
import type { LedgerChain } from './chain.ts'

interface Wanted {
  readonly table: string
  readonly key: EntryChange['key']
  /** The newest entry of the range that changed it, and what it then was. */
  readonly told?: { readonly index: number; readonly digest: string }
}

/** When a row was first written, by table: where the search for the entry that proves it begins. */
const WRITTEN_AT: Readonly<Record<string, string>> = {
  artifact: 'created_at',
  detached_seal: 'created_at',
  attestation: 'created_at',
  publisher: 'created_at',
  publisher_version: 'created_at',
  revocation: 'recorded_at',
  policy_set: 'applied_at',
  approval_request: 'opened_at',
  approval: 'approved_at',
  break_glass: 'requested_at',
  code_signing_config: 'last_modified',
  live_interval: 'from_ms',
}

/** The rows of an archive, each with the entry that says what it is. */
export class RowGathering {
  readonly #reader: Reader
  readonly #chain: LedgerChain
  readonly #end: number
  readonly #wanted = new Map<string, Wanted>()

  /** The range ends at `end`. */
  constructor(reader: Reader, chain: LedgerChain, end: number) {
    this.#reader = reader
    this.#chain = chain
    this.#end = end
  }

  /** A row by its key; nothing where the archive holds no such rows. */
  want(table: string, key: EntryChange['key'], told?: Wanted['told']): void {
    if (!Object.hasOwn(EVIDENCE_TABLES, table)) return
    const name = `${table} ${canonicalJson(key)}`
    const known = this.#wanted.get(name)
    this.#wanted.set(name, { table, key, ...known, ...(told !== undefined && { told }) })
  }

  /** @throws PlatformError LEDGER_BROKEN where a row is in no entry, INVALID_PARAMETER where it may be in one that cannot be reached */
  async gather(): Promise<EvidenceRow[]> {
    const rows: EvidenceRow[] = []
    for (const name of [...this.#wanted.keys()].toSorted()) {
      const wanted = this.#wanted.get(name)
      const row = wanted && (await this.#rowOf(wanted))
      // A row that was deleted since has no content any more; the entries say that it was there.
      if (wanted === undefined || row === undefined) continue
      const index = await this.#indexOf(wanted, row)
      // As it is hashed: without what is empty.
      const filled = Object.entries(row).filter(([, value]) => value !== null)
      rows.push({ table: wanted.table, row: Object.fromEntries(filled), index })
    }
    return rows
  }

  async #rowOf({ table, key }: Wanted): Promise<Row | undefined> {
    const row = await readRow(this.#reader, { table: table as keyof Schema, key })
    if (table !== 'live_interval' || row === undefined) return row
    // As of the end of the range: what ended it later is of another window.
    const later = (edgeOf(this.#chain.ledgers, row, 'to') ?? -1) >= this.#end
    return later ? { ...row, to_ms: null, to_index: null } : row
  }

  async #indexOf({ table, key, told }: Wanted, row: Row): Promise<number> {
    if (table === 'live_interval') return this.#edgeOf(row)
    const digest = rowDigest(row)
    if (told?.digest === digest) return told.index
    const from = told === undefined ? await this.#beginning(table, row) : told.index + 1
    const index = await this.#chain.firstHolding(`"sha256":"${digest}"`, from)
    if (index !== undefined) return index
    throw this.#chain.unproven(`${table} ${canonicalJson(key)}`)
  }

  #edgeOf(row: Row): number {
    const { ledgers } = this.#chain
    const index = edgeOf(ledgers, row, 'to') ?? edgeOf(ledgers, row, 'from')
    if (index !== undefined) return index
    throw this.#chain.unproven(`what was live (${String(row['id'])})`)
  }

  async #beginning(table: string, row: Row): Promise<number> {
    const at = row[WRITTEN_AT[table] ?? '']
    return typeof at === 'number' ? await this.#chain.firstSince(at) : 0
  }
}

/** Whether an entry changed one of the rows since; what was live is of the window, whatever comes behind it. */
export function saysOtherwise(
  { changes }: Pick<LedgerEntry, 'changes'>,
  rows: readonly EvidenceRow[],
): boolean {
  return changes.some(({ table, key, sha256: digest }) =>
    rows.some(
      ({ table: of, row }) =>
        of === table &&
        table !== 'live_interval' &&
        Object.entries(key).every(([column, value]) => row[column] === value) &&
        rowDigest(row) !== digest,
    ),
  )
}
