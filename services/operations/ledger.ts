import { PlatformError } from '../model/index.ts'
import type { Deps } from './context.ts'

/** An entry as it lies in the tree: `body` is the leaf, byte for byte. */
export interface LedgerLine {
  readonly index: number
  readonly leafHash: string
  readonly body: string
}

/**
 * A signed checkpoint (C2SP signed note) of what is committed now: what an auditor keeps outside.
 * @throws PlatformError RESOURCE_NOT_FOUND (an empty ledger), LEDGER_BROKEN
 */
export async function readCheckpoint(
  deps: Deps,
): Promise<{ readonly size: number; readonly note: string; readonly verifierKey: string }> {
  await deps.audit.checkpoint()
  const row = await deps.store.reader
    .selectFrom('ledger_checkpoint')
    .select(['size', 'note'])
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row !== undefined) return { ...row, verifierKey: deps.audit.verifierKey }
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    'the ledger is empty: no checkpoint has been signed',
  )
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
