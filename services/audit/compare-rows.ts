import { sql } from 'kysely'

import type { LedgerFinding } from '../ledger/index.ts'
import type { Reader } from '../store/index.ts'
import { governedTableNames, keyOf, rowDigest, rowName, type Row } from './governed.ts'

/** What the ledger says a row was after the last entry that names it. */
export interface LastChange {
  readonly table: string
  readonly key: Readonly<Record<string, string | number>>
  readonly sha256: string | null
  readonly index: number
}

/** Every governed row that is not what the ledger says, and every one it says that is not there. */
export async function* compareRows(
  reader: Reader,
  lastChanges: ReadonlyMap<string, LastChange>,
): AsyncGenerator<LedgerFinding> {
  const seen = new Set<string>()
  for (const table of governedTableNames) {
    const { rows } = await sql<Row>`select * from ${sql.table(table)}`.execute(reader)
    for (const row of rows) {
      const key = keyOf(table, row)
      const name = rowName(table, key)
      seen.add(name)
      const last = lastChanges.get(name)
      const what = judge(row, last)
      if (what !== undefined)
        yield { kind: 'row', message: `${name} ${what}`, table, key, index: last?.index }
    }
  }
  for (const [name, { table, key, sha256, index }] of lastChanges) {
    if (sha256 === null || seen.has(name)) continue
    const message = `${name} is gone, entry ${index} left it there`
    yield { kind: 'row', message, table, key, index }
  }
}

function judge(row: Row, last: LastChange | undefined): string | undefined {
  if (last === undefined) return 'is in no entry of the ledger'
  if (last.sha256 === null) return `is there, entry ${last.index} deleted it`
  return digestOf(row) === last.sha256 ? undefined : `was changed after entry ${last.index}`
}

/** Undefined where the row holds what no row of ours can: a number that is none, bytes for text. */
function digestOf(row: Row): string | undefined {
  try {
    return rowDigest(row)
  } catch {
    return undefined
  }
}
