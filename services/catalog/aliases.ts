import type { AliasTable, Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** The second version of an alias and the share of calls it takes, 0 to 1. */
export interface AliasRouting {
  readonly version: string
  readonly weight: number
}

export interface AliasRecord {
  readonly functionId: string
  readonly name: string
  /** Digits or `$LATEST`. */
  readonly version: string
  readonly description: string
  readonly routing: AliasRouting | null
  readonly revisionId: string
  readonly decisionId: string
}

export async function findAlias(
  reader: Reader,
  functionId: string,
  name: string,
): Promise<AliasRecord | undefined> {
  const row = await reader
    .selectFrom('alias')
    .selectAll()
    .where('function_id', '=', functionId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : toAlias(row)
}

/** By name, after `after`; with `version`, those whose primary or second version it is. */
export async function listAliases(
  reader: Reader,
  functionId: string,
  page: {
    readonly after?: string | undefined
    readonly limit?: number
    readonly version?: string | undefined
  } = {},
): Promise<AliasRecord[]> {
  let query = reader
    .selectFrom('alias')
    .selectAll()
    .where('function_id', '=', functionId)
    .orderBy('name')
  const { after, limit, version } = page
  if (after !== undefined) query = query.where('name', '>', after)
  if (version !== undefined)
    query = query.where((is) =>
      is.or([is('version', '=', version), is('routing_version', '=', version)]),
    )
  if (limit !== undefined) query = query.limit(limit)
  return (await query.execute()).map(toAlias)
}

export async function insertAlias(tx: Writer, alias: AliasRecord): Promise<TouchedRow> {
  await tx.insertInto('alias').values(toRow(alias)).execute()
  return aliasRow(alias)
}

export async function updateAliasRow(tx: Writer, alias: AliasRecord): Promise<TouchedRow> {
  const { function_id, name, ...columns } = toRow(alias)
  await tx
    .updateTable('alias')
    .set(columns)
    .where('function_id', '=', function_id)
    .where('name', '=', name)
    .execute()
  return aliasRow(alias)
}

export async function deleteAliasRow(
  tx: Writer,
  alias: Pick<AliasRecord, 'functionId' | 'name'>,
): Promise<TouchedRow> {
  await tx
    .deleteFrom('alias')
    .where('function_id', '=', alias.functionId)
    .where('name', '=', alias.name)
    .execute()
  return aliasRow(alias)
}

function aliasRow(alias: Pick<AliasRecord, 'functionId' | 'name'>): TouchedRow {
  return { table: 'alias', key: { function_id: alias.functionId, name: alias.name } }
}

export function toAlias(row: AliasTable): AliasRecord {
  return {
    functionId: row.function_id,
    name: row.name,
    version: row.version,
    description: row.description,
    routing:
      row.routing_version === null || row.routing_weight === null
        ? null
        : { version: row.routing_version, weight: row.routing_weight },
    revisionId: row.revision_id,
    decisionId: row.decision_id,
  }
}

function toRow(alias: AliasRecord): AliasTable {
  return {
    function_id: alias.functionId,
    name: alias.name,
    version: alias.version,
    description: alias.description,
    routing_version: alias.routing?.version ?? null,
    routing_weight: alias.routing?.weight ?? null,
    revision_id: alias.revisionId,
    decision_id: alias.decisionId,
  }
}
