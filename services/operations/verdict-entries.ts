import { reactionOf } from '../catalog/index.ts'
import { recordVerdicts, recordVerification } from '../live/index.ts'
import type { Json, Reaction } from '../model/index.ts'
import { record } from './commit.ts'
import type { Deps } from './context.ts'
import type { WholeFound } from './live-judge.ts'
import type { VerdictChange } from './verdict-changes.ts'

/** An entry has room for no more. */
const VERDICTS_AN_ENTRY = 50
/** So many share a commit where they are found by then; it holds the event loop for its time. */
export const VERDICTS_TOGETHER = 2 * VERDICTS_AN_ENTRY
/** Rules that an entry names of one verdict; its row has all that are kept. */
const RULES_TOLD = 3
/** Names that a line of the log has. */
const LOGGED = 10

export const VERIFY = 'lacre:VerifyLiveSet'
const LIVE_SET = 'lacre:live-set'

/** What a ledger entry about verdicts is; from `live.violation` to `live.recovered` they are alerts. */
type EntryType = 'live.violation' | 'live.indeterminate' | 'live.recovered' | 'live.verdict'

/**
 * Verdicts that changed, each kind under an entry of its own. Somebody is told of them unless the reaction that is set is
 * `record`.
 */
export async function recordChanges(
  deps: Deps,
  changes: readonly VerdictChange[],
  settings: ReadonlyMap<string, Reaction>,
): Promise<void> {
  const byType = new Map<EntryType, VerdictChange[]>()
  for (const change of changes) {
    const type = typeOf(change, reactionOf(settings, change))
    byType.set(type, [...(byType.get(type) ?? []), change])
  }
  const entries = [...byType].flatMap(([type, all]) =>
    inParts(all, VERDICTS_AN_ENTRY).map((some) => recordEntry(deps, type, some)),
  )
  // Whichever fails, none is still being written when this ends.
  await Promise.allSettled(entries)
  await Promise.all(entries)
}

/** Those that are asked for at once are written one after the other, and share a commit. */
async function recordEntry(
  deps: Deps,
  type: EntryType,
  changes: readonly VerdictChange[],
): Promise<void> {
  const note = { verdicts: changes.map(told) }
  await record(deps, { type, action: VERIFY, resource: LIVE_SET, note }, async (tx) => {
    const { atMs } = await deps.audit.nextPosition(tx, deps.clock.nowMs())
    return { result: undefined, touched: await recordVerdicts(tx, changes, atMs) }
  })
  alert(deps, type, changes)
}

function inParts<T>(all: readonly T[], size: number): T[][] {
  const count = Math.ceil(all.length / size)
  return Array.from({ length: count }, (_, at) => all.slice(at * size, (at + 1) * size))
}

function typeOf({ state, before }: VerdictChange, reaction: Reaction): EntryType {
  if (reaction === 'record') return 'live.verdict'
  if (state === 'violating') return 'live.violation'
  if (state === 'indeterminate') return 'live.indeterminate'
  const wasBad = before === 'violating' || before === 'indeterminate'
  return wasBad && state === 'compliant' ? 'live.recovered' : 'live.verdict'
}

function told(change: VerdictChange): Json {
  const { functionName, alias, slot, version, state, causes, reasons, world } = change
  const rules = [...new Set(reasons.map(({ rule }) => rule))].slice(0, RULES_TOLD)
  return { functionName, alias, slot, version, state, causes: [...causes], rules, world }
}

function alert(deps: Deps, type: EntryType, changes: readonly VerdictChange[]): void {
  const places = changes
    .slice(0, LOGGED)
    .map(({ functionName, alias, version }) => `${functionName}:${alias} (${version})`)
  const facts = { count: changes.length, places }
  switch (type) {
    case 'live.violation':
      deps.metrics.liveViolations(changes.length)
      return deps.log.error(facts, 'what is live violates the rules in force')
    case 'live.indeterminate':
      return deps.log.error(facts, 'what is live could not be judged')
    case 'live.recovered':
      return deps.log.info(facts, 'what is live is compliant again')
    case 'live.verdict':
      return deps.log.debug(facts, 'verdicts of what is live changed')
  }
}

/**
 * That all that is live was judged in this world, once to a world: a row and no entry, or every change would be followed by
 * one. What was found is in the entries of the verdicts that changed.
 */
export async function recordWorld(deps: Deps, found: WholeFound): Promise<void> {
  const atMs = deps.clock.nowMs()
  await deps.store.transaction((tx) => recordVerification(tx, { ...found, atMs }))
}
