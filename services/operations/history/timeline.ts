import { momentsOf, newestFirst, turnAt, type Moment, type Turn } from '../../live/index.ts'
import { functionArn, functionRef } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'
import { readsOf } from '../access/readable.ts'
import type { Caller, Deps } from '../context.ts'
import { toMarker } from '../page.ts'
import { decisionsById, type DecisionsById } from '../decisions.ts'
import { authorizeScope, readCells, refuseUnknown, type HistoryPage } from './asked.ts'
import { entriesAt, type ToldEntries, type ToldEntry } from './entries.ts'
import { namedBy, tellDecision, type ToldDecision } from './told.ts'

export interface TimelineAsked extends HistoryPage {
  readonly functionName: string
  readonly alias?: string | undefined
}

/** What a slot held, in the words of a timeline. */
export interface TimelineSlot {
  readonly version: string
  readonly weight: number
  readonly release: string
}

export type TimelineEvent =
  | {
      readonly kind: 'change'
      readonly atMs: number
      /** Of the ledger entry. */
      readonly index: number
      readonly action: string | null
      readonly principal: ToldEntry['principal'] | null
      /** That of the entry; where the service did it by itself, the one that admitted what came. */
      readonly decision: ToldDecision | null
      readonly slots: readonly {
        readonly alias: string
        readonly slot: 'primary' | 'weighted'
        readonly from: TimelineSlot | null
        readonly to: TimelineSlot | null
      }[]
      /** More of them changed than are listed. */
      readonly more: boolean
    }
  | {
      readonly kind: 'refusal'
      readonly atMs: number
      readonly decision: ToldDecision
      /** Rules that failed; none where the decision is withheld. */
      readonly failed: readonly string[]
    }

export interface TimelineAnswer {
  readonly functionName: string
  readonly alias: string | undefined
  /** Newest first. */
  readonly events: readonly TimelineEvent[]
  readonly nextMarker: string | undefined
}

/** Slots listed of one event: a function's end is that of all its versions. */
const SLOTS_OF_EVENT_LIMIT = 64

/**
 * Who changed what could be invoked of a function, or of one alias (or version) of it, when, by which decision and on
 * whose approval; the changes that were refused stand between them.
 * @throws PlatformError ACCESS_DENIED, RESOURCE_NOT_FOUND, INVALID_PARAMETER
 */
export async function readTimeline(
  deps: Deps,
  caller: Caller,
  asked: TimelineAsked,
): Promise<TimelineAnswer> {
  await authorizeScope(deps, caller, asked)
  const position = readPosition(asked.marker)
  const found = await deps.store.snapshot(async (reader) => {
    await refuseUnknown(reader, asked.functionName)
    return await find(reader, deps, { ...asked, position })
  })
  const { functionName, alias } = asked
  const mayRead = readsOf(deps, caller)
  const events: TimelineEvent[] = []
  for (const event of found.events) {
    const told =
      event.kind === 'change'
        ? await tellChange(mayRead, found, { ...event, functionName })
        : await tellRefusal(mayRead, found, event)
    if (told !== undefined) events.push(told)
  }
  return { functionName, alias, events, nextMarker: found.next }
}

/** Each of the two streams goes on after its own last one. */
interface Position {
  readonly moment: Moment | undefined
  readonly refusal: Refusal | undefined
}

interface Refusal {
  readonly atMs: number
  readonly id: string
}

type Event =
  | { readonly kind: 'change'; readonly moment: Moment; readonly turn: Turn }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }

interface Found {
  readonly events: readonly Event[]
  readonly entries: ToldEntries
  readonly decisions: DecisionsById
  readonly next: string | undefined
}

type Asked = TimelineAsked & { readonly position: Position }

async function find(reader: Reader, deps: Deps, asked: Asked): Promise<Found> {
  const { position, limit } = asked
  const moments = await momentsOf(reader, { ...asked, before: position.moment, limit: limit + 1 })
  const refusals = await refusalsOf(reader, deps, asked)
  const { page, more } = merge(moments, refusals, limit)
  const events: Event[] = []
  const of = { ...asked, limit: SLOTS_OF_EVENT_LIMIT + 1 }
  for (const one of page)
    events.push(
      'id' in one
        ? { kind: 'refusal', refusal: one }
        : { kind: 'change', moment: one, turn: await turnAt(reader, of, one) },
    )
  const entries = await entriesAt(
    reader,
    page.filter((one): one is Moment => !('id' in one)),
  )
  const decisions = await decisionsById(
    reader,
    events.flatMap((event) => idsOf(event, entries)),
  )
  const last = {
    moment: page.findLast((one): one is Moment => !('id' in one)) ?? position.moment,
    refusal: page.findLast((one): one is Refusal => 'id' in one) ?? position.refusal,
  }
  return { events, entries, decisions, next: more ? toPosition(last) : undefined }
}

function idsOf(event: Event, entries: Found['entries']): string[] {
  if (event.kind === 'refusal') return [event.refusal.id]
  const id = decisionOf(event.turn, entries.get(event.moment))
  return id === undefined ? [] : [id]
}

function decisionOf({ began }: Turn, entry: ToldEntry | undefined): string | undefined {
  return entry?.decisionId ?? began[0]?.decisionId
}

function merge(
  moments: readonly Moment[],
  refusals: readonly Refusal[],
  limit: number,
): { readonly page: readonly (Moment | Refusal)[]; readonly more: boolean } {
  // Stable: each stream keeps its order, whatever shares a millisecond with the other.
  const all = [...moments, ...refusals].toSorted((a, b) =>
    'id' in a || 'id' in b ? b.atMs - a.atMs : newestFirst(a, b),
  )
  return { page: all.slice(0, limit), more: all.length > limit }
}

async function refusalsOf(
  reader: Reader,
  { place }: Pick<Deps, 'place'>,
  { functionName, alias, position, limit }: Asked,
): Promise<Refusal[]> {
  const arn = functionArn(place, functionName, alias)
  const before = position.refusal
  let query = reader
    .selectFrom('decision')
    .select(['id', 'at'])
    .where('outcome', '=', 'deny')
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
  query =
    alias === undefined
      ? query.where((is) =>
          is.or([
            is('resource', '=', arn),
            // `;` comes after `:`; no resource lies between but this one's qualifiers.
            is.and([is('resource', '>', `${arn}:`), is('resource', '<', `${arn};`)]),
          ]),
        )
      : query.where('resource', '=', arn)
  if (before !== undefined)
    query = query
      .where('at', '<=', before.atMs)
      .where((is) => is.or([is('at', '<', before.atMs), is('id', '<', before.id)]))
  return (await query.execute()).map(({ id, at }) => ({ id, atMs: at }))
}

type MayRead = ReturnType<typeof readsOf>

async function tellChange(
  mayRead: MayRead,
  { entries, decisions }: Found,
  event: Extract<Event, { kind: 'change' }> & { readonly functionName: string },
): Promise<TimelineEvent | undefined> {
  const { moment, turn, functionName } = event
  const all = slotsOf(turn)
  const slots: (typeof all)[number][] = []
  for (const slot of all)
    if (await mayRead([functionRef(functionName, slot.alias)])) slots.push(slot)
  if (slots.length === 0) return undefined
  const entry = entries.get(moment)
  const id = decisionOf(turn, entry)
  return {
    kind: 'change',
    ...moment,
    action: entry?.action ?? null,
    principal: entry?.principal ?? null,
    decision:
      id === undefined ? null : tellDecision(decisions, id, await mayRead(namedBy(decisions, id))),
    slots: slots.slice(0, SLOTS_OF_EVENT_LIMIT),
    more: all.length > SLOTS_OF_EVENT_LIMIT,
  }
}

type SlotTurn = Extract<TimelineEvent, { kind: 'change' }>['slots'][number]

/** What ended and what began in one slot at once are one change of it. */
function slotsOf({ ended, began }: Turn): SlotTurn[] {
  const turns = new Map<string, SlotTurn>()
  for (const { alias, slot, version, weight, release } of ended)
    turns.set(`${slot} ${alias}`, { alias, slot, from: { version, weight, release }, to: null })
  for (const { alias, slot, version, weight, release } of began) {
    const from = turns.get(`${slot} ${alias}`)?.from ?? null
    turns.set(`${slot} ${alias}`, { alias, slot, from, to: { version, weight, release } })
  }
  return [...turns.values()]
}

async function tellRefusal(
  mayRead: MayRead,
  { decisions }: Found,
  { refusal: { id, atMs } }: Extract<Event, { kind: 'refusal' }>,
): Promise<TimelineEvent> {
  const readable = await mayRead(namedBy(decisions, id))
  const checks = readable ? (decisions.get(id)?.decision.checks ?? []) : []
  const failed = checks.filter(({ status }) => status === 'failed').map(({ rule }) => rule)
  return {
    kind: 'refusal',
    atMs,
    decision: tellDecision(decisions, id, readable),
    failed: [...new Set(failed)],
  }
}

const NONE = -1

function toPosition({ moment, refusal }: Position): string {
  return toMarker(
    JSON.stringify([
      moment?.atMs ?? NONE,
      moment?.index ?? NONE,
      refusal?.atMs ?? NONE,
      refusal?.id ?? '',
    ]),
  )
}

/** @throws PlatformError INVALID_PARAMETER */
function readPosition(marker: string | undefined): Position {
  const [atMs, index, refusedAtMs, id] = readCells(marker, 'nnns') ?? [NONE, NONE, NONE, '']
  return {
    moment: atMs === NONE ? undefined : { atMs: Number(atMs), index: Number(index) },
    refusal: refusedAtMs === NONE ? undefined : { atMs: Number(refusedAtMs), id: String(id) },
  }
}
