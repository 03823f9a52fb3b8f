import {
  holdsTheSame,
  intervalsById,
  type HeldInterval,
  type Moment,
  type SlotKey,
} from '../../live/index.ts'
import { PlatformError, functionRef } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'
import { readsOf } from '../access/readable.ts'
import type { Caller, Deps } from '../context.ts'
import { decisionsById, type DecisionsById } from '../decisions.ts'
import {
  authorizeScope,
  refuseFuture,
  refuseUnknown,
  type HistoryPage,
  type HistoryScope,
} from './asked.ts'
import { entriesAt, type ToldEntries, type ToldEntry } from './entries.ts'
import { readSlotMarker, slotBudget, slotMarker, slotPage } from './slot-page.ts'
import {
  namedBy,
  tellDecision,
  tellInterval,
  type ToldDecision,
  type ToldInterval,
} from './told.ts'

export interface LiveDiffAsked extends HistoryScope, HistoryPage {
  readonly fromMs: number
  readonly toMs: number
}

/** A slot that holds something else at the second instant than at the first. */
export interface SlotDiff extends SlotKey {
  readonly kind: 'added' | 'removed' | 'changed'
  readonly before: ToldInterval | null
  readonly after: ToldInterval | null
  /** The change that left it so: the last between the two. Its decision is `null` where the service did it by itself. */
  readonly by: {
    readonly atMs: number
    readonly index: number
    readonly action: string | null
    readonly principal: ToldEntry['principal'] | null
    readonly decision: ToldDecision | null
  }
}

export interface LiveDiffAnswer {
  readonly fromMs: number
  readonly toMs: number
  readonly changes: readonly SlotDiff[]
  readonly nextMarker: string | undefined
}

/** Functions looked at for one page. */
const FUNCTIONS_LIMIT = 512

/**
 * What is live at `toMs` and was not at `fromMs`, or the other way round, or with another release or share; and by whose
 * decision. What changed and changed back is no difference.
 * @throws PlatformError INVALID_PARAMETER, ACCESS_DENIED, RESOURCE_NOT_FOUND
 */
export async function readLiveDiff(
  deps: Deps,
  caller: Caller,
  asked: LiveDiffAsked,
): Promise<LiveDiffAnswer> {
  const { fromMs, toMs } = asked
  refuseFuture('to', toMs, deps.clock.nowMs())
  if (toMs < fromMs)
    throw new PlatformError('INVALID_PARAMETER', '`to` lies before `from`: give the earlier first')
  await authorizeScope(deps, caller, asked)
  const after = readSlotMarker(asked.marker)
  const found = await deps.store.snapshot((reader) => find(reader, { ...asked, after }))
  const mayRead = readsOf(deps, caller)
  const changes: SlotDiff[] = []
  for (const pair of found.pairs) {
    if (!(await mayRead([functionRef(pair.functionName, pair.alias)]))) continue
    changes.push(await tell(mayRead, found, pair))
  }
  return { fromMs, toMs, changes, nextMarker: found.next && slotMarker(found.next) }
}

interface Pair extends SlotKey {
  readonly before: HeldInterval | undefined
  readonly after: HeldInterval | undefined
  /** Of the last change. */
  readonly last: Moment
}

interface Found {
  readonly pairs: readonly Pair[]
  readonly decisions: DecisionsById
  readonly entries: ToldEntries
  readonly next: SlotKey | undefined
}

type Asked = LiveDiffAsked & { readonly after: SlotKey | undefined }

async function find(reader: Reader, asked: Asked): Promise<Found> {
  if (asked.functionName !== undefined) await refuseUnknown(reader, asked.functionName)
  const { pairs, next } = await findPairs(reader, asked)
  const entries = await entriesAt(
    reader,
    pairs.map(({ last }) => last),
  )
  const decisions = await decisionsById(reader, [
    ...pairs.flatMap(({ before, after }) =>
      [before, after].flatMap((one) => one?.decisionId ?? []),
    ),
    ...[...entries.values()].flatMap(({ decisionId }) => decisionId ?? []),
  ])
  return { pairs, decisions, entries, next }
}

async function findPairs(reader: Reader, asked: Asked): Promise<Pick<Found, 'pairs' | 'next'>> {
  const pairs: Pair[] = []
  const budget = slotBudget()
  let { after } = asked
  const names = await changedFunctions(reader, asked)
  for (const functionName of names.changed) {
    const { slots, next } = await slotPage(
      reader,
      { functionName, alias: asked.alias, limit: asked.limit - pairs.length },
      {
        after: after?.functionName === functionName ? after : undefined,
        instantsMs: [asked.fromMs, asked.toMs],
        budget,
        isWanted: ({ held: [before, then] }) => before !== then,
      },
    )
    pairs.push(...(await pairsOf(reader, slots, asked)))
    if (next !== undefined) return { pairs, next }
    after = { functionName, ...LAST_SLOT }
    if (pairs.length >= asked.limit || budget.left <= 0) return { pairs, next: after }
  }
  const { lookedTo } = names
  const next = lookedTo === undefined ? undefined : { functionName: lookedTo, ...LAST_SLOT }
  return { pairs, next }
}

/** After every slot of a function: no alias is called so. */
const LAST_SLOT = { alias: '\u{10ffff}', slot: 'weighted' } as const

async function pairsOf(
  reader: Reader,
  slots: readonly (SlotKey & { readonly held: readonly (number | null)[] })[],
  { toMs }: Asked,
): Promise<Pair[]> {
  const intervals = await intervalsById(
    reader,
    slots.flatMap(({ held }) => held.flatMap((id) => id ?? [])),
  )
  const pairs: Pair[] = []
  for (const { functionName, alias, slot, held } of slots) {
    const [before, after] = held.map((id) => (id === null ? undefined : intervals.get(id)))
    if (before !== undefined && after !== undefined && holdsTheSame(before, after)) continue
    const last =
      after === undefined
        ? await lastEnd(reader, { functionName, alias, slot }, toMs)
        : { atMs: after.fromMs, index: after.fromIndex }
    pairs.push({ functionName, alias, slot, before, after, last })
  }
  return pairs
}

/** When what the slot held last ended. */
async function lastEnd(reader: Reader, key: SlotKey, byMs: number): Promise<Pair['last']> {
  const row = await reader
    .selectFrom('live_interval')
    .select(['to_ms', 'to_index'])
    .where('function_name', '=', key.functionName)
    .where('alias', '=', key.alias)
    .where('slot', '=', key.slot)
    .where('from_ms', '<=', byMs)
    .orderBy('from_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  return { atMs: row.to_ms ?? 0, index: row.to_index ?? 0 }
}

/** Functions of which something began or ended between the two, by name; `lookedTo` where there may be more of them. */
async function changedFunctions(
  reader: Reader,
  { functionName, after, fromMs, toMs }: Asked,
): Promise<{ readonly changed: readonly string[]; readonly lookedTo: string | undefined }> {
  let names = reader
    .selectFrom('function_name')
    .select('name')
    .orderBy('name')
    .limit(FUNCTIONS_LIMIT)
  if (functionName !== undefined) names = names.where('name', '=', functionName)
  else if (after !== undefined) names = names.where('name', '>=', after.functionName)
  const rows = await names
    .select((is) => {
      const edge = (ms: 'from_ms' | 'to_ms') =>
        is.exists(
          is
            .selectFrom('live_interval')
            .select('id')
            .whereRef('live_interval.function_name', '=', 'function_name.name')
            .where(ms, '>', fromMs)
            .where(ms, '<=', toMs),
        )
      return is.or([edge('from_ms'), edge('to_ms')]).as('changed')
    })
    .execute()
  const lookedTo = rows.length === FUNCTIONS_LIMIT ? rows.at(-1)?.name : undefined
  return {
    changed: rows.filter(({ changed }) => Boolean(changed)).map(({ name }) => name),
    lookedTo,
  }
}

async function tell(
  mayRead: ReturnType<typeof readsOf>,
  { decisions, entries }: Found,
  pair: Pair,
): Promise<SlotDiff> {
  const { functionName, alias, slot, before, after, last } = pair
  const told = async (held: HeldInterval | undefined): Promise<ToldInterval | null> => {
    if (held === undefined) return null
    return tellInterval(decisions, held, await mayRead(namedBy(decisions, held.decisionId)))
  }
  const entry = entries.get(last)
  const id = entry?.decisionId ?? null
  return {
    functionName,
    alias,
    slot,
    kind: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    before: await told(before),
    after: await told(after),
    by: {
      ...last,
      action: entry?.action ?? null,
      principal: entry?.principal ?? null,
      decision:
        id === null ? null : tellDecision(decisions, id, await mayRead(namedBy(decisions, id))),
    },
  }
}
