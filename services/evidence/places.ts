import type { Row } from '../ledger/index.ts'
import type { EvidenceHead, LedgerHead } from './head.ts'

/**
 * Entries of several ledgers are counted through, oldest ledger first: an entry's place is its own index and all that there
 * was before its ledger. In an archive of one ledger that is its index.
 */
export interface PlacedHead extends LedgerHead {
  /** Its number; undefined where the archive is of one ledger alone, and does not say it. */
  readonly epoch: number | undefined
  /** The place of its first entry. */
  readonly base: number
}

/** The ledgers of an archive, oldest first. */
export function placedHeads({ origin, size, range, earlier }: EvidenceHead): PlacedHead[] {
  const last = earlier.at(-1)
  const newest = { origin, size, range, epoch: last === undefined ? undefined : last.epoch + 1 }
  let base = 0
  return [...earlier, newest].map((one) => {
    const placed = { ...one, base }
    base += one.size
    return placed
  })
}

/** The places from the first one up to, without, `end`. */
export interface PlaceRange {
  readonly first: number
  readonly end: number
}

/** The range over all ledgers: of those before its beginning it is told to be behind, of those after its end in front. */
export function wholeRange({
  range,
  earlier,
}: Pick<EvidenceHead, 'range' | 'earlier'>): PlaceRange {
  const ranges = [...earlier.map((one) => one.range), range]
  return {
    first: ranges.reduce((all, { first }) => all + first, 0),
    end: ranges.reduce((all, { end }) => all + end, 0),
  }
}

/** Of a range what lies in one ledger, by its own indexes. */
export function rangeIn(
  { first, end }: PlaceRange,
  { base, size }: Pick<PlacedHead, 'base' | 'size'>,
): PlaceRange {
  const inside = (place: number): number => Math.min(Math.max(place - base, 0), size)
  return { first: inside(first), end: inside(end) }
}

/** Whether the ranges of the ledgers are one range without a gap. */
export function isOneRange(head: EvidenceHead): boolean {
  const whole = wholeRange(head)
  return placedHeads(head).every((ledger) => {
    const { first, end } = rangeIn(whole, ledger)
    return first === ledger.range.first && end === ledger.range.end
  })
}

/** Where an entry stands that a row names by its time and its index: times of a ledger come after those of the one before. */
export function placeOf(
  ledgers: readonly { readonly base: number; readonly begunMs: number }[],
  atMs: number,
  index: number,
): number {
  const ledger = ledgers.findLast(({ begunMs }) => begunMs <= atMs) ?? ledgers[0]
  return (ledger?.base ?? 0) + index
}

/** The place of the entry by which something went live, or ended; undefined where it did not. */
export function edgeOf(
  ledgers: Parameters<typeof placeOf>[0],
  row: Row,
  edge: 'from' | 'to',
): number | undefined {
  const [atMs, index] = [row[`${edge}_ms`], row[`${edge}_index`]]
  return typeof atMs === 'number' && typeof index === 'number'
    ? placeOf(ledgers, atMs, index)
    : undefined
}
