import type { Reader } from '../store/index.ts'
import { toAlias, type AliasRecord } from './aliases.ts'
import { toFunction, type FunctionRecord } from './functions.ts'
import { versionsById, type VersionRecord } from './versions.ts'

/** Functions with all that their names reach, and versions that they reached before where such are named. */
export interface LiveRows {
  readonly owners: readonly FunctionRecord[]
  readonly aliases: readonly AliasRecord[]
  readonly versions: readonly VersionRecord[]
}

export interface LiveRowsAsked {
  /** By name, after this one. */
  readonly after?: string | undefined
  readonly limit: number
  /** This function alone. */
  readonly name?: string | undefined
}

/** A page of functions and their aliases, in few statements whatever their number. */
export async function pageOfLiveRows(
  reader: Reader,
  asked: LiveRowsAsked,
): Promise<Pick<LiveRows, 'owners' | 'aliases'>> {
  let query = reader.selectFrom('function').selectAll().orderBy('name').limit(asked.limit)
  if (asked.after !== undefined) query = query.where('name', '>', asked.after)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  const owners = (await query.execute()).map(toFunction)
  if (owners.length === 0) return { owners, aliases: [] }
  const aliases = await reader
    .selectFrom('alias')
    .selectAll()
    .where(
      'function_id',
      'in',
      owners.map(({ id }) => id),
    )
    .orderBy('function_id')
    .orderBy('name')
    .execute()
  return { owners, aliases: aliases.map(toAlias) }
}

/** The versions that are named: published ones by function and number, `$LATEST` by its row. */
export async function versionsReached(
  reader: Reader,
  named: {
    readonly rows: readonly string[]
    readonly numbers: ReadonlyMap<string, ReadonlySet<string>>
  },
): Promise<VersionRecord[]> {
  const ids = new Set(named.rows)
  const functionIds = [...named.numbers.keys()]
  if (functionIds.length > 0) {
    const rows = await reader
      .selectFrom('function_version')
      .select(['id', 'function_id', 'version'])
      .where('function_id', 'in', functionIds)
      .execute()
    for (const row of rows)
      if (named.numbers.get(row.function_id)?.has(row.version) === true) ids.add(row.id)
  }
  return ids.size === 0 ? [] : await versionsById(reader, [...ids])
}
