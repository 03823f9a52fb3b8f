import { sql, type RawBuilder } from 'kysely'

import type { Reader } from '../store/index.ts'

/** What an interval is of: one slot of an alias, a version or `$LATEST`. */
export interface SlotKey {
  readonly functionName: string
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
}

/** A slot with the ids of the intervals that hold at the instants asked for; `null` where none does. */
export interface SlotThen extends SlotKey {
  readonly held: readonly (number | null)[]
}

export interface SlotsAsked {
  /** Of this function alone. */
  readonly functionName?: string | undefined
  /** Of this alias (or version, or `$LATEST`) of it alone. */
  readonly alias?: string | undefined
  /** In order, after this one. */
  readonly after?: SlotKey | undefined
  /** Slots looked at, live then or not. */
  readonly limit: number
}

/**
 * Slots in the order of their names, and what each held at some instants. From slot to slot, and in a slot to the interval
 * that began last before an instant, it goes by the index: the cost is that of the slots looked at, however long their
 * history. Intervals of one slot do not overlap, so that no other interval can hold then.
 */
export async function slotsThen(
  reader: Reader,
  instantsMs: readonly number[],
  asked: SlotsAsked,
): Promise<SlotThen[]> {
  const held = instantsMs.map(
    (atMs, at) => sql`(
    select case when h.to_ms is null or h.to_ms > ${atMs} then h.id end from live_interval h
    where h.function_name = k.function_name and h.alias = k.alias and h.slot = k.slot and h.from_ms <= ${atMs}
    order by h.from_ms desc, h.id desc limit 1) as ${sql.ref(`held_${at}`)}`,
  )
  const { functionName = '', alias = '', after } = asked
  const first = after ?? { functionName, alias, slot: '' }
  const { rows } = await sql<Row>`
    with recursive slot_key (n, function_name, alias, slot) as (
      select 1, i.function_name, i.alias, i.slot from live_interval i
      where i.id = ${nextSlot(asked, { owner: sql`${first.functionName}`, alias: sql`${first.alias}`, slot: sql`${first.slot}` })}
      union all
      select k.n + 1, i.function_name, i.alias, i.slot from slot_key k join live_interval i
      on i.id = ${nextSlot(asked, { owner: sql`k.function_name`, alias: sql`k.alias`, slot: sql`k.slot` })}
      where k.n < ${asked.limit}
    )
    select k.function_name, k.alias, k.slot, ${sql.join(held)} from slot_key k order by k.n`.execute(
    reader,
  )
  return rows.map((row) => ({
    functionName: String(row['function_name']),
    alias: String(row['alias']),
    slot: row['slot'] === 'weighted' ? 'weighted' : 'primary',
    held: instantsMs.map((_, at) => (row[`held_${at}`] ?? null) as number | null),
  }))
}

type Row = Readonly<Record<string, string | number | null>>
type Columns = Readonly<Record<'owner' | 'alias' | 'slot', RawBuilder<unknown>>>

/**
 * The id of an interval of the slot that comes next: in the alias, else in the next alias, else in the next function. One
 * comparison of all three would find it, too; SQLite reads through the whole history of the slot for it.
 */
function nextSlot(asked: SlotsAsked, from: Columns): RawBuilder<unknown> {
  const { owner, alias, slot } = from
  const steps = [sql`x.function_name = ${owner} and x.alias = ${alias} and x.slot > ${slot}`]
  if (asked.alias === undefined) {
    steps.push(sql`x.function_name = ${owner} and x.alias > ${alias}`)
    if (asked.functionName === undefined) steps.push(sql`x.function_name > ${owner}`)
  }
  const found = steps.map(
    (step) => sql`(select x.id from live_interval x where ${step}
      order by x.function_name, x.alias, x.slot limit 1)`,
  )
  return found.length === 1 ? sql.join(found) : sql`coalesce(${sql.join(found)})`
}
