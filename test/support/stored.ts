import type { Deps } from '../../services/operations/index.ts'
import type { Schema } from '../../services/store/index.ts'

const TABLES = [
  'artifact',
  'detached_seal',
  'attestation',
  'publisher',
  'publisher_version',
  'revocation',
  'code_signing_config',
  'function',
  'function_version',
  'alias',
  'layer_version',
  'live_interval',
] as const satisfies readonly (keyof Schema)[]

/** Every governed row of trust and catalog, as one value: equal before and after means that nothing was stored. */
export async function stored(deps: Deps): Promise<Record<string, unknown>> {
  return await deps.store.snapshot(async (reader) => {
    const rows: Record<string, unknown> = {}
    for (const table of TABLES) rows[table] = await reader.selectFrom(table).selectAll().execute()
    return rows
  })
}

/** The newest decision, and how many there are. */
export async function decisions(
  deps: Deps,
): Promise<{ count: number; last: { id: string; action: string; outcome: string } | undefined }> {
  const rows = await deps.store.reader
    .selectFrom('decision')
    .select(['id', 'action', 'outcome'])
    .orderBy('at')
    .orderBy('id')
    .execute()
  return { count: rows.length, last: rows.at(-1) }
}
