import {
  listReactionHolds,
  reactionOf,
  reactionsByScope,
  type ReactionHold,
} from '../catalog/index.ts'
import { isStronger, type Reaction } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { isAliasName } from './live-known.ts'

/** Something to be done about one verdict. */
export interface DueReaction {
  readonly verdictId: number
  readonly liveId: number
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: string
  readonly wanted: Reaction
}

export interface DueAsked {
  /** Since when what was done without a person counts as done at once. */
  readonly sinceMs: number
  /** As if these were set. */
  readonly settings?: ReadonlyMap<string, Reaction>
  /** This function, or alias of it, alone. */
  readonly within?: { readonly functionName: string; readonly alias?: string | undefined }
  /** Verdicts that come after all others, in this order: those that were tried in vain. */
  readonly last?: readonly number[]
}

export interface DueFound {
  /** Those that a person released, some of them. */
  readonly released: readonly DueReaction[]
  /** The others, some of them. */
  readonly waiting: readonly DueReaction[]
  /** Names that are due, whether released or not. */
  readonly all: number
  /** Names that wait, and names that were reacted to a moment ago without a person. */
  readonly places: number
  readonly recent: number
  /** All verdicts that wait. */
  readonly verdicts: readonly number[]
  /** That a person has to settle. */
  readonly hold: ReactionHold | undefined
}

/** Handed out at once. */
const DUE_LISTED = 50

/**
 * What is to be done follows from rows alone: violations with positive evidence whose reaction is stronger than what was
 * done about them. So nothing is lost or done twice where the process dies between the two.
 */
export async function dueReactions(reader: Reader, asked: DueAsked): Promise<DueFound> {
  const settings = asked.settings ?? (await reactionsByScope(reader))
  const holds = await listReactionHolds(reader)
  const dismissed = verdictsOf(holds, 'dismissed')
  const released = verdictsOf(holds, 'released')
  const due = (await violatingRows(reader)).flatMap(({ done, ...one }) => {
    const wanted = wantedAt(settings, one)
    const isDue = wanted !== undefined && done.every((other) => isStronger(wanted, other))
    return isDue && isWithin(asked.within, one) && !dismissed.has(one.verdictId)
      ? [{ ...one, wanted }]
      : []
  })
  const inOrder = putLast(due, asked.last ?? [])
  const free = inOrder.filter(({ verdictId }) => released.has(verdictId))
  const waiting = inOrder.filter(({ verdictId }) => !released.has(verdictId))
  return {
    released: free.slice(0, DUE_LISTED),
    waiting: waiting.slice(0, DUE_LISTED),
    all: placesOf(due).size,
    places: placesOf(waiting).size,
    recent: await recentPlaces(reader, { sinceMs: asked.sinceMs, released }),
    verdicts: waiting.map(({ verdictId }) => verdictId),
    hold: holds.find(({ state }) => state === 'open'),
  }
}

/** Those that holds name, and no others: what comes after a hold, or was due before it under another setting, waits anew. */
function verdictsOf(
  holds: readonly ReactionHold[],
  state: ReactionHold['state'],
): ReadonlySet<number> {
  return new Set(holds.flatMap((one) => (one.state === state ? one.verdicts : [])))
}

function isWithin(within: DueAsked['within'], place: Omit<DueReaction, 'wanted'>): boolean {
  if (within === undefined) return true
  const { functionName, alias } = within
  return place.functionName === functionName && (alias === undefined || place.alias === alias)
}

function putLast(due: readonly DueReaction[], last: readonly number[]): readonly DueReaction[] {
  const rank = new Map(last.map((verdictId, index) => [verdictId, index + 1]))
  return due.toSorted(
    (one, other) => (rank.get(one.verdictId) ?? 0) - (rank.get(other.verdictId) ?? 0),
  )
}

/** `undefined` where nothing but telling is wanted. A version by its own number cannot be frozen or moved back. */
function wantedAt(
  settings: ReadonlyMap<string, Reaction>,
  place: { readonly functionName: string; readonly alias: string },
): Reaction | undefined {
  const wanted = reactionOf(settings, place)
  if (!isStronger(wanted, 'alert')) return undefined
  return isAliasName(place.alias) || wanted === 'refuse' ? wanted : undefined
}

interface Violating extends Omit<DueReaction, 'wanted'> {
  /** What was wanted when it was reacted to. */
  readonly done: readonly Reaction[]
}

async function violatingRows(reader: Reader): Promise<Violating[]> {
  const rows = await reader
    .selectFrom('live_verdict as verdict')
    .innerJoin('live_interval as live', 'live.id', 'verdict.live_id')
    .leftJoin('reaction', 'reaction.verdict_id', 'verdict.id')
    .select([
      'verdict.id',
      'live.id as live_id',
      'live.function_name',
      'live.alias',
      'live.version',
      'live.release',
      'reaction.wanted',
    ])
    .where('verdict.recorded_to', 'is', null)
    .where('verdict.effective_to', 'is', null)
    .where('verdict.state', '<>', 'compliant')
    .where('verdict.state', '=', 'violating')
    // Without positive evidence somebody is told, and nothing else (RULES §6).
    .where('verdict.causes', '<>', '[]')
    .where('live.to_ms', 'is', null)
    .orderBy('verdict.id')
    .execute()
  const found = new Map<number, Violating>()
  for (const row of rows) {
    const known = found.get(row.id)
    const done = row.wanted === null ? [] : [row.wanted as Reaction]
    found.set(row.id, {
      verdictId: row.id,
      liveId: row.live_id,
      functionName: row.function_name,
      alias: row.alias,
      version: row.version,
      release: row.release,
      done: [...(known?.done ?? []), ...done],
    })
  }
  return [...found.values()]
}

/** Ten, and ten more a moment later, are twenty at once. */
async function recentPlaces(
  reader: Reader,
  { sinceMs, released }: { readonly sinceMs: number; readonly released: ReadonlySet<number> },
): Promise<number> {
  const rows = await reader
    .selectFrom('reaction')
    .innerJoin('live_verdict as verdict', 'verdict.id', 'reaction.verdict_id')
    .innerJoin('live_interval as live', 'live.id', 'verdict.live_id')
    .select(['verdict.id', 'live.function_name as functionName', 'live.alias'])
    .where('reaction.at', '>=', sinceMs)
    .execute()
  return placesOf(rows.filter(({ id }) => !released.has(id))).size
}

function placesOf(
  rows: readonly { readonly functionName: string; readonly alias: string }[],
): ReadonlySet<string> {
  return new Set(rows.map(({ functionName, alias }) => `${functionName}:${alias}`))
}
