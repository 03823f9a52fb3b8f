import type { Json } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** What may be configured beside a function's code. */
export type SettingKind =
  | 'reserved-concurrency'
  | 'provisioned-concurrency'
  | 'event-invoke'
  | 'url'
  | 'runtime-management'
  | 'recursion'
  | 'scaling'

/** One setting's place. */
export interface SettingKey {
  readonly functionId: string
  readonly kind: SettingKind
  /** `$LATEST` for the function itself. */
  readonly qualifier: string
}

export type SettingDocument = { readonly [name: string]: Json | undefined }

export interface FunctionSetting {
  readonly qualifier: string
  readonly document: SettingDocument
  readonly lastModifiedMs: number
}

export async function findSetting(
  reader: Reader,
  key: SettingKey,
): Promise<FunctionSetting | undefined> {
  const row = await reader
    .selectFrom('function_setting')
    .selectAll()
    .where('function_id', '=', key.functionId)
    .where('kind', '=', key.kind)
    .where('qualifier', '=', key.qualifier)
    .executeTakeFirst()
  return row === undefined ? undefined : toSetting(row)
}

/** Of one kind, by qualifier: a page after one. */
export async function listSettings(
  reader: Reader,
  of: Pick<SettingKey, 'functionId' | 'kind'>,
  page: { readonly after?: string | undefined; readonly limit?: number | undefined } = {},
): Promise<FunctionSetting[]> {
  let query = reader
    .selectFrom('function_setting')
    .selectAll()
    .where('function_id', '=', of.functionId)
    .where('kind', '=', of.kind)
    .orderBy('qualifier')
  if (page.after !== undefined) query = query.where('qualifier', '>', page.after)
  if (page.limit !== undefined) query = query.limit(page.limit)
  return (await query.execute()).map(toSetting)
}

/** Every setting of one kind in the installation, with the function it belongs to. */
export async function listSettingsOfKind(
  reader: Reader,
  kind: SettingKind,
): Promise<(FunctionSetting & { readonly functionId: string })[]> {
  const rows = await reader
    .selectFrom('function_setting')
    .selectAll()
    .where('kind', '=', kind)
    .execute()
  return rows.map((row) => ({ ...toSetting(row), functionId: row.function_id }))
}

/** Writes it anew or over what was there. */
export async function putSetting(
  tx: Writer,
  key: SettingKey,
  value: { readonly document: SettingDocument; readonly atMs: number },
): Promise<TouchedRow> {
  const columns = { document: JSON.stringify(value.document), last_modified: value.atMs }
  await tx
    .insertInto('function_setting')
    .values({
      function_id: key.functionId,
      kind: key.kind,
      qualifier: key.qualifier,
      ...columns,
    })
    .onConflict((conflict) =>
      conflict.columns(['function_id', 'kind', 'qualifier']).doUpdateSet(columns),
    )
    .execute()
  return settingRow(key)
}

/** Empty where there was none. */
export async function deleteSetting(tx: Writer, key: SettingKey): Promise<TouchedRow[]> {
  if ((await findSetting(tx, key)) === undefined) return []
  await tx
    .deleteFrom('function_setting')
    .where('function_id', '=', key.functionId)
    .where('kind', '=', key.kind)
    .where('qualifier', '=', key.qualifier)
    .execute()
  return [settingRow(key)]
}

/** At most `limit` settings of a function that goes; of one qualifier alone, where one is named. */
export async function deleteSomeSettings(
  tx: Writer,
  functionId: string,
  of: { readonly limit: number; readonly qualifier?: string },
): Promise<TouchedRow[]> {
  let query = tx
    .selectFrom('function_setting')
    .select(['kind', 'qualifier'])
    .where('function_id', '=', functionId)
    .limit(of.limit)
  if (of.qualifier !== undefined) query = query.where('qualifier', '=', of.qualifier)
  const touched: TouchedRow[] = []
  for (const row of await query.execute()) {
    const key = { functionId, kind: row.kind as SettingKind, qualifier: row.qualifier }
    touched.push(...(await deleteSetting(tx, key)))
  }
  return touched
}

function settingRow(key: SettingKey): TouchedRow {
  const { functionId: function_id, kind, qualifier } = key
  return { table: 'function_setting', key: { function_id, kind, qualifier } }
}

function toSetting(row: {
  readonly qualifier: string
  readonly document: string
  readonly last_modified: number
}): FunctionSetting {
  return {
    qualifier: row.qualifier,
    document: JSON.parse(row.document) as SettingDocument,
    lastModifiedMs: row.last_modified,
  }
}
