import { DEFAULT_REACTION, type Reaction } from '../model/index.ts'
import type { Reader, ReactionHoldTable, Writer } from '../store/index.ts'
import type { StagePlace } from './stages.ts'
import type { TouchedRow } from './touched.ts'

/** What is done where something that is live violates. */
export interface ReactionSetting {
  /** FUNCTION or FUNCTION:ALIAS */
  readonly scope: string
  readonly reaction: Reaction
  readonly lastModifiedMs: number
}

/** By scope. */
export async function listReactionSettings(reader: Reader): Promise<ReactionSetting[]> {
  const rows = await reader.selectFrom('reaction_setting').selectAll().orderBy('scope').execute()
  return rows.map(({ scope, reaction, last_modified: lastModifiedMs }) => ({
    scope,
    reaction,
    lastModifiedMs,
  }))
}

/** The alias's own, its function's, or what is shipped. */
export function reactionOf(settings: ReadonlyMap<string, Reaction>, place: StagePlace): Reaction {
  const { functionName, alias } = place
  return settings.get(`${functionName}:${alias}`) ?? settings.get(functionName) ?? DEFAULT_REACTION
}

export async function reactionsByScope(reader: Reader): Promise<ReadonlyMap<string, Reaction>> {
  const settings = await listReactionSettings(reader)
  return new Map(settings.map(({ scope, reaction }) => [scope, reaction]))
}

export async function putReactionSetting(
  tx: Writer,
  { scope, reaction, lastModifiedMs }: ReactionSetting,
): Promise<TouchedRow> {
  const values = { reaction, last_modified: lastModifiedMs }
  await tx
    .insertInto('reaction_setting')
    .values({ scope, ...values })
    .onConflict((conflict) => conflict.column('scope').doUpdateSet(values))
    .execute()
  return { table: 'reaction_setting', key: { scope } }
}

export async function deleteReactionSetting(tx: Writer, scope: string): Promise<TouchedRow> {
  await tx.deleteFrom('reaction_setting').where('scope', '=', scope).execute()
  return { table: 'reaction_setting', key: { scope } }
}

/** What was done about a verdict, and by which decision. */
export interface DoneReaction {
  readonly verdictId: number
  readonly wanted: Reaction
  readonly done: Reaction
  readonly decisionId: string
  readonly atMs: number
}

export async function insertReaction(tx: Writer, one: DoneReaction): Promise<TouchedRow> {
  await tx
    .insertInto('reaction')
    .values({
      verdict_id: one.verdictId,
      wanted: one.wanted,
      done: one.done,
      decision_id: one.decisionId,
      at: one.atMs,
    })
    .execute()
  return { table: 'reaction', key: { verdict_id: one.verdictId, wanted: one.wanted } }
}

/** More at once than may be done without a person. */
export interface ReactionHold {
  readonly id: string
  readonly aliases: number
  /** Id of the last verdict that it covers: rises when more come to wait, and whoever settles says which he saw. */
  readonly through: number
  /** Ids of all verdicts that it covers. */
  readonly verdicts: readonly number[]
  readonly openedAtMs: number
  readonly state: ReactionHoldTable['state']
  readonly settledAtMs: number | null
  readonly settledBy: string | null
}

/** Newest first. */
export async function listReactionHolds(reader: Reader): Promise<ReactionHold[]> {
  const rows = await reader
    .selectFrom('reaction_hold')
    .selectAll()
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    aliases: row.aliases,
    through: row.through,
    verdicts: JSON.parse(row.verdicts ?? '[]') as number[],
    openedAtMs: row.opened_at,
    state: row.state,
    settledAtMs: row.settled_at,
    settledBy: row.settled_by,
  }))
}

export async function putReactionHold(tx: Writer, hold: ReactionHold): Promise<TouchedRow> {
  const values = {
    aliases: hold.aliases,
    through: hold.through,
    verdicts: JSON.stringify(hold.verdicts),
    opened_at: hold.openedAtMs,
    state: hold.state,
    settled_at: hold.settledAtMs,
    settled_by: hold.settledBy,
  }
  await tx
    .insertInto('reaction_hold')
    .values({ id: hold.id, ...values })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute()
  return { table: 'reaction_hold', key: { id: hold.id } }
}

/** A release of a version that is run for nobody, by whichever qualifier it is asked for. */
export interface VersionRefusal {
  readonly functionName: string
  readonly version: string
  readonly release: string
  readonly reason: string
  readonly refusedAtMs: number
}

export async function listRefusals(
  reader: Reader,
  of: { readonly functionName?: string; readonly version?: string } = {},
): Promise<VersionRefusal[]> {
  let query = reader
    .selectFrom('version_refusal')
    .selectAll()
    .orderBy('function_name')
    .orderBy('version')
    .orderBy('release')
  if (of.functionName !== undefined) query = query.where('function_name', '=', of.functionName)
  if (of.version !== undefined) query = query.where('version', '=', of.version)
  return (await query.execute()).map((row) => ({
    functionName: row.function_name,
    version: row.version,
    release: row.release,
    reason: row.reason,
    refusedAtMs: row.refused_at,
  }))
}

export async function putRefusal(tx: Writer, refusal: VersionRefusal): Promise<TouchedRow> {
  const key = {
    function_name: refusal.functionName,
    version: refusal.version,
    release: refusal.release,
  }
  await tx
    .insertInto('version_refusal')
    .values({ ...key, reason: refusal.reason, refused_at: refusal.refusedAtMs })
    .onConflict((conflict) => conflict.columns(['function_name', 'version', 'release']).doNothing())
    .execute()
  return { table: 'version_refusal', key }
}

/** All releases of it that are refused. */
export async function deleteRefusals(
  tx: Writer,
  of: { readonly functionName: string; readonly version: string },
): Promise<TouchedRow[]> {
  const refusals = await listRefusals(tx, of)
  await tx
    .deleteFrom('version_refusal')
    .where('function_name', '=', of.functionName)
    .where('version', '=', of.version)
    .execute()
  return refusals.map(({ functionName, version, release }) => ({
    table: 'version_refusal',
    key: { function_name: functionName, version, release },
  }))
}

/** Whoever resolved a call before this resolves it again before it runs. */
export async function bumpGeneration(tx: Writer, functionName: string): Promise<TouchedRow> {
  const row = await tx
    .selectFrom('function_name')
    .select('generation')
    .where('name', '=', functionName)
    .executeTakeFirstOrThrow()
  await tx
    .updateTable('function_name')
    .set({ generation: (row.generation ?? 0) + 1 })
    .where('name', '=', functionName)
    .execute()
  return { table: 'function_name', key: { name: functionName } }
}
