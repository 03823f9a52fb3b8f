import {
  canonicalJson,
  isInForce,
  type Floor,
  type FreezeWindow,
  type Json,
  type PromotionRule,
  type Reach,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** An alias by name, whether or not it exists. */
export interface StagePlace {
  readonly functionName: string
  readonly alias: string
}

export interface Freeze {
  /** FUNCTION or FUNCTION:ALIAS */
  readonly scope: string
  readonly reason: string
  readonly frozenAtMs: number
  /** A principal's id. */
  readonly frozenBy: string
}

/** An alias that has a floor. */
export interface FloorRule {
  readonly soakMs: number
  readonly lastModifiedMs: number
}

export interface FloorException extends StagePlace {
  /** `flx-` ULID */
  readonly id: string
  readonly release: string
  readonly reason: string
  readonly grantedAtMs: number
  readonly grantedBy: string
  readonly expiresAtMs: number
}

const OPEN: Reach = { mode: 'all', direct: [] }

/** All, or those of the given scopes. */
export async function listFreezes(reader: Reader, scopes?: readonly string[]): Promise<Freeze[]> {
  let query = reader.selectFrom('freeze').selectAll().orderBy('scope')
  if (scopes !== undefined) query = query.where('scope', 'in', [...scopes])
  return (await query.execute()).map((row) => ({
    scope: row.scope,
    reason: row.reason,
    frozenAtMs: row.frozen_at,
    frozenBy: row.frozen_by,
  }))
}

export async function putFreeze(tx: Writer, freeze: Freeze): Promise<TouchedRow> {
  const { scope } = freeze
  const values = {
    reason: freeze.reason,
    frozen_at: freeze.frozenAtMs,
    frozen_by: freeze.frozenBy,
  }
  await tx
    .insertInto('freeze')
    .values({ scope, ...values })
    .onConflict((conflict) => conflict.column('scope').doUpdateSet(values))
    .execute()
  return { table: 'freeze', key: { scope } }
}

export async function deleteFreeze(tx: Writer, scope: string): Promise<TouchedRow> {
  await tx.deleteFrom('freeze').where('scope', '=', scope).execute()
  return { table: 'freeze', key: { scope } }
}

export async function listFreezeWindows(reader: Reader): Promise<FreezeWindow[]> {
  const rows = await reader.selectFrom('freeze_window').selectAll().orderBy('name').execute()
  return rows.map((row) => JSON.parse(row.document) as FreezeWindow)
}

export async function putFreezeWindow(
  tx: Writer,
  window: FreezeWindow,
  atMs: number,
): Promise<TouchedRow> {
  const { name } = window
  const values = { document: canonicalJson(window as unknown as Json), last_modified: atMs }
  await tx
    .insertInto('freeze_window')
    .values({ name, ...values })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute()
  return { table: 'freeze_window', key: { name } }
}

export async function deleteFreezeWindow(tx: Writer, name: string): Promise<TouchedRow> {
  await tx.deleteFrom('freeze_window').where('name', '=', name).execute()
  return { table: 'freeze_window', key: { name } }
}

export async function listPromotionRules(reader: Reader): Promise<PromotionRule[]> {
  const rows = await reader.selectFrom('promotion_rule').selectAll().orderBy('scope').execute()
  return rows.map((row) => ({
    scope: row.scope,
    from: row.from_alias,
    soakMs: row.soak_ms,
    endedWithinMs: row.ended_within_ms,
  }))
}

export async function putPromotionRule(
  tx: Writer,
  rule: PromotionRule,
  atMs: number,
): Promise<TouchedRow> {
  const { scope } = rule
  const values = {
    from_alias: rule.from,
    soak_ms: rule.soakMs,
    ended_within_ms: rule.endedWithinMs,
    last_modified: atMs,
  }
  await tx
    .insertInto('promotion_rule')
    .values({ scope, ...values })
    .onConflict((conflict) => conflict.column('scope').doUpdateSet(values))
    .execute()
  return { table: 'promotion_rule', key: { scope } }
}

export async function deletePromotionRule(tx: Writer, scope: string): Promise<TouchedRow> {
  await tx.deleteFrom('promotion_rule').where('scope', '=', scope).execute()
  return { table: 'promotion_rule', key: { scope } }
}

export async function findFloorRule(
  reader: Reader,
  { functionName, alias }: StagePlace,
): Promise<FloorRule | undefined> {
  const row = await reader
    .selectFrom('floor_rule')
    .selectAll()
    .where('function_name', '=', functionName)
    .where('alias', '=', alias)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { soakMs: row.soak_ms, lastModifiedMs: row.last_modified }
}

/** Every alias that has a floor, by name. */
export async function listFloorRules(reader: Reader): Promise<(StagePlace & FloorRule)[]> {
  const rows = await reader
    .selectFrom('floor_rule')
    .selectAll()
    .orderBy('function_name')
    .orderBy('alias')
    .execute()
  return rows.map((row) => ({
    functionName: row.function_name,
    alias: row.alias,
    soakMs: row.soak_ms,
    lastModifiedMs: row.last_modified,
  }))
}

export async function putFloorRule(
  tx: Writer,
  place: StagePlace,
  rule: FloorRule,
): Promise<TouchedRow> {
  const key = { function_name: place.functionName, alias: place.alias }
  const values = { soak_ms: rule.soakMs, last_modified: rule.lastModifiedMs }
  await tx
    .insertInto('floor_rule')
    .values({ ...key, ...values })
    .onConflict((conflict) => conflict.columns(['function_name', 'alias']).doUpdateSet(values))
    .execute()
  return { table: 'floor_rule', key }
}

export async function listFloors(reader: Reader, place: StagePlace): Promise<Floor[]> {
  const rows = await reader
    .selectFrom('floor')
    .selectAll()
    .where('function_name', '=', place.functionName)
    .where('alias', '=', place.alias)
    .orderBy('publisher')
    .execute()
  return rows.map((row) => ({
    publisher: row.publisher,
    counter: row.counter,
    release: row.release,
    raisedAtMs: row.raised_at,
    why: row.why,
  }))
}

export async function putFloor(tx: Writer, place: StagePlace, floor: Floor): Promise<TouchedRow> {
  const { publisher } = floor
  const key = { function_name: place.functionName, alias: place.alias, publisher }
  const values = {
    counter: floor.counter,
    release: floor.release,
    raised_at: floor.raisedAtMs,
    why: floor.why,
  }
  await tx
    .insertInto('floor')
    .values({ ...key, ...values })
    .onConflict((conflict) =>
      conflict.columns(['function_name', 'alias', 'publisher']).doUpdateSet(values),
    )
    .execute()
  return { table: 'floor', key }
}

/** The rule and every floor of an alias. */
export async function deleteFloors(tx: Writer, place: StagePlace): Promise<TouchedRow[]> {
  const floors = await listFloors(tx, place)
  const key = { function_name: place.functionName, alias: place.alias }
  for (const table of ['floor', 'floor_rule'] as const)
    await tx
      .deleteFrom(table)
      .where('function_name', '=', place.functionName)
      .where('alias', '=', place.alias)
      .execute()
  return [
    { table: 'floor_rule', key },
    ...floors.map(({ publisher }) => ({ table: 'floor', key: { ...key, publisher } }) as const),
  ]
}

/** Those of an alias, or of all, that have not expired at an instant. */
export async function listFloorExceptions(
  reader: Reader,
  place: StagePlace | undefined,
  atMs: number,
): Promise<FloorException[]> {
  let query = reader.selectFrom('floor_exception').selectAll().orderBy('id')
  if (place !== undefined)
    query = query.where('function_name', '=', place.functionName).where('alias', '=', place.alias)
  const rows = (await query.execute()).map((row) => ({
    id: row.id,
    functionName: row.function_name,
    alias: row.alias,
    release: row.release,
    reason: row.reason,
    grantedAtMs: row.granted_at,
    grantedBy: row.granted_by,
    expiresAtMs: row.expires_at,
  }))
  return rows.filter(({ grantedAtMs, expiresAtMs: untilMs }) =>
    isInForce({ grantedAtMs, untilMs, endedAtMs: null }, atMs),
  )
}

export async function insertFloorException(
  tx: Writer,
  exception: FloorException,
): Promise<TouchedRow> {
  const { id } = exception
  await tx
    .insertInto('floor_exception')
    .values({
      id,
      function_name: exception.functionName,
      alias: exception.alias,
      release: exception.release,
      reason: exception.reason,
      granted_at: exception.grantedAtMs,
      granted_by: exception.grantedBy,
      expires_at: exception.expiresAtMs,
    })
    .execute()
  return { table: 'floor_exception', key: { id } }
}

export async function deleteFloorException(tx: Writer, id: string): Promise<TouchedRow> {
  await tx.deleteFrom('floor_exception').where('id', '=', id).execute()
  return { table: 'floor_exception', key: { id } }
}

/** `all` where nothing was set, as on AWS. */
export async function findFunctionReach(reader: Reader, functionName: string): Promise<Reach> {
  const row = await reader
    .selectFrom('function_reach')
    .selectAll()
    .where('function_name', '=', functionName)
    .executeTakeFirst()
  return row === undefined ? OPEN : toReach(row)
}

/** The same of every function, read at once. */
export async function functionReaches(reader: Reader): Promise<(functionName: string) => Reach> {
  const rows = await reader.selectFrom('function_reach').selectAll().execute()
  const known = new Map(rows.map((row) => [row.function_name, toReach(row)]))
  return (functionName) => known.get(functionName) ?? OPEN
}

function toReach({ mode, direct }: { mode: Reach['mode']; direct: string }): Reach {
  return { mode, direct: JSON.parse(direct) as string[] }
}

export async function putFunctionReach(
  tx: Writer,
  functionName: string,
  { mode, direct, atMs }: Reach & { readonly atMs: number },
): Promise<TouchedRow> {
  const values = { mode, direct: canonicalJson([...direct]), last_modified: atMs }
  await tx
    .insertInto('function_reach')
    .values({ function_name: functionName, ...values })
    .onConflict((conflict) => conflict.column('function_name').doUpdateSet(values))
    .execute()
  return { table: 'function_reach', key: { function_name: functionName } }
}
