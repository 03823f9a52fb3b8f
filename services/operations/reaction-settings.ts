import {
  bumpGeneration,
  deleteReactionSetting,
  deleteRefusals,
  findFunction,
  listReactionHolds,
  listReactionSettings,
  listRefusals,
  putReactionHold,
  putReactionSetting,
  reactionsByScope,
  type ReactionHold,
  type ReactionSetting,
  type VersionRefusal,
} from '../catalog/index.ts'
import {
  DEFAULT_REACTION,
  PlatformError,
  functionArn,
  isStronger,
  type Reaction,
  type Sha256,
} from '../model/index.ts'
import { openVerdicts } from '../live/index.ts'
import type { Reader } from '../store/index.ts'
import { aliasFacts } from './alias-plan.ts'
import type { ChangeFactsInput } from './change.ts'
import type { Caller, Deps, ReactionLimits } from './context.ts'
import { govern } from './gate.ts'
import { lastCompliant } from './leaving.ts'
import { dueReactions, type DueReaction } from './live-due.ts'
import { trustChange } from './publishers.ts'
import { findReach } from './reach.ts'
import { reactionSettings } from './reactions.ts'
import { checkPlace } from './stage-input.ts'
import { notFound, stageChange, type Staging } from './stages.ts'

/** All that says what is done about violations, and what waits or was done. */
export interface ReactionsShown {
  /** What holds where nothing is set. */
  readonly otherwise: Reaction
  readonly limits: ReactionLimits
  readonly settings: readonly ReactionSetting[]
  readonly holds: readonly HoldShown[]
  readonly refusals: readonly VersionRefusal[]
}

/** A hold without the ids of what it covers. */
export type HoldShown = Omit<ReactionHold, 'verdicts'>

/** Holds shown, newest first. */
const HOLDS_SHOWN = 20

export async function readReactions(deps: Deps): Promise<ReactionsShown> {
  return await deps.store.snapshot(async (reader) => ({
    otherwise: DEFAULT_REACTION,
    limits: reactionSettings(deps),
    settings: await listReactionSettings(reader),
    holds: (await listReactionHolds(reader)).slice(0, HOLDS_SHOWN).map(toHoldShown),
    refusals: await listRefusals(reader),
  }))
}

function toHoldShown(hold: ReactionHold): HoldShown {
  const { id, aliases, through, openedAtMs, state, settledAtMs, settledBy } = hold
  return { id, aliases, through, openedAtMs, state, settledAtMs, settledBy }
}

/** What a setting would do at once about what violates now. */
export interface ReactionPlan {
  /** Names that it would react to; above `limits.maxAliases` they wait for a person. */
  readonly places: number
  readonly effects: readonly ReactionEffect[]
}

export interface ReactionEffect extends Pick<DueReaction, 'functionName' | 'alias' | 'version'> {
  readonly would: Reaction
  /** The version that the alias would go back to. */
  readonly to?: string
}

/** What it would do is looked up for as many names. */
const PLANNED = 10

/** @throws PlatformError INVALID_PARAMETER */
export async function planReaction(
  deps: Deps,
  { scope, reaction }: { readonly scope: string; readonly reaction: Reaction },
): Promise<ReactionPlan> {
  const within = checkPlace(scope)
  const due = await deps.store.snapshot(async (reader) => {
    const settings = new Map([...(await reactionsByScope(reader)), [scope, reaction]])
    return await dueReactions(reader, { sinceMs: deps.clock.nowMs(), settings, within })
  })
  const effects: ReactionEffect[] = []
  for (const one of [...due.released, ...due.waiting].slice(0, PLANNED))
    effects.push(await effectOf(deps, one))
  return { places: due.all, effects }
}

async function effectOf(deps: Deps, due: DueReaction): Promise<ReactionEffect> {
  const { functionName, alias, version, release, wanted } = due
  const told = { functionName, alias, version }
  if (wanted !== 'revert') return { ...told, would: wanted }
  const history = { atMs: deps.clock.nowMs(), leaving: release as Sha256 }
  const target = await lastCompliant(deps, functionName, alias, history)
  if (target === undefined) return { ...told, would: 'freeze' }
  return { ...told, would: 'revert', to: target.version }
}

/**
 * What is done where something under a name violates: of FUNCTION:ALIAS, or of FUNCTION for all its names. The name need
 * not exist yet, and the setting outlives it. Above `alert` the answer says what it does at once.
 * @throws PlatformError INVALID_PARAMETER, and what the gate throws
 */
export async function setReaction(
  deps: Deps,
  caller: Caller,
  { scope, reaction }: { readonly scope: string; readonly reaction: Reaction },
): Promise<Staging<ReactionSetting & { readonly plan: ReactionPlan | null }>> {
  const place = checkPlace(scope)
  const plan = isStronger(reaction, 'alert') ? await planReaction(deps, { scope, reaction }) : null
  return await stageChange(deps, caller, {
    action: 'lacre:PutReaction',
    resource: functionArn(deps.place, place.functionName, place.alias),
    from: null,
    to: reaction,
    note: { reaction, places: plan?.places ?? 0 },
    write: async (tx, atMs) => {
      const setting = { scope, reaction, lastModifiedMs: atMs }
      return { result: { ...setting, plan }, touched: [await putReactionSetting(tx, setting)] }
    },
  })
}

/** Back to what holds where nothing is set. @throws PlatformError RESOURCE_NOT_FOUND */
export async function unsetReaction(
  deps: Deps,
  caller: Caller,
  scope: string,
): Promise<Staging<undefined>> {
  const place = checkPlace(scope)
  return await stageChange(deps, caller, {
    action: 'lacre:RemoveReaction',
    resource: functionArn(deps.place, place.functionName, place.alias),
    from: scope,
    to: null,
    check: async (reader) => {
      if (!(await reactionsByScope(reader)).has(scope))
        throw notFound(`nothing is set for \`${scope}\``)
    },
    write: async (tx) => ({
      result: undefined,
      touched: [await deleteReactionSetting(tx, scope)],
    }),
  })
}

/**
 * A person settles what waits because it is too much at once: `released`, all that it covers is reacted to; `dismissed`,
 * none of it is. Verdicts that it does not cover are settled by nobody. `through` is the hold's as the person saw it.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (settled; more waits than was seen)
 */
export async function settleHold(
  deps: Deps,
  caller: Caller,
  {
    id,
    state,
    through,
  }: {
    readonly id: string
    readonly state: 'released' | 'dismissed'
    readonly through: number
  },
): Promise<Staging<HoldShown>> {
  const open = async (reader: Reader): Promise<ReactionHold> => {
    const hold = (await listReactionHolds(reader)).find((one) => one.id === id)
    if (hold === undefined) throw notFound(`there is no hold \`${id}\``)
    if (hold.state !== 'open')
      throw new PlatformError('RESOURCE_CONFLICT', `the hold was ${hold.state} already`)
    if (hold.through === through) return hold
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `the hold covers ${hold.aliases} names through ${hold.through} now, not through ${through}: look at it again (\`lacre reaction show\`)`,
    )
  }
  return await stageChange(deps, caller, {
    action: 'lacre:SettleReactions',
    resource: `lacre:reaction-hold/${id}`,
    from: 'open',
    to: state,
    check: async (reader) => {
      await open(reader)
    },
    write: async (tx, atMs) => {
      const hold = await open(tx)
      const settled = { ...hold, state, settledAtMs: atMs, settledBy: caller.principal.id }
      return { result: toHoldShown(settled), touched: [await putReactionHold(tx, settled)] }
    },
  })
}

/**
 * A version that is refused can be invoked again: judged as a new way to it is, and by what was found last of each name that
 * it stands behind (a floor and a policy of aliases are of these alone), so that what still violates stays refused.
 * @throws PlatformError RESOURCE_NOT_FOUND, POLICY_DENIED, and what the gate throws
 */
export async function liftRefusal(
  deps: Deps,
  caller: Caller,
  of: { readonly functionName: string; readonly version: string },
): Promise<Staging<undefined>> {
  const { functionName, version } = of
  return await govern(deps, caller, {
    action: 'lacre:LiftRefusal',
    resource: functionArn(deps.place, functionName),
    raisesWorld: true,
    read: async (reader): Promise<ChangeFactsInput> => {
      if ((await listRefusals(reader, of)).length === 0) throw notRefused(of)
      const owner = await findFunction(reader, functionName)
      const reach = owner === undefined ? undefined : await findReach(deps, reader, owner, version)
      // Nothing is there to run any more: the name is cleared.
      if (owner === undefined || reach === undefined) return trustChange('refused', null)
      const target = { version, routing: null }
      return aliasFacts(deps.place, owner, { from: null, target, reached: reach.reached })
    },
    commit: async (tx) => {
      await checkFoundGood(tx, of)
      const rows = await deleteRefusals(tx, of)
      if (rows.length === 0) throw notRefused(of)
      const generation = await bumpGeneration(tx, functionName)
      return { result: undefined, touched: [...rows, generation], functionNames: [functionName] }
    },
    note: () => ({ version }),
  })
}

/** @throws PlatformError POLICY_DENIED where it is live by some name of which it was not found last that it may be */
async function checkFoundGood(
  reader: Reader,
  { functionName, version }: { readonly functionName: string; readonly version: string },
): Promise<void> {
  const rows = await reader
    .selectFrom('live_interval')
    .select(['id', 'alias'])
    .where('function_name', '=', functionName)
    .where('version', '=', version)
    .where('to_ms', 'is', null)
    .execute()
  if (rows.length === 0) return
  const verdicts = await openVerdicts(
    reader,
    rows.map(({ id }) => id),
  )
  for (const { id, alias } of rows) {
    const { state = 'unjudged', reasons = [] } = verdicts.get(id) ?? {}
    if (state === 'compliant' || state === 'excepted') continue
    const rules = [...new Set(reasons.map(({ rule }) => rule))].join(', ')
    throw new PlatformError(
      'POLICY_DENIED',
      `version ${version} stays refused: as \`${functionName}:${alias}\` it is ${state}${rules === '' ? '' : ` (${rules})`}. Move the name away, or mend what it violates; it is judged again at once.`,
    )
  }
}

function notRefused({ functionName, version }: { functionName: string; version: string }) {
  return notFound(`version ${version} of \`${functionName}\` is not refused`)
}
