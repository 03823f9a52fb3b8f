import { findHold, liftHold } from '../audit/index.ts'
import { revocationHistory, type NewRevocation } from '../catalog/index.ts'
import { PlatformError, canonicalJson, sha256, type Decision } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { readWorld } from './facts.ts'
import { govern } from './gate.ts'
import { judgeLive, liveRun, readLiveSituation } from './live-facts.ts'
import { readLiveTargets, type LiveTarget } from './live-targets.ts'
import { PlanEvaluator } from './plan-evaluator.ts'
import { trustChange } from './publishers.ts'

const FUNCTIONS_A_PAGE = 20
const JUDGE_TRIES = 3
const RESOURCE = 'lacre:ledger'

/** Something live that would not be admitted now. */
export type RefusedTarget = Pick<LiveTarget, 'functionName' | 'alias' | 'version'>

/** What stands between a ledger that was begun anew and the first invocation. */
export interface LedgerHold {
  readonly held: boolean
  /** Every revocation on record: what was lost with the old ledger's end has to be applied again. */
  readonly revocations: readonly NewRevocation[]
  /** What confirms that they are all there are. */
  readonly revocationsDigest: string
  /** Versions behind aliases and `$LATEST`. */
  readonly judged: number
  readonly refused: readonly RefusedTarget[]
}

/** Judges what is live by trust and policies as they are now. @throws PlatformError RESOURCE_CONFLICT */
export async function readHold(deps: Deps): Promise<LedgerHold> {
  const { hold } = await judgeOnceForAll(deps)
  return { ...hold, held: (await findHold(deps.store.reader)) !== undefined }
}

/**
 * Lets what is live be invoked after a new beginning of the ledger: once all of it was judged compliant, and whoever
 * asks has confirmed the revocations on record by their digest (RULES §6).
 * @throws PlatformError RESOURCE_CONFLICT where nothing is held, where something live is refused, or where what is
 * confirmed is not what is on record
 */
export async function releaseHold(
  deps: Deps,
  caller: Caller,
  revocationsDigest: string,
): Promise<{ readonly result: LedgerHold; readonly decision: Decision }> {
  const { hold, world } = await judgeOnceForAll(deps)
  const check = async (reader: Reader): Promise<void> => {
    if ((await findHold(reader)) === undefined)
      throw new PlatformError('RESOURCE_CONFLICT', 'nothing is held: what is live is invoked')
    if (revocationsDigest !== hold.revocationsDigest)
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        'the revocations on record are not those that are confirmed: look at them again',
      )
    const [first] = hold.refused
    if (first !== undefined)
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        `${hold.refused.length} of what is live would not be admitted now, the first \`${first.functionName}:${first.alias}\`, version ${first.version}: move or delete them`,
      )
    if ((await readWorld(reader)) !== world)
      throw new PlatformError('RESOURCE_CONFLICT', 'something was changed meanwhile: try again')
  }
  const released = await govern(deps, caller, {
    action: 'lacre:ReleaseLedger',
    resource: RESOURCE,
    raisesWorld: true,
    read: async (reader) => {
      await check(reader)
      return trustChange('held', 'released')
    },
    commit: async (tx) => {
      await check(tx)
      return { result: { ...hold, held: false }, touched: [await liftHold(tx)] }
    },
    note: () => ({ revocations: hold.revocationsDigest, judged: hold.judged }),
  })
  await deps.live.refresh()
  deps.runtime.keepWarm(deps.live.provisioned())
  return released
}

interface Judged {
  readonly hold: LedgerHold
  /** All of it was judged in this one. */
  readonly world: number
}

const underWay = new WeakMap<Deps, Promise<Judged>>()

/** Whoever asks while all is being judged gets the same answer: it names its world, and each judging takes a processor. */
function judgeOnceForAll(deps: Deps): Promise<Judged> {
  const known = underWay.get(deps)
  if (known !== undefined) return known
  const judging = judgeAll(deps).finally(() => underWay.delete(deps))
  underWay.set(deps, judging)
  return judging
}

async function judgeAll(deps: Deps): Promise<Judged> {
  await using evaluator = new PlanEvaluator()
  await evaluator.useInForce(deps)
  for (let tries = 0; tries < JUDGE_TRIES; tries += 1) {
    const judged = await judgeOnce(deps, evaluator)
    if (judged !== undefined) return judged
  }
  throw new PlatformError('RESOURCE_CONFLICT', 'what is live keeps changing: try again')
}

/** Undefined where the world moved on the way. */
async function judgeOnce(deps: Deps, evaluator: PlanEvaluator): Promise<Judged | undefined> {
  const run = liveRun(deps)
  const refused: RefusedTarget[] = []
  let judged = 0
  const { held, world, revocations } = await deps.store.snapshot(async (reader) => ({
    held: (await findHold(reader)) !== undefined,
    world: await readWorld(reader),
    revocations: await revocationHistory(reader),
  }))
  for (let after: string | undefined, more = true; more;) {
    const page = await deps.store.snapshot(async (reader) => {
      const { targets, next } = await readLiveTargets(reader, { after, limit: FUNCTIONS_A_PAGE })
      const live = targets.filter(({ role }) => role !== 'rollback')
      const situations = []
      for (const target of live) situations.push(await readLiveSituation(deps, reader, target, run))
      return { live, situations, next, world: await readWorld(reader) }
    })
    if (page.world !== world) return undefined
    const facts = await Promise.all(page.situations.map((one) => judgeLive(deps, one, run)))
    const decided = await evaluator.decide(facts)
    for (const [at, { functionName, alias, version }] of page.live.entries())
      if (decided[at]?.outcome !== 'allow' && decided[at]?.outcome !== 'warn')
        refused.push({ functionName, alias, version })
    judged += page.live.length
    after = page.next
    more = after !== undefined
  }
  const revocationsDigest = sha256(canonicalJson(revocations.map((one) => ({ ...one }))))
  return { hold: { held, revocations, revocationsDigest, judged, refused }, world }
}
