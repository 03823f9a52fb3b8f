import { PlatformError } from '../model/index.ts'
import type { Deps } from './context.ts'

/** An entry as it lies in the tree: `body` is the leaf, byte for byte. */
export interface LedgerLine {
  readonly index: number
  readonly leafHash: string
  readonly body: string
}

/**
 * The newest signed checkpoint (C2SP signed note): what an auditor keeps outside.
 * @throws PlatformError RESOURCE_NOT_FOUND before the first was signed
 */
export async function readCheckpoint(
  deps: Deps,
): Promise<{ readonly size: number; readonly note: string }> {
  const row = await deps.store.reader
    .selectFrom('ledger_checkpoint')
    .select(['size', 'note'])
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row !== undefined) return row
  throw new PlatformError('RESOURCE_NOT_FOUND', 'no checkpoint of the ledger has been signed yet')
}

/** Entries in order, from an index on. */
export async function readLedgerEntries(
  deps: Deps,
  page: { readonly from: number; readonly limit: number },
): Promise<LedgerLine[]> {
  const rows = await deps.store.reader
    .selectFrom('ledger_entry')
    .select(['index', 'leaf_hash', 'body'])
    .where('index', '>=', page.from)
    .orderBy('index')
    .limit(page.limit)
    .execute()
  return rows.map((row) => ({ index: row.index, leafHash: row.leaf_hash, body: row.body }))
}
