import { LATEST, functionArn, newId, type Decision, type Facts } from '../model/index.ts'
import { compareSides, decide, worstOf, type EffectSide, type JudgedSide } from '../policy/index.ts'
import type { Caller, Deps } from './context.ts'
import type { Change, ChangeFactsInput } from './change.ts'
import { readSituation, toFacts } from './facts.ts'
import { locateUnqualified } from './function-reference.ts'
import { judgeLive, liveRun, readLiveSituation } from './live-facts.ts'
import { readLiveTargets, type LiveTarget } from './live-targets.ts'
import { toEffect, type PlanEffect, type PlanEffects } from './plan-live-set.ts'
import type { JudgedChange } from './planned-change.ts'

/** A change of one function: its code, its configuration, a version of it, or where an alias points. */
export interface FunctionPlanAsked {
  readonly kind: 'function'
  readonly functionName: string
  /** The alias that is moved, or that is meant to serve the new code afterwards. */
  readonly alias?: string | undefined
  /** Where an alias is moved to; the version a deployment would publish has no number yet. */
  readonly target?: {
    readonly version: string | undefined
    readonly routing: { readonly version: string; readonly weight: number } | null | undefined
  }
  /** The operation, by whoever asks for the plan. */
  readonly run: (planning: Caller) => Promise<unknown>
}

interface Found {
  readonly effects: PlanEffects
  readonly decisions: readonly Decision[]
}

/** What names of the function serve now and would serve then, and whether there is a way back. */
export async function planFunction(
  deps: Deps,
  caller: Caller,
  plan: {
    readonly asked: FunctionPlanAsked
    readonly made: JudgedChange | undefined
    /** As a plan of the whole live set asks it. */
    readonly mayRead: (facts: Facts) => Promise<boolean>
  },
): Promise<Found> {
  const { made, mayRead } = plan
  // A name, a partial ARN or an ARN, as AWS takes it.
  const functionName = locateUnqualified(deps.place, plan.asked.functionName)
  const asked = { ...plan.asked, functionName }
  const live = await judgeFunction(deps, { functionName, mayRead })
  const none: PlanEffects = {
    judged: live.length,
    unaffected: live.length,
    counts: { alias: 0, canary: 0, rollback: 0, latest: 0 },
    notReevaluated: 0,
    affected: [],
    leftOut: 0,
    notReadable: 0,
    policySet: made?.decision.policySet.version ?? '',
  }
  if (made === undefined) return { effects: none, decisions: [] }
  const alias = await aliasDecision(deps, caller, { asked, made, live })
  const affectedOf = (targets: readonly JudgedTarget[]): PlanEffect[] =>
    asked.target === undefined
      ? deployed(targets, { asked, made, alias })
      : moved(targets, { asked, made, target: asked.target })
  const all = affectedOf(live)
  const affected = affectedOf(live.filter(({ readable }) => readable))
  const counts = { ...none.counts }
  for (const { role } of all) counts[role] += 1
  const touched = new Set(all.map(({ alias: name, role, version }) => `${name} ${role} ${version}`))
  const unaffected = live.filter(
    ({ target }) => !touched.has(`${target.alias} ${target.role} ${target.version}`),
  ).length
  return {
    effects: { ...none, affected, counts, unaffected, notReadable: all.length - affected.length },
    decisions: [made.decision, ...(alias === undefined ? [] : [alias])],
  }
}

interface JudgedTarget {
  readonly target: LiveTarget
  readonly side: JudgedSide
  readonly changesAt: string | null
  readonly readable: boolean
}

/** All that the function's names reach, judged now. */
async function judgeFunction(
  deps: Deps,
  about: {
    readonly functionName: string
    readonly mayRead: (facts: Facts) => Promise<boolean>
  },
): Promise<readonly JudgedTarget[]> {
  const run = liveRun(deps)
  const situations = await deps.store.snapshot(async (reader) => {
    const { targets } = await readLiveTargets(reader, { name: about.functionName, limit: 1 })
    const read = []
    for (const target of targets) read.push(await readLiveSituation(deps, reader, target, run))
    return read
  })
  const judged: JudgedTarget[] = []
  for (const situation of situations) {
    const facts = await judgeLive(deps, situation, run)
    const id = newId('dec', deps.clock, deps.random)
    const decision = decide(facts, id, situation.situation.policies)
    const verdicts = facts.subjects.map(({ verdict }) => verdict.kind)
    judged.push({
      target: situation.target,
      side: toSide(decision, worstOf(verdicts)),
      changesAt: facts.validUntil,
      readable: await about.mayRead(facts),
    })
  }
  return judged
}

function toSide({ outcome, checks }: Decision, verdict: string): JudgedSide {
  const told = checks.filter(({ status }) => status === 'failed' || status === 'warned')
  return { outcome, verdict, evaluated: true, checks: told }
}

function sideOf({ decision, facts }: JudgedChange): JudgedSide {
  return toSide(decision, worstOf(facts.subjects.map(({ verdict }) => verdict.kind)))
}

/** Whether the alias would take the new code: the same subjects, asked about as a move of the alias. */
async function aliasDecision(
  deps: Deps,
  caller: Caller,
  plan: {
    readonly asked: FunctionPlanAsked
    readonly made: JudgedChange
    readonly live: readonly JudgedTarget[]
  },
): Promise<Decision | undefined> {
  const { asked, made, live } = plan
  const { judged } = made
  if (asked.alias === undefined || asked.target !== undefined || judged === undefined)
    return undefined
  const current = live.find(({ target }) => isFirst(target, asked.alias))
  const input: ChangeFactsInput = {
    change: { from: current?.target.version ?? null, to: NEXT_VERSION },
    release: made.facts.release,
    subjects: judged.map(({ subject }) => subject),
    codeSigningConfigId: current?.target.owner.codeSigningConfigId ?? null,
    environmentNames: made.facts.loaderVariables,
    egress: made.facts.egress ?? [],
  }
  const change: Pick<Change<unknown>, 'action' | 'resource' | 'read'> = {
    action: current === undefined ? 'lambda:CreateAlias' : 'lambda:UpdateAlias',
    resource: functionArn(deps.place, asked.functionName, asked.alias),
    read: () => Promise.resolve(input),
  }
  const read = await readSituation(deps, caller, change)
  const situation = { ...read, signingConfig: made.facts.signingConfig }
  const facts = toFacts(deps, caller, change, { situation, judged })
  return decide(facts, newId('dec', deps.clock, deps.random), read.policies)
}

/** Numbers are given when a version is published. */
const NEXT_VERSION = '(next)'

function isFirst(target: LiveTarget, alias: string | undefined): boolean {
  return target.alias === alias && target.role === 'alias'
}

/** `$LATEST` and the aliases that name it serve the new code at once, another alias when it is moved. */
function deployed(
  live: readonly JudgedTarget[],
  plan: {
    readonly asked: FunctionPlanAsked
    readonly made: JudgedChange
    readonly alias: Decision | undefined
  },
): PlanEffect[] {
  const after = sideOf(plan.made)
  const latest = live.filter(({ target }) => target.version === LATEST)
  const effects = latest.map((one) => toChanged(one, { after, toVersion: LATEST }))
  const moved = live.find(
    ({ target }) => isFirst(target, plan.asked.alias) && target.version !== LATEST,
  )
  if (plan.alias === undefined || moved === undefined) return effects
  const side = toSide(plan.alias, after.verdict)
  return [...effects, toChanged(moved, { after: side, toVersion: NEXT_VERSION })]
}

/** The alias's slots, and what it serves now as what one would go back to. */
function moved(
  live: readonly JudgedTarget[],
  plan: {
    readonly asked: FunctionPlanAsked
    readonly made: JudgedChange
    readonly target: NonNullable<FunctionPlanAsked['target']>
  },
): PlanEffect[] {
  const { asked, made, target } = plan
  const after = sideOf(made)
  const first = live.find((one) => isFirst(one.target, asked.alias))
  if (first === undefined) return []
  const toVersion = target.version ?? first.target.version
  const effects = [toChanged(first, { after, toVersion })]
  const canary = live.find(
    (one) => one.target.alias === asked.alias && one.target.role === 'canary',
  )
  const routing = target.routing === undefined ? canary?.target : target.routing
  if (canary !== undefined || (target.routing ?? null) !== null) {
    const one = canary ?? first
    const weight = routing?.weight ?? 0
    const effect = toChanged(one, { after, toVersion: routing?.version ?? '(none)' })
    effects.push({ ...effect, role: 'canary', weight })
  }
  if (toVersion !== first.target.version)
    effects.push({
      ...toChanged(first, { after: first.side, toVersion: first.target.version }),
      role: 'rollback',
      weight: 0,
    })
  return effects
}

function toChanged(
  { target, side, changesAt }: JudgedTarget,
  to: { readonly after: JudgedSide; readonly toVersion: string },
): PlanEffect {
  const { after, toVersion } = to
  const found = compareSides(side, after) ?? {
    kind: 'changed' as const,
    now: side,
    after,
    why: after.checks,
  }
  return {
    ...toEffect(target),
    ...found,
    now: toPlain(found.now),
    after: toPlain(found.after),
    toVersion,
    changesAt,
  }
}

function toPlain({ outcome, verdict, evaluated }: EffectSide): EffectSide {
  return { outcome, verdict, evaluated }
}
