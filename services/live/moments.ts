import type { Reader } from '../store/index.ts'
import { toHeldInterval, type HeldInterval } from './held.ts'

/** When something of a function's live set changed, as its ledger entry says. */
export interface Moment {
  readonly atMs: number
  /** Of the ledger entry. */
  readonly index: number
}

export interface MomentsAsked {
  readonly functionName: string
  /** One alias, version or `$LATEST` alone. */
  readonly alias?: string | undefined
  /** Those before this one. */
  readonly before?: Moment | undefined
  readonly limit: number
}

/** When intervals of a function began or ended, newest first. */
export async function momentsOf(reader: Reader, asked: MomentsAsked): Promise<Moment[]> {
  const found =
    asked.alias === undefined
      ? [...(await edges(reader, asked, 'from')), ...(await edges(reader, asked, 'to'))]
      : [
          ...(await edgesOfSlot(reader, { ...asked, alias: asked.alias }, 'primary')),
          ...(await edgesOfSlot(reader, { ...asked, alias: asked.alias }, 'weighted')),
        ]
  const unique = new Map(found.map((moment) => [`${moment.atMs} ${moment.index}`, moment]))
  return [...unique.values()].toSorted(newestFirst).slice(0, asked.limit)
}

export function newestFirst(a: Moment, b: Moment): number {
  return b.atMs - a.atMs || b.index - a.index
}

async function edges(reader: Reader, asked: MomentsAsked, edge: 'from' | 'to'): Promise<Moment[]> {
  const [ms, index] = [`${edge}_ms`, `${edge}_index`] as const
  const { before } = asked
  let query = reader
    .selectFrom('live_interval')
    .select([`${ms} as at`, `${index} as index`])
    .distinct()
    .where('function_name', '=', asked.functionName)
    .where(ms, 'is not', null)
    .orderBy(ms, 'desc')
    .orderBy(index, 'desc')
    .limit(asked.limit)
  if (before !== undefined)
    query = query
      .where(ms, '<=', before.atMs)
      .where((is) => is.or([is(ms, '<', before.atMs), is(index, '<', before.index)]))
  return (await query.execute()).map(({ at, index: of }) => ({ atMs: at ?? 0, index: of ?? 0 }))
}

/** Intervals of one slot follow each other: those that began last have the last ends, too, but for one that goes on. */
async function edgesOfSlot(
  reader: Reader,
  asked: MomentsAsked & { readonly alias: string },
  slot: HeldInterval['slot'],
): Promise<Moment[]> {
  const { before } = asked
  let query = reader
    .selectFrom('live_interval')
    .select(['from_ms', 'from_index', 'to_ms', 'to_index'])
    .where('function_name', '=', asked.functionName)
    .where('alias', '=', asked.alias)
    .where('slot', '=', slot)
    .orderBy('from_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(asked.limit + 1)
  if (before !== undefined)
    query = query
      .where('from_ms', '<=', before.atMs)
      .where((is) => is.or([is('from_ms', '<', before.atMs), is('from_index', '<', before.index)]))
  return (await query.execute())
    .flatMap((row) => [
      { atMs: row.from_ms, index: row.from_index },
      ...(row.to_ms === null ? [] : [{ atMs: row.to_ms, index: row.to_index ?? 0 }]),
    ])
    .filter((moment) => before === undefined || newestFirst(before, moment) < 0)
}

/** What ended and what began at one moment, of one function (or one alias of it). */
export interface Turn {
  readonly ended: readonly HeldInterval[]
  readonly began: readonly HeldInterval[]
}

/** At most `limit` of each: a function's end is that of all its versions. */
export async function turnAt(
  reader: Reader,
  of: Pick<MomentsAsked, 'functionName' | 'alias' | 'limit'>,
  moment: Moment,
): Promise<Turn> {
  const read = async (edge: 'from' | 'to'): Promise<HeldInterval[]> => {
    let query = reader
      .selectFrom('live_interval')
      .selectAll()
      .where('function_name', '=', of.functionName)
      .where(`${edge}_ms`, '=', moment.atMs)
      .where(`${edge}_index`, '=', moment.index)
      .orderBy('id')
      .limit(of.limit)
    if (of.alias !== undefined) query = query.where('alias', '=', of.alias)
    return (await query.execute()).map(toHeldInterval)
  }
  return { ended: await read('to'), began: await read('from') }
}
