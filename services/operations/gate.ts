import {
  PlatformError,
  newId,
  parseIsoTime,
  traced,
  type AcceptedArtifact,
  type Decision,
  type Facts,
} from '../model/index.ts'
import { decide } from '../policy/index.ts'
import type { Writer } from '../store/index.ts'
import { accept } from '../trust/index.ts'
import { useApprovals } from './approval-use.ts'
import { RowsMoved, type Change, type Committed } from './change.ts'
import { afterCommit, closeTransaction, insertDecision, raiseWorld } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { judgeSubjects, readSituation, readWorld, toFacts, type JudgedSubject } from './facts.ts'
import { refuseOtherPlan, usePlan, withPlan } from './planned-change.ts'
import { findLeaving } from './leaving.ts'
import { refusalMessage } from './refusal.ts'

/** Thrown by `commit` where what was read has changed since: everything is done again. */
export { RowsMoved } from './change.ts'
export type {
  Admitted,
  Change,
  ChangeFactsInput,
  Committed,
  ExaminedArtifact,
  Subject,
} from './change.ts'

/** How often a change is decided again when the world moved under it (CONTRACTS). */
const DECIDE_TRIES = 3
/** The same where only the rows did: each time somebody else's change went through. */
const ROWS_TRIES = 50

/** The decision on a change as the world is now, with nothing stored: AWS's `DryRun`. */
export async function preview(
  deps: Deps,
  caller: Caller,
  change: Change<unknown>,
): Promise<Decision> {
  const judgement = await judge(deps, caller, change)
  if (judgement.decision.outcome === 'deny') throw refusal(judgement)
  return judgement.decision
}

/**
 * Judges, decides and commits one change. On a no, the decision and a ledger entry are kept and nothing else.
 * @throws PlatformError what `read` and `commit` throw; INVALID_CODE_SIGNATURE, CODE_VERIFICATION_FAILED or
 * POLICY_DENIED with the decision's id; RESOURCE_CONFLICT when the world moved three times; TOO_MANY_REQUESTS when
 * the caller was refused too often
 */
export async function govern<T>(
  deps: Deps,
  caller: Caller,
  change: Change<T>,
): Promise<{ readonly result: T; readonly decision: Decision }> {
  const moves = { world: 0, rows: 0 }
  while (moves.world < DECIDE_TRIES && moves.rows < ROWS_TRIES) {
    const judgement = await judge(deps, caller, change)
    const { decision } = judgement
    await usePlan(deps, caller, { change, ...judgement })
    deps.metrics.decision(decision.outcome, change.action)
    if (decision.outcome === 'deny') {
      deps.refusals.spend(caller.principal.id)
      await keepRefusal(deps, change, judgement)
      throw refusal(judgement)
    }
    const { accepted, holds } = await keepArtifacts(deps, judgement)
    const state = { judgement, accepted, plan: caller.plan }
    const committed = await traced(deps.tracer, 'commit', () =>
      commit(deps, change, state).finally(() => letGo(holds)),
    )
    if (typeof committed === 'string') {
      moves[committed] += 1
      continue
    }
    countWarning(deps, judgement)
    await afterCommit(deps, committed)
    return { result: committed.result, decision }
  }
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    'The operation cannot be performed at this time: what it depends on keeps changing. Try again.',
  )
}

interface Judgement {
  readonly facts: Facts
  readonly judged: readonly JudgedSubject[]
  readonly decision: Decision
  readonly atMs: number
}

async function judge(deps: Deps, caller: Caller, change: Change<unknown>): Promise<Judgement> {
  const situation = await readSituation(deps, caller, change)
  // Leaving is not slowed down (promise P5); whatever else may be refused is.
  if (situation.input.takesAway !== true) deps.refusals.check(caller.principal.id)
  const judged = await traced(deps.tracer, 'verify seals', () => judgeSubjects(deps, situation))
  const facts = toFacts(deps, caller, change, { situation, judged })
  const decideOn = (about: Facts): Judgement => {
    const decision = decide(about, newId('dec', deps.clock, deps.random), situation.policies)
    return { facts: about, judged, decision, atMs: situation.atMs }
  }
  const judgement = await traced(deps.tracer, 'decide', () => Promise.resolve(decideOn(facts)))
  if (judgement.decision.outcome !== 'deny' || facts.stage === undefined) return judgement
  // What is served now is judged again only where the move would be refused otherwise.
  const leaving = await findLeaving(deps, caller, facts, judgement.decision.checks)
  if (leaving === undefined) return judgement
  return decideOn({ ...facts, stage: { ...facts.stage, leaving } })
}

function refusal({ decision, judged }: Judgement): PlatformError {
  const code = decision.refusal ?? 'POLICY_DENIED'
  const failed = decision.checks.filter((check) => check.status === 'failed')
  const names = judged.map(({ subject }) => ({ arn: subject.arn, name: subject.name }))
  return new PlatformError(code, refusalMessage(code, failed, names), {
    decisionId: decision.id,
    detail: { failed: failed.map((check) => `${check.subject} ${check.rule}`) },
  })
}

async function keepRefusal(
  deps: Deps,
  change: Change<unknown>,
  { facts, decision, atMs }: Judgement,
): Promise<void> {
  await deps.store.transaction(async (tx) => {
    const touched = await insertDecision(tx, decision, { facts, atMs })
    await closeTransaction(
      deps,
      tx,
      { ...eventOf(change, facts), type: 'refusal' },
      { committed: { result: undefined, touched }, decision },
    )
  })
  deps.audit.wake()
}

interface Kept {
  readonly accepted: readonly AcceptedArtifact[]
  /** The blobs are not removed while these are held: no row names them before the commit. */
  readonly holds: readonly Disposable[]
}

/** New bytes are kept under their digest before the rows that name them: an orphan blob is collectable, a dangling row is not. */
async function keepArtifacts(deps: Deps, judgement: Judgement): Promise<Kept> {
  const accepted: AcceptedArtifact[] = []
  const holds: Disposable[] = []
  try {
    for (const { subject, facts } of judgement.judged) {
      if (subject.artifact === undefined || subject.notKept === true) continue
      const { identity, source } = subject.artifact
      const artifact = accept(
        { identity, source },
        facts.verdict,
        judgement.decision,
        judgement.facts,
      )
      holds.push(await deps.blobs.put(artifact))
      accepted.push(artifact)
    }
    return { accepted, holds }
  } catch (error) {
    letGo(holds)
    throw error
  }
}

function letGo(holds: readonly Disposable[]): void {
  for (const hold of holds) hold[Symbol.dispose]()
}

interface Settled {
  readonly judgement: Judgement
  readonly accepted: readonly AcceptedArtifact[]
  readonly plan: Caller['plan']
}

/** One transaction: the world as it was decided on, the rows, the decision, the intervals, the ledger entry. */
async function commit<T>(
  deps: Deps,
  change: Change<T>,
  state: Settled,
): Promise<Committed<T> | 'world' | 'rows'> {
  try {
    return await deps.store.transaction((tx) => commitIn(deps, tx, change, state))
  } catch (error) {
    if (error instanceof RowsMoved) return 'rows'
    throw error
  }
}

async function commitIn<T>(
  deps: Deps,
  tx: Writer,
  change: Change<T>,
  state: Settled,
): Promise<Committed<T> | 'world'> {
  const { facts, decision, atMs } = state.judgement
  if ((await readWorld(tx)) !== facts.world || hasLapsed(facts, deps.clock.nowMs())) return 'world'
  await refuseOtherPlan(deps, tx, state.plan, { change, facts, decision })
  const admitted = { decision, accepted: state.accepted }
  const decided = await insertDecision(tx, decision, { facts, atMs })
  const committed = await change.commit(tx, admitted, atMs)
  const used = await useApprovals(tx, { facts, decision }, atMs)
  if (change.raisesWorld) await raiseWorld(tx)
  const note = withPlan(change.note?.(admitted), state.plan)
  await closeTransaction(
    deps,
    tx,
    { ...eventOf(change, facts), ...(note === undefined ? {} : { note }) },
    { committed: { ...committed, touched: [...decided, ...used, ...committed.touched] }, decision },
  )
  return committed
}

function eventOf(change: Change<unknown>, facts: Facts) {
  const { action, resource, type = 'change' } = change
  return { type, action, resource, principal: facts.principal, world: facts.world }
}

function hasLapsed(facts: Facts, nowMs: number): boolean {
  if (facts.validUntil === null) return false
  const untilMs = parseIsoTime(facts.validUntil)
  return untilMs === undefined || nowMs > untilMs
}

/** AWS: SignatureValidationErrors counts deployments that Warn let through. */
function countWarning(deps: Deps, { decision, judged }: Judgement): void {
  const warned = decision.checks.filter(({ status }) => status === 'warned')
  if (!warned.some(({ rule }) => rule.startsWith('signature.'))) return
  const owner = judged.find(({ subject }) => subject.kind === 'function')
  if (owner !== undefined) deps.metrics.signatureValidationError(owner.subject.name)
}
