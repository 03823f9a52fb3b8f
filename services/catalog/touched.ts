import type { Schema } from '../store/index.ts'

/** A row that a write touched or deleted, by its primary key: what the ledger entry of the change covers. */
export interface TouchedRow {
  readonly table: keyof Schema
  readonly key: Readonly<Record<string, string | number>>
}
