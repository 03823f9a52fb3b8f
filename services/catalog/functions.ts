import type { FunctionTable, Reader, Writer } from '../store/index.ts'
import { deleteAliasRow, listAliases } from './aliases.ts'
import { deleteSomeSettings } from './function-settings.ts'
import { deleteSomePoliciesOf } from './resource-policies.ts'
import type { TouchedRow } from './touched.ts'
import {
  deleteVersion,
  findVersionById,
  listPublishedVersions,
  type VersionRecord,
} from './versions.ts'

export interface FunctionRecord {
  /** `fn-` ULID, new at each create. */
  readonly id: string
  readonly name: string
  readonly codeSigningConfigId: string | null
  /** What `$LATEST` executes: `null` until the first code is active. */
  readonly serving: string | null
  /** What is being prepared; a create that failed stays here for its reason to be read. */
  readonly pending: string | null
  readonly tags: Readonly<Record<string, string>>
  readonly createdAtMs: number
}

export async function findFunction(
  reader: Reader,
  name: string,
): Promise<FunctionRecord | undefined> {
  const row = await reader
    .selectFrom('function')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : toFunction(row)
}

export function toFunction(row: FunctionTable): FunctionRecord {
  return {
    id: row.id,
    name: row.name,
    codeSigningConfigId: row.code_signing_config_id,
    serving: row.serving,
    pending: row.pending,
    tags: JSON.parse(row.tags) as Record<string, string>,
    createdAtMs: row.created_at,
  }
}

/** What is known of `$LATEST`: the update under way if there is one, else what it serves. */
export async function findLatest(
  reader: Reader,
  owner: FunctionRecord,
): Promise<VersionRecord | undefined> {
  const id = owner.pending ?? owner.serving
  return id === null ? undefined : await findVersionById(reader, id)
}

/** What `$LATEST` executes now: the previous code while an update is in progress. */
export async function findServing(
  reader: Reader,
  owner: FunctionRecord,
): Promise<VersionRecord | undefined> {
  const id = owner.serving ?? owner.pending
  return id === null ? undefined : await findVersionById(reader, id)
}

/** The name's own row outlives the function: version numbers and governance belong to it (CONTRACTS). */
export async function insertFunction(tx: Writer, owner: FunctionRecord): Promise<TouchedRow[]> {
  const touched: TouchedRow[] = [{ table: 'function', key: { id: owner.id } }]
  const known = await tx
    .selectFrom('function_name')
    .select('name')
    .where('name', '=', owner.name)
    .executeTakeFirst()
  if (known === undefined) {
    await tx.insertInto('function_name').values({ name: owner.name, next_version: 1 }).execute()
    touched.push({ table: 'function_name', key: { name: owner.name } })
  }
  await tx
    .insertInto('function')
    .values({
      id: owner.id,
      name: owner.name,
      code_signing_config_id: owner.codeSigningConfigId,
      serving: owner.serving,
      pending: owner.pending,
      tags: JSON.stringify(owner.tags),
      created_at: owner.createdAtMs,
    })
    .execute()
  return touched
}

/** The next number of that name, taken: never given again, also after delete and recreate (SPEC A3). */
export async function takeVersionNumber(
  tx: Writer,
  name: string,
): Promise<{ readonly version: string; readonly touched: TouchedRow }> {
  const row = await tx
    .selectFrom('function_name')
    .select('next_version')
    .where('name', '=', name)
    .executeTakeFirstOrThrow()
  await tx
    .updateTable('function_name')
    .set({ next_version: row.next_version + 1 })
    .where('name', '=', name)
    .execute()
  return {
    version: String(row.next_version),
    touched: { table: 'function_name', key: { name } },
  }
}

export async function setLatest(
  tx: Writer,
  functionId: string,
  pointers: { readonly serving: string | null; readonly pending: string | null },
): Promise<TouchedRow> {
  await tx.updateTable('function').set(pointers).where('id', '=', functionId).execute()
  return { table: 'function', key: { id: functionId } }
}

export async function setFunctionTags(
  tx: Writer,
  functionId: string,
  tags: Readonly<Record<string, string>>,
): Promise<TouchedRow> {
  await tx
    .updateTable('function')
    .set({ tags: JSON.stringify(tags) })
    .where('id', '=', functionId)
    .execute()
  return { table: 'function', key: { id: functionId } }
}

/**
 * Settings and policies, aliases, then published versions, at most `limit` rows: a function may have more than one
 * ledger entry can tell of.
 * Answers what went, and whether that was all.
 */
export async function deleteSomeOfFunction(
  tx: Writer,
  functionId: string,
  limit: number,
): Promise<{
  readonly touched: readonly TouchedRow[]
  readonly versions: readonly string[]
  readonly emptied: boolean
}> {
  const touched = await deleteSomeSettings(tx, functionId, { limit: limit / 2 })
  touched.push(...(await deleteSomePoliciesOf(tx, functionId, limit / 2 - touched.length)))
  if (touched.length === limit / 2) return { touched, versions: [], emptied: false }
  const aliases = await listAliases(tx, functionId, { limit: limit / 2 })
  for (const alias of aliases) touched.push(await deleteAliasRow(tx, alias))
  const published = await listPublishedVersions(tx, functionId)
  const versions = published.slice(0, limit / 2 - aliases.length)
  for (const version of versions) touched.push(await deleteVersion(tx, version.id))
  return {
    touched,
    versions: versions.map((version) => version.version),
    emptied: aliases.length < limit / 2 && versions.length === published.length,
  }
}

/** The function, once its aliases and versions are gone; the name's row stays. */
export async function deleteFunctionRow(tx: Writer, owner: FunctionRecord): Promise<TouchedRow[]> {
  const touched: TouchedRow[] = []
  for (const id of [owner.serving, owner.pending])
    if (id !== null) touched.push(await deleteVersion(tx, id))
  await tx.deleteFrom('function').where('id', '=', owner.id).execute()
  touched.push({ table: 'function', key: { id: owner.id } })
  return touched
}
