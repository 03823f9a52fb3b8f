import { slotsThen, type SlotKey, type SlotThen } from '../../live/index.ts'
import type { Reader } from '../../store/index.ts'
import { toMarker } from '../page.ts'
import { readCells, type HistoryPage, type HistoryScope } from './asked.ts'

/** Slots looked at for one page, live then or not: what bounds a page whatever the history. */
const SLOTS_LIMIT = 1_024
const SLOTS_AT_ONCE = 256

/** What is left of a page's work. */
export interface SlotBudget {
  left: number
}

export function slotBudget(): SlotBudget {
  return { left: SLOTS_LIMIT }
}

export interface SlotPage {
  readonly slots: readonly SlotThen[]
  /** The last one looked at; `undefined` at the end. A page may hold fewer than were asked for. */
  readonly next: SlotKey | undefined
}

export interface SlotSearch {
  readonly after: SlotKey | undefined
  readonly instantsMs: readonly number[]
  readonly budget: SlotBudget
  readonly isWanted: (slot: SlotThen) => boolean
}

/** Slots in order, those wanted, until there are enough or enough were looked at. */
export async function slotPage(
  reader: Reader,
  { functionName, alias, limit }: HistoryScope & Pick<HistoryPage, 'limit'>,
  { instantsMs, budget, isWanted, ...from }: SlotSearch,
): Promise<SlotPage> {
  const wanted: SlotThen[] = []
  let { after } = from
  // As many as may be enough; more at once where most of them are not wanted.
  for (let size = limit + 1; budget.left > 0; size *= 2) {
    const most = Math.min(size, SLOTS_AT_ONCE, budget.left)
    const asked = { functionName, alias, after, limit: most }
    const slots = await slotsThen(reader, instantsMs, asked)
    budget.left -= slots.length
    for (const slot of slots) {
      after = slot
      if (isWanted(slot)) wanted.push(slot)
      if (wanted.length === limit) return { slots: wanted, next: slot }
    }
    if (slots.length < asked.limit) return { slots: wanted, next: undefined }
  }
  return { slots: wanted, next: after }
}

export function slotMarker({ functionName, alias, slot }: SlotKey): string {
  return toMarker(JSON.stringify([functionName, alias, slot]))
}

/** @throws PlatformError INVALID_PARAMETER */
export function readSlotMarker(marker: string | undefined): SlotKey | undefined {
  const cells = readCells(marker, 'sss')
  if (cells === undefined) return undefined
  const [functionName, alias, slot] = cells.map(String)
  return {
    functionName: functionName ?? '',
    alias: alias ?? '',
    slot: slot === 'weighted' ? 'weighted' : 'primary',
  }
}

export function bySlot(a: SlotKey, b: SlotKey): number {
  return (
    compare(a.functionName, b.functionName) || compare(a.alias, b.alias) || compare(a.slot, b.slot)
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
