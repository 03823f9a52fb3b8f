import { canonicalJson } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

const BATCH = 1_000

/**
 * The ledger as JSON Lines: each entry as the exact bytes that were hashed, then the newest checkpoint as
 * `{"checkpoint": "<signed note>"}`. Wants one snapshot.
 */
export async function* exportLedger(reader: Reader): AsyncGenerator<string> {
  let last = -1
  for (;;) {
    const rows = await reader
      .selectFrom('ledger_entry')
      .select(['index', 'body'])
      .where('index', '>', last)
      .orderBy('index')
      .limit(BATCH)
      .execute()
    for (const row of rows) yield row.body
    if (rows.length < BATCH) break
    last = rows.at(-1)?.index ?? last
  }
  const newest = await reader
    .selectFrom('ledger_checkpoint')
    .select('note')
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (newest !== undefined) yield canonicalJson({ checkpoint: newest.note })
}
