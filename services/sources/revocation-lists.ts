import type { FetchedRevocationList, Sha256 } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'

/** A fetched list with what its own text says of its time. */
export interface StoredRevocationList extends FetchedRevocationList {
  readonly sha256: Sha256
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
}

/** The lists of these URLs, as far as there are any. */
export async function storedRevocationLists(
  reader: Reader,
  urls: readonly string[],
): Promise<StoredRevocationList[]> {
  if (urls.length === 0) return []
  const rows = await reader
    .selectFrom('revocation_list')
    .selectAll()
    .where('url', 'in', [...urls])
    .orderBy('url')
    .execute()
  return rows.map((row) => ({
    url: row.url,
    der: Buffer.from(row.body, 'base64'),
    sha256: row.sha256 as Sha256,
    thisUpdateMs: row.this_update,
    nextUpdateMs: row.next_update,
    fetchedAtMs: row.fetched_at,
  }))
}

export async function putRevocationList(tx: Writer, list: StoredRevocationList): Promise<void> {
  const values = {
    sha256: list.sha256,
    body: Buffer.from(list.der).toString('base64'),
    this_update: list.thisUpdateMs,
    next_update: list.nextUpdateMs,
    fetched_at: list.fetchedAtMs,
  }
  await tx
    .insertInto('revocation_list')
    .values({ url: list.url, ...values })
    .onConflict((conflict) => conflict.column('url').doUpdateSet(values))
    .execute()
}
