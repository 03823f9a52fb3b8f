import { PlatformError, type Decision, type Facts, type Json, type Sha256 } from '../model/index.ts'
import { planHash } from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import type { Change } from './change.ts'
import type { Caller, Deps } from './context.ts'
import type { JudgedSubject } from './facts.ts'

/** How long a plan may be committed (RULES §5). */
export const PLAN_LIFETIME_MS = 15 * 60_000

/** A change as it was judged. */
export interface JudgedChange {
  readonly change: Pick<Change<unknown>, 'action' | 'resource' | 'planned'>
  readonly facts: Facts
  readonly decision: Decision
  readonly judged?: readonly JudgedSubject[]
}

/** Thrown by the gate instead of committing, where a change is only to be planned. */
export class PlanMade extends Error {
  override readonly name = 'PlanMade'
  readonly change: JudgedChange
  readonly hash: Sha256

  constructor(change: JudgedChange, hash: Sha256) {
    super('the change was planned, not made')
    this.change = change
    this.hash = hash
  }
}

/**
 * Right after judging: a plan being made ends here, and one that no longer holds is refused before its refusal would
 * be recorded.
 * @throws PlanMade, PlatformError PRECONDITION_FAILED
 */
export async function usePlan(deps: Deps, caller: Caller, judged: JudgedChange): Promise<void> {
  if (caller.plan === undefined) return
  await deps.store.snapshot(async (reader) => {
    if (caller.plan?.kind === 'make') throw new PlanMade(judged, await hashOf(reader, judged))
    await refuseOtherPlan(deps, reader, caller.plan, judged)
  })
}

/**
 * The same inside the transaction that commits: the plan is computed again from what is about to be written.
 * @throws PlatformError PRECONDITION_FAILED: not known, too old, another change, or a world that has moved
 */
export async function refuseOtherPlan(
  deps: Deps,
  reader: Reader,
  plan: Caller['plan'],
  judged: JudgedChange,
): Promise<void> {
  if (plan?.kind !== 'hold') return
  const row = await reader
    .selectFrom('plan')
    .selectAll()
    .where('hash', '=', plan.hash)
    .executeTakeFirst()
  if (row === undefined || row.expires_at <= deps.clock.nowMs())
    throw stale('it is not known here, or older than 15 minutes')
  const { change, facts } = judged
  if (row.action !== change.action || row.resource !== change.resource)
    throw stale(`it is one of \`${row.action}\` on \`${row.resource}\``)
  if (row.world !== facts.world) throw stale('what decisions depend on has changed since')
  if ((await hashOf(reader, judged)) !== plan.hash)
    throw stale('the change is another one, or what it would change has changed since')
}

/** The ledger entry names the plan that the change was held to. */
export function withPlan(note: Json | undefined, plan: Caller['plan']): Json | undefined {
  if (plan?.kind !== 'hold') return note
  return { plan: plan.hash, ...(note !== undefined && { change: note }) }
}

async function hashOf(reader: Reader, { change, facts, decision }: JudgedChange): Promise<Sha256> {
  const planned = change.planned?.()
  if (planned === undefined) throw stale(`\`${change.action}\` is not planned: send it without one`)
  const { content, rows = null, wholeLiveSet = false } = planned
  return planHash({
    change: { action: change.action, resource: change.resource, content },
    release: facts.release,
    revisions: {
      world: facts.world,
      rows,
      live: wholeLiveSet ? await liveRevision(reader) : null,
    },
    decisions: [decision],
  })
}

/** Other with whatever opens a live interval, whose number only grows, or closes one, of which there are fewer then. */
async function liveRevision(reader: Reader): Promise<Json> {
  const opened = await reader
    .selectFrom('live_interval')
    .select((of) => of.fn.max<number | null>('id').as('id'))
    .executeTakeFirst()
  const open = await reader
    .selectFrom('live_interval')
    .select((of) => of.fn.countAll<number>().as('count'))
    .where('to_ms', 'is', null)
    .executeTakeFirst()
  return { opened: opened?.id ?? null, open: Number(open?.count) }
}

function stale(why: string): PlatformError {
  return new PlatformError(
    'PRECONDITION_FAILED',
    `The plan does not hold: ${why}. Nothing was changed; plan again.`,
  )
}
