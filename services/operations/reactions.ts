import {
  bumpGeneration,
  findAlias,
  findFunction,
  insertReaction,
  listFreezes,
  putFreeze,
  putRefusal,
  updateAliasRow,
  type AliasRecord,
  type FunctionRecord,
  type TouchedRow,
} from '../catalog/index.ts'
import {
  PlatformError,
  functionArn,
  systemPrincipal,
  type Reaction,
  type Sha256,
  type VerdictFinding,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { aliasFacts, reachedVersions, sameReach } from './alias-plan.ts'
import type { Admitted } from './change.ts'
import type { Caller, Deps, ReactionLimits } from './context.ts'
import { readWorld } from './facts.ts'
import { settleFloors } from './floors.ts'
import { RowsMoved, govern, type Change } from './gate.ts'
import { lastCompliant, type ComplianceTarget } from './leaving.ts'
import type { DueReaction } from './live-due.ts'
import type { JudgedOne } from './live-judge.ts'
import { isAliasName } from './live-known.ts'
import { trustChange } from './publishers.ts'

/** Who reacts. */
export const REACTOR: Caller = { principal: systemPrincipal, requestId: 'live-verifier' }
const ACTION = 'lacre:React'
const TYPE = 'live.reaction'
const REASON_LIMIT_CHARS = 500
/** How often a reaction is judged again where the world moved under it. */
const WORLD_TRIES = 5

/** Judges the one interval as the world is now. */
export type JudgeNow = (liveId: number) => Promise<JudgedOne | undefined>

/**
 * Does what is due about one verdict, judged again first: `undefined` where nothing is to be done any more. Rows, decision
 * and ledger entry are one transaction, so that a reaction is done or not begun.
 * @throws PlatformError what the gate throws but a refusal
 */
export async function react(
  deps: Deps,
  due: DueReaction,
  judgeNow: JudgeNow,
): Promise<Reaction | undefined> {
  for (let tries = 0; tries < WORLD_TRIES; tries += 1) {
    const judged = await judgeNow(due.liveId)
    if (judged === undefined || !isEvident(judged.finding)) return undefined
    try {
      const done = await doReaction(deps, due, judged)
      await stopEnvironments(deps, due, done)
      deps.metrics.liveReaction(done)
      const { functionName, alias, version, wanted } = due
      deps.log.warn({ functionName, alias, version, wanted, done }, 'a violation was reacted to')
      return done
    } catch (error) {
      if (error instanceof Settled) return undefined
      if (!(error instanceof WorldMoved)) throw error
    }
  }
  throw new PlatformError('RESOURCE_CONFLICT', 'what the reaction depends on keeps changing')
}

/** Freeze and stronger follow positive evidence alone (RULES §6). */
function isEvident({ state, causes }: VerdictFinding): boolean {
  return state === 'violating' && causes.length > 0
}

async function doReaction(deps: Deps, due: DueReaction, judged: JudgedOne): Promise<Reaction> {
  switch (due.wanted) {
    case 'record':
    case 'alert':
      throw new PlatformError('INTERNAL', 'telling is no reaction that is due')
    case 'freeze':
      return await freezeAlias(deps, due, judged)
    case 'revert':
      return (await revert(deps, due, judged)) ?? (await freezeAlias(deps, due, judged))
    case 'refuse':
      return await refuse(deps, due, judged)
  }
}

/** Decided in the world that the violation was judged in, or not at all. */
class WorldMoved extends Error {
  override readonly name = 'WorldMoved'
}

/** Somebody was faster: the verdict is another one, or what is live. */
class Settled extends Error {
  override readonly name = 'Settled'
}

async function checkStillDue(reader: Reader, due: DueReaction): Promise<void> {
  const row = await reader
    .selectFrom('live_verdict as verdict')
    .innerJoin('live_interval as live', 'live.id', 'verdict.live_id')
    .leftJoin('reaction', (join) =>
      join.onRef('reaction.verdict_id', '=', 'verdict.id').on('reaction.wanted', '=', due.wanted),
    )
    .select('reaction.wanted')
    .where('verdict.id', '=', due.verdictId)
    .where('verdict.recorded_to', 'is', null)
    .where('verdict.effective_to', 'is', null)
    .where('live.to_ms', 'is', null)
    .executeTakeFirst()
  if (row === undefined || row.wanted !== null) throw new Settled()
}

interface Reacting {
  readonly due: DueReaction
  readonly judged: JudgedOne
  readonly done: Reaction
  write(tx: Writer, atMs: number): Promise<readonly TouchedRow[]>
}

/** Freeze and refusal take away and nothing else: no policy is asked (promise P5), and the decision stands in the ledger. */
async function takeAway(deps: Deps, reacting: Reacting): Promise<Reaction> {
  const { due, judged, done } = reacting
  await govern(deps, REACTOR, {
    action: ACTION,
    type: TYPE,
    resource: resourceOf(deps, due),
    raisesWorld: true,
    read: async (reader) => {
      if ((await readWorld(reader)) !== judged.world) throw new WorldMoved()
      await checkStillDue(reader, due)
      return { ...trustChange(null, done), takesAway: true as const }
    },
    commit: async (tx, admitted, atMs) => {
      await checkStillDue(tx, due)
      const rows = await reacting.write(tx, atMs)
      const reaction = await keepReaction(tx, { due, done, admitted, atMs })
      const functionNames = done === 'refuse' ? [due.functionName] : []
      return { result: undefined, touched: [...rows, reaction], functionNames }
    },
    note: () => noteOf(due, judged, { done }),
  })
  return done
}

function resourceOf({ place }: Deps, { functionName, alias }: DueReaction): string {
  return functionArn(place, functionName, isAliasName(alias) ? alias : undefined)
}

async function keepReaction(
  tx: Writer,
  {
    due,
    done,
    admitted,
    atMs,
  }: {
    readonly due: DueReaction
    readonly done: Reaction
    readonly admitted: Admitted
    readonly atMs: number
  },
): Promise<TouchedRow> {
  const { verdictId, wanted } = due
  return await insertReaction(tx, {
    verdictId,
    wanted,
    done,
    decisionId: admitted.decision.id,
    atMs,
  })
}

function noteOf(due: DueReaction, judged: JudgedOne, told: Readonly<Record<string, string>>) {
  const { functionName, alias, version, release, wanted, verdictId } = due
  const { finding, world } = judged
  const rules = rulesOf(finding)
  const causes = [...finding.causes]
  return { functionName, alias, version, release, wanted, verdictId, causes, rules, world, ...told }
}

function rulesOf({ reasons }: VerdictFinding): string[] {
  return [...new Set(reasons.map(({ rule }) => rule))]
}

function reasonOf({ finding }: JudgedOne, version: string): string {
  return `version ${version} violates ${rulesOf(finding).join(', ')}`.slice(0, REASON_LIMIT_CHARS)
}

async function freezeAlias(deps: Deps, due: DueReaction, judged: JudgedOne): Promise<Reaction> {
  const scope = `${due.functionName}:${due.alias}`
  return await takeAway(deps, {
    due,
    judged,
    done: 'freeze',
    write: async (tx, atMs) => {
      // Who froze it before has not lifted that.
      const [before] = await listFreezes(tx, [scope])
      if (before !== undefined) return []
      const reason = reasonOf(judged, due.version)
      const { id } = REACTOR.principal
      return [await putFreeze(tx, { scope, reason, frozenAtMs: atMs, frozenBy: id })]
    },
  })
}

/** By (function, version), whatever the alias: no qualifier, event source or queued event reaches it (RULES §6). */
async function refuse(deps: Deps, due: DueReaction, judged: JudgedOne): Promise<Reaction> {
  const { functionName, version, release } = due
  return await takeAway(deps, {
    due,
    judged,
    done: 'refuse',
    write: async (tx, atMs) => {
      const reason = reasonOf(judged, version)
      const refusal = { functionName, version, release, reason, refusedAtMs: atMs }
      return [await putRefusal(tx, refusal), await bumpGeneration(tx, functionName)]
    },
  })
}

/**
 * `undefined` where there is no way back, or where it cannot be taken, whatever stood in the way: refused all the same, too
 * many refusals before, rows that keep moving, code that cannot be read. Then the alias is frozen (RULES §6).
 * @throws Settled, WorldMoved
 */
async function revert(
  deps: Deps,
  due: DueReaction,
  judged: JudgedOne,
): Promise<Reaction | undefined> {
  const { functionName, alias, release } = due
  try {
    const history = { atMs: deps.clock.nowMs(), leaving: release as Sha256 }
    const target = await lastCompliant(deps, functionName, alias, history)
    if (target === undefined) return undefined
    await govern(deps, REACTOR, moveBack(deps, { due, judged, target }))
    return 'revert'
  } catch (error) {
    if (error instanceof Settled || error instanceof WorldMoved) throw error
    deps.log.error({ err: error, ...due }, 'an alias could not be moved back and is frozen')
    return undefined
  }
}

interface MovingBack {
  readonly due: DueReaction
  readonly judged: JudgedOne
  readonly target: ComplianceTarget
}

/** Judged as any move is, floors too; freeze, soak and approvals do not hold it up (promise P5). */
function moveBack(deps: Deps, { due, judged, target }: MovingBack): Change<undefined> {
  let read: Awaited<ReturnType<typeof readAlias>> | undefined
  const { version, release, decisionId } = target
  return {
    action: 'lambda:UpdateAlias',
    type: TYPE,
    resource: resourceOf(deps, due),
    raisesWorld: false,
    read: async (reader) => {
      if ((await readWorld(reader)) !== judged.world) throw new WorldMoved()
      await checkStillDue(reader, due)
      read = await readAlias(deps, reader, due, version)
      const { owner, alias, reached } = read
      const move = { from: alias.version, target: { version, routing: null }, reached }
      return {
        ...aliasFacts(deps.place, owner, { ...move, alias: alias.name }),
        leaving: {
          violating: [{ version: due.version, rules: rulesOf(judged.finding) }],
          to: [{ version, release, decisionId }],
        },
      }
    },
    commit: async (tx, admitted, atMs) => {
      await checkStillDue(tx, due)
      const now = await readAlias(deps, tx, due, version)
      if (
        read?.alias.revisionId !== now.alias.revisionId ||
        read.owner.codeSigningConfigId !== now.owner.codeSigningConfigId ||
        !sameReach(read.reached, now.reached)
      )
        throw new RowsMoved()
      const floors = await settleFloors(tx, due, atMs)
      const alias = await updateAliasRow(tx, {
        ...now.alias,
        version,
        routing: null,
        revisionId: deps.random.uuid(),
        decisionId: admitted.decision.id,
      })
      const generation = await bumpGeneration(tx, due.functionName)
      const reaction = await keepReaction(tx, { due, done: 'revert', admitted, atMs })
      const touched = [...floors, alias, generation, reaction]
      return { result: undefined, touched, functionNames: [due.functionName] }
    },
    note: () => noteOf(due, judged, { done: 'revert', to: version }),
  }
}

/** @throws Settled where nothing is there any more */
async function readAlias(
  deps: Deps,
  reader: Reader,
  { functionName, alias: name }: DueReaction,
  version: string,
): Promise<{
  readonly owner: FunctionRecord
  readonly alias: AliasRecord
  readonly reached: Awaited<ReturnType<typeof reachedVersions>>
}> {
  const owner = await findFunction(reader, functionName)
  const alias = owner === undefined ? undefined : await findAlias(reader, owner.id, name)
  if (owner === undefined || alias === undefined) throw new Settled()
  const to = { version, routing: null }
  return { owner, alias, reached: await reachedVersions(reader, deps.place, owner, to) }
}

/** What runs of the release is killed; what runs a call gets a moment to end it. */
async function stopEnvironments(deps: Deps, due: DueReaction, done: Reaction): Promise<void> {
  if (done !== 'revert' && done !== 'refuse') return
  const owner = await findFunction(deps.store.reader, due.functionName)
  if (owner === undefined) return
  const { graceMs } = reactionSettings(deps)
  const how = { release: due.release as Sha256, graceMs }
  // Others are judged meanwhile.
  void deps.runtime.retire(owner.id, due.version, how).catch((error: unknown) => {
    deps.log.error({ err: error, ...due }, 'environments of a release could not be stopped')
  })
}

export const DEFAULT_REACTION_LIMITS: ReactionLimits = { maxAliases: 10, graceMs: 5_000 }

export function reactionSettings({ reactions }: Deps): ReactionLimits {
  return reactions ?? DEFAULT_REACTION_LIMITS
}
