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

export interface DueFound {
  /** Those that a person released, some of them. */
  readonly released: readonly DueReaction[]
  /** The others, some of them. */
  readonly waiting: readonly DueReaction[]
  /** Names that wait, and names that were reacted to a moment ago without a person. */
  readonly places: number
  readonly recent: number
  /** The last verdict that waits. */
  readonly through: number
  /** That a person has to settle. */
  readonly hold: ReactionHold | undefined
}

/** Handed out at once. */
const DUE_LISTED = 50

/**
 * What is to be done follows from rows alone: violations with positive evidence whose reaction is stronger than what was
 * done about them. So nothing is lost or done twice where the process dies between the two.
 */
export async function dueReactions(
  reader: Reader,
  asked: { readonly sinceMs: number; readonly settings?: ReadonlyMap<string, Reaction> },
): Promise<DueFound> {
  const settings = asked.settings ?? (await reactionsByScope(reader))
  const holds = await listReactionHolds(reader)
  const dismissed = lastOf(holds, 'dismissed')
  const released = lastOf(holds, 'released')
  const due = (await violatingRows(reader)).flatMap(({ done, ...one }) => {
    const wanted = wantedAt(settings, one)
    const isDue = wanted !== undefined && done.every((other) => isStronger(wanted, other))
    return isDue && one.verdictId > dismissed ? [{ ...one, wanted }] : []
  })
  const free = due.filter(({ verdictId }) => verdictId <= released)
  const waiting = due.filter(({ verdictId }) => verdictId > released)
  return {
    released: free.slice(0, DUE_LISTED),
    waiting: waiting.slice(0, DUE_LISTED),
    places: placesOf(waiting).size,
    recent: await recentPlaces(reader, { sinceMs: asked.sinceMs, released }),
    through: Math.max(0, ...waiting.map(({ verdictId }) => verdictId)),
    hold: holds.find(({ state }) => state === 'open'),
  }
}

function lastOf(holds: readonly ReactionHold[], state: ReactionHold['state']): number {
  return holds.reduce((last, one) => (one.state === state ? Math.max(last, one.through) : last), 0)
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
  { sinceMs, released }: { readonly sinceMs: number; readonly released: number },
): Promise<number> {
  const rows = await reader
    .selectFrom('reaction')
    .innerJoin('live_verdict as verdict', 'verdict.id', 'reaction.verdict_id')
    .innerJoin('live_interval as live', 'live.id', 'verdict.live_id')
    .select(['live.function_name as functionName', 'live.alias'])
    .where('reaction.at', '>=', sinceMs)
    .where('verdict.id', '>', released)
    .execute()
  return placesOf(rows).size
}

function placesOf(
  rows: readonly { readonly functionName: string; readonly alias: string }[],
): ReadonlySet<string> {
  return new Set(rows.map(({ functionName, alias }) => `${functionName}:${alias}`))
}
