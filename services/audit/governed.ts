import { sql } from 'kysely'

import type { Row } from '../ledger/index.ts'
import { canonicalJson } from '../model/index.ts'
import { prepared, type Reader, type Schema } from '../store/index.ts'

/**
 * Tables of which every row's last state is hashed into the ledger, with the columns that name a row. Not here:
 * counters, queues and caches (world, jobs, seen_signature), `document`, whose rows prove themselves, and the ledger.
 */
export const governedTables = {
  setting: ['name'],
  principal: ['id'],
  role_grant: ['principal_id', 'role'],
  oidc_identity: ['principal_id'],
  access_key: ['id'],
  sealed_key: ['purpose'],
  artifact: ['code_sha256'],
  detached_seal: ['artifact_sha256', 'seal_digest'],
  attestation: ['artifact_sha256', 'digest'],
  publisher: ['id'],
  publisher_version: ['publisher_id', 'version'],
  revocation: ['id'],
  revocation_list: ['url'],
  code_signing_config: ['id'],
  signing_requirement: ['config_id'],
  signer_owner: ['signer'],
  approval_request: ['id'],
  approval: ['request_id', 'principal_id'],
  break_glass: ['id'],
  policy_set: ['kind', 'version'],
  function_name: ['name'],
  function: ['id'],
  function_version: ['id'],
  alias: ['function_id', 'name'],
  freeze: ['scope'],
  freeze_window: ['name'],
  promotion_rule: ['scope'],
  floor_rule: ['function_name', 'alias'],
  floor: ['function_name', 'alias', 'publisher'],
  floor_exception: ['id'],
  function_reach: ['function_name'],
  function_setting: ['function_id', 'kind', 'qualifier'],
  event_source_mapping: ['uuid'],
  layer: ['name'],
  layer_version: ['arn'],
  resource_policy: ['owner', 'qualifier'],
  resource_tags: ['resource'],
  webhook: ['id'],
  decision: ['id'],
  live_interval: ['id'],
  live_verdict: ['id'],
  reaction_setting: ['scope'],
  reaction: ['verdict_id', 'wanted'],
  reaction_hold: ['id'],
  version_refusal: ['function_name', 'version', 'release'],
  past_ledger: ['epoch'],
} as const satisfies Partial<Record<keyof Schema, readonly string[]>>

export type GovernedTable = keyof typeof governedTables

export const governedTableNames = Object.keys(governedTables) as readonly GovernedTable[]

/** A row written or deleted in the transaction of an entry; one of a table that is not governed is passed over. */
export interface RowRef {
  readonly table: keyof Schema
  /** Every key column of the table, and nothing else. */
  readonly key: Readonly<Record<string, string | number>>
}

/** What the ledger says of a row is pure, so that evidence is held to it offline. */
export { rowDigest, type Row } from '../ledger/index.ts'

/** One text to a row, for maps. */
export function rowName(table: string, key: RowRef['key']): string {
  return `${table} ${canonicalJson(key)}`
}

/** The key columns of a row that was read. */
export function keyOf(table: GovernedTable, row: Row): RowRef['key'] {
  return Object.fromEntries(governedTables[table].map((column) => [column, row[column] ?? '']))
}

export interface GovernedRef extends RowRef {
  readonly table: GovernedTable
}

export function isGoverned(ref: RowRef): ref is GovernedRef {
  return Object.hasOwn(governedTables, ref.table)
}

export function hasItsKey({ table, key }: GovernedRef): boolean {
  const columns: readonly string[] = governedTables[table]
  return Object.keys(key).length === columns.length && columns.every((column) => column in key)
}

/** The rows that are there, by `rowName`; of a table with one key column in one statement. */
export async function readRows(
  reader: Reader,
  refs: readonly GovernedRef[],
): Promise<ReadonlyMap<string, Row>> {
  const found = new Map<string, Row>()
  for (const table of new Set(refs.map((ref) => ref.table))) {
    const some = refs.filter((ref) => ref.table === table)
    const [column, ...more] = governedTables[table]
    if (more.length > 0 || some.length === 1) {
      for (const ref of some) {
        const row = await readRow(reader, ref)
        if (row !== undefined) found.set(rowName(table, ref.key), row)
      }
      continue
    }
    const keys = some.map(({ key }) => key[column] ?? '')
    const query = sql<Row>`select * from ${sql.table(table)} where ${sql.ref(column)} in (${sql.join(keys)})`
    for (const row of (await query.execute(reader)).rows)
      found.set(rowName(table, keyOf(table, row)), row)
  }
  return found
}

/** A row of a table that is not governed is none. */
export async function readRow(reader: Reader, ref: RowRef): Promise<Row | undefined> {
  if (!isGoverned(ref)) return undefined
  const [row] = await rowQueries[ref.table](reader, ref.key)
  return row
}

const rowQueries = Object.fromEntries(
  governedTableNames.map((table) => [
    table,
    prepared<RowRef['key'], Row>((db, of) => {
      const isIt = governedTables[table].map((column) => sql`${sql.ref(column)} = ${of(column)}`)
      const query = sql<Row>`select * from ${sql.table(table)} where ${sql.join(isIt, sql` and `)}`
      return { compile: () => query.compile(db) }
    }),
  ]),
) as Record<GovernedTable, ReturnType<typeof prepared<RowRef['key'], Row>>>
