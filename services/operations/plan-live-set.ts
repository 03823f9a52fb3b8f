import { setImmediate } from 'node:timers/promises'

import { PlatformError, canonicalJson, type Facts, type Json } from '../model/index.ts'
import {
  compareSides,
  worstOf,
  type EffectFound,
  type JudgedSide,
  type PolicyFile,
} from '../policy/index.ts'
import type { Deps } from './context.ts'
import { readWorld } from './facts.ts'
import {
  isCurrent,
  judgeLive,
  liveRun,
  readLiveSituation,
  type Hypothesis,
  type LiveRun,
  type LiveSituation,
} from './live-facts.ts'
import { readLiveTargets, type LiveRole, type LiveTarget } from './live-targets.ts'
import { PlanEvaluator } from './plan-evaluator.ts'

/** What is supposed of the whole live set: other trust, another time, or another set of policies. */
export type Supposed =
  | { readonly kind: 'trust' | 'time'; readonly hypothesis: Hypothesis }
  | { readonly kind: 'policies'; readonly files: readonly PolicyFile[] }

/** What a change does to one version behind one name. */
export interface PlanEffect extends EffectFound {
  readonly functionName: string
  readonly alias: string
  readonly role: LiveRole
  readonly version: string
  /** Where the name would serve another version than now. */
  readonly toVersion?: string
  readonly weight: number
  /** By which it is there. */
  readonly decisionId: string
  /** When the seals of what is there change by themselves, if they do. RFC 3339. */
  readonly changesAt: string | null
}

export interface PlanEffects {
  /** Versions behind names that were looked at. */
  readonly judged: number
  readonly unaffected: number
  /** Of those affected, by what they are. */
  readonly counts: Readonly<Record<LiveRole, number>>
  /** Whose outcome now was not judged anew: what was decided in an earlier world. */
  readonly notReevaluated: number
  readonly affected: readonly PlanEffect[]
  /** Affected ones beyond those listed. */
  readonly leftOut: number
  /** Affected ones that are not listed since they name what the caller may not read. */
  readonly notReadable: number
  /** The set that the outcomes then are by. */
  readonly policySet: string
}

/** Effects listed one by one; the rest is counted. */
const EFFECTS_LISTED = 2_000
const FUNCTIONS_A_PAGE = 20
/** Between two looks at the event loop. */
const SITUATIONS_AT_ONCE = 25
const RUN_TRIES = 3

/** Told on the way: what has been looked at so far, and the facts as they are now. */
export interface PlanWatch {
  facts?(facts: Facts): void
  progress?(judged: number): void
  /** Whether who asks may read all that these facts name; what he may not is counted and not told (RULES §10). */
  mayRead?(facts: Facts): Promise<boolean>
}

/**
 * Judges all that is live as it is and as it would be, in one world.
 * @throws PlatformError RESOURCE_CONFLICT where the world keeps moving, INVALID_PARAMETER for a set that does not compile
 */
export async function planLiveSet(
  deps: Deps,
  supposed: Supposed,
  watch: PlanWatch = {},
): Promise<PlanEffects> {
  await using evaluator = new PlanEvaluator()
  const policySet =
    supposed.kind === 'policies'
      ? await evaluator.useCandidate(deps, supposed.files)
      : await evaluator.useInForce(deps)
  for (let tries = 0; tries < RUN_TRIES; tries += 1) {
    const found = await runOnce(deps, supposed, { evaluator, watch })
    if (found !== undefined) return { ...found, policySet }
  }
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    'The plan cannot be made at this time: what it depends on keeps changing. Try again.',
  )
}

interface Tools {
  readonly evaluator: PlanEvaluator
  readonly watch: PlanWatch
}

interface Runs {
  readonly now: LiveRun
  readonly after: LiveRun
}

/** Both sides of one target, read in one snapshot. */
interface Sides {
  readonly now: LiveSituation
  readonly after: LiveSituation
}

/** `undefined` where the world moved on the way. */
async function runOnce(
  deps: Deps,
  supposed: Supposed,
  tools: Tools,
): Promise<Omit<PlanEffects, 'policySet'> | undefined> {
  const tally = new Tally()
  const now = liveRun(deps)
  const after = supposed.kind === 'policies' ? now : liveRun(deps, supposed.hypothesis)
  let world: number | undefined
  let page: string | undefined
  // One page is evaluated while the next one is read.
  let pending: Promise<readonly Found[]> = Promise.resolve([])
  const take = async (found: readonly Found[]): Promise<void> => {
    for (const one of found) await tally.add(one, tools.watch)
    tools.watch.progress?.(tally.judged)
  }
  do {
    const [read, found] = await Promise.all([readPage(deps, { now, after }, page), pending])
    await take(found)
    world ??= read.world
    if (read.world !== world) return undefined
    pending = judgePage(deps, supposed, { ...read, runs: { now, after }, tools })
    page = read.next
  } while (page !== undefined)
  await take(await pending)
  return tally.effects()
}

async function readPage(
  deps: Deps,
  runs: Runs,
  page: string | undefined,
): Promise<{ readonly world: number; readonly sides: readonly Sides[]; readonly next?: string }> {
  return await deps.store.snapshot(async (reader) => {
    const world = await readWorld(reader)
    const { targets, next } = await readLiveTargets(reader, {
      after: page,
      limit: FUNCTIONS_A_PAGE,
    })
    const sides: Sides[] = []
    for (const target of targets) {
      const now = await readLiveSituation(deps, reader, target, runs.now)
      const after =
        runs.after === runs.now ? now : await readLiveSituation(deps, reader, target, runs.after)
      sides.push({ now, after })
      if (sides.length % SITUATIONS_AT_ONCE === 0) await setImmediate()
    }
    return { world, sides, ...(next !== undefined && { next }) }
  })
}

interface Found {
  readonly target: LiveTarget
  readonly facts: Facts
  readonly effect: EffectFound | undefined
  readonly evaluated: boolean
}

async function judgePage(
  deps: Deps,
  supposed: Supposed,
  page: { readonly sides: readonly Sides[]; readonly runs: Runs; readonly tools: Tools },
): Promise<Found[]> {
  const { sides, runs, tools } = page
  const judged = await Promise.all(
    sides.map(async ({ now, after }) => {
      const nowFacts = await judgeLive(deps, now, runs.now)
      const thenFacts =
        runs.after === runs.now ? nowFacts : await judgeLive(deps, after, runs.after)
      return { now, nowFacts, thenFacts }
    }),
  )
  for (const { nowFacts } of judged) tools.watch.facts?.(nowFacts)
  if (supposed.kind === 'policies') return await byCandidate(judged, tools.evaluator)
  return await byTrust(judged, supposed.kind, tools.evaluator)
}

interface Judged {
  readonly now: LiveSituation
  readonly nowFacts: Facts
  readonly thenFacts: Facts
}

/** Only the candidate is asked; what holds now is what was decided. */
async function byCandidate(judged: readonly Judged[], evaluator: PlanEvaluator): Promise<Found[]> {
  const decided = await evaluator.decide(judged.map(({ thenFacts }) => thenFacts))
  return judged.flatMap(({ now, nowFacts }, at) => {
    const after = decided[at]
    if (after === undefined) return []
    const before = decidedBefore(now, nowFacts)
    const effect = compareSides(before, { ...after, evaluated: true })
    return [toFound(now.target, nowFacts, { effect, evaluated: before.evaluated })]
  })
}

function decidedBefore({ target, situation }: LiveSituation, facts: Facts): JudgedSide {
  const { outcome, checks } = target.inForce.decision
  return {
    outcome,
    verdict: worstOf(facts.subjects.map(({ verdict }) => verdict.kind)),
    evaluated: isCurrent(target.inForce, situation),
    checks: checks.filter(({ status }) => status === 'failed' || status === 'warned'),
  }
}

/** Where the facts are the same there is nothing to ask; policies that read the time are asked again. */
async function byTrust(
  judged: readonly Judged[],
  kind: 'trust' | 'time',
  evaluator: PlanEvaluator,
): Promise<Found[]> {
  const asked = judged.filter(
    ({ nowFacts, thenFacts }) => kind === 'time' || timeless(nowFacts) !== timeless(thenFacts),
  )
  const decided = await evaluator.decide([
    ...asked.map(({ nowFacts }) => nowFacts),
    ...asked.map(({ thenFacts }) => thenFacts),
  ])
  const found = new Map<Judged, EffectFound | undefined>()
  for (const [at, one] of asked.entries()) {
    const now = decided[at]
    const after = decided[asked.length + at]
    if (now === undefined || after === undefined) continue
    found.set(one, compareSides({ ...now, evaluated: true }, { ...after, evaluated: true }))
  }
  return judged.map((one) =>
    toFound(one.now.target, one.nowFacts, { effect: found.get(one), evaluated: true }),
  )
}

function timeless({ at: _at, validUntil: _until, ...facts }: Facts): string {
  return canonicalJson(facts as unknown as Json)
}

function toFound(
  target: LiveTarget,
  facts: Facts,
  judged: Pick<Found, 'effect' | 'evaluated'>,
): Found {
  return { target, facts, ...judged }
}

class Tally {
  judged = 0
  #notReevaluated = 0
  #notReadable = 0
  readonly #counts = { alias: 0, canary: 0, rollback: 0, latest: 0 }
  readonly #affected: PlanEffect[] = []

  async add({ target, facts, effect, evaluated }: Found, watch: PlanWatch): Promise<void> {
    this.judged += 1
    if (!evaluated) this.#notReevaluated += 1
    if (effect === undefined) return
    this.#counts[target.role] += 1
    if (this.#affected.length >= EFFECTS_LISTED) return
    if ((await watch.mayRead?.(facts)) === false) this.#notReadable += 1
    else this.#affected.push({ ...toEffect(target), ...effect, changesAt: facts.validUntil })
  }

  effects(): Omit<PlanEffects, 'policySet'> {
    const affected = Object.values(this.#counts).reduce((sum, count) => sum + count, 0)
    return {
      judged: this.judged,
      unaffected: this.judged - affected,
      counts: { ...this.#counts },
      notReevaluated: this.#notReevaluated,
      affected: this.#affected,
      leftOut: affected - this.#affected.length - this.#notReadable,
      notReadable: this.#notReadable,
    }
  }
}

export function toEffect(
  target: LiveTarget,
): Pick<PlanEffect, 'functionName' | 'alias' | 'role' | 'version' | 'weight' | 'decisionId'> {
  const { functionName, alias, role, version, weight, inForce } = target
  return { functionName, alias, role, version, weight, decisionId: inForce.decision.id }
}
