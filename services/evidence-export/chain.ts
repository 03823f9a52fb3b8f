import { ledgerRows, pastLedgers, type LedgerRows } from '../audit/index.ts'
import { linkOf, placeOf, placed, type Link } from '../evidence/index.ts'
import { parseEntry, type LedgerEntry } from '../ledger/index.ts'
import { PlatformError, toIsoTime } from '../model/index.ts'
import type { PastLedgerTable, Reader } from '../store/index.ts'

/** Entries looked through in one statement: short enough not to be felt by other requests. */
const BATCH = 2_000

/** A ledger that entries are looked for in. */
export interface ChainedLedger {
  readonly epoch: number
  /** As it was ended; undefined for the one in force. */
  readonly ended: PastLedgerTable | undefined
  /** The place of its first entry. */
  readonly base: number
  /** Entries there were when the chain was read. */
  readonly size: number
  /** How it took over from the one before, and when; of the oldest one reached, before any time. */
  readonly link: Link | undefined
  readonly begunMs: number
}

export interface PlacedEntry {
  readonly body: string
  /** Its index is its place. */
  readonly entry: LedgerEntry
}

export interface RangeLine {
  readonly place: number
  readonly body: string
}

/**
 * The ledgers of this service, oldest first, as one: entries are named by their places, counted through. It reaches back as
 * far as each ledger's first entry quotes the one before and that one has entries.
 */
export class LedgerChain {
  readonly ledgers: readonly ChainedLedger[]
  readonly #reader: Reader
  /** When the oldest ledger reached took over from one that nothing can be proven of. */
  readonly cutMs: number | undefined

  private constructor(reader: Reader, ledgers: readonly ChainedLedger[], cutMs?: number) {
    this.#reader = reader
    this.ledgers = ledgers
    this.cutMs = cutMs
  }

  /** @throws PlatformError LEDGER_BROKEN where the ledger in force cannot be read */
  static async open(reader: Reader): Promise<LedgerChain> {
    const head = await reader.selectFrom('ledger_head').select('size').executeTakeFirst()
    const past = await pastLedgers(reader)
    const found: Omit<ChainedLedger, 'base'>[] = []
    let [epoch, size] = [(past.at(-1)?.epoch ?? 0) + 1, head?.size ?? 0]
    let ended: PastLedgerTable | undefined
    for (;;) {
      const first = await firstEntry(reader, ended)
      const link = first === undefined ? undefined : linkOf(first)
      const before = past.find((one) => one.epoch === epoch - 1)
      const reaches = link !== undefined && (await isQuoted(reader, before, link))
      const begunMs = reaches ? (first?.at ?? 0) : Number.NEGATIVE_INFINITY
      found.unshift({ epoch, ended, size, link: reaches ? link : undefined, begunMs })
      if (!reaches || before === undefined)
        return new LedgerChain(reader, withBases(found), epoch > 1 ? first?.at : undefined)
      ended = before
      epoch = before.epoch
      size = before.size
    }
  }

  get newest(): ChainedLedger {
    const newest = this.ledgers.at(-1)
    if (newest === undefined) throw new PlatformError('LEDGER_BROKEN', 'there is no ledger')
    return newest
  }

  /** Entries of all ledgers. */
  get size(): number {
    return this.newest.base + this.newest.size
  }

  /** The same, read otherwise: entries never change. */
  over(reader: Reader): LedgerChain {
    return new LedgerChain(reader, this.ledgers, this.cutMs)
  }

  /** Without those before an entry; what remains keeps its places. */
  ledgersFrom(place: number): readonly ChainedLedger[] {
    const oldest = this.#of(place)
    return this.ledgers.slice(this.ledgers.indexOf(oldest))
  }

  rowsOf({ ended }: Pick<ChainedLedger, 'ended'>): LedgerRows {
    return ledgerRows(this.#reader, ended?.epoch)
  }

  /** @throws PlatformError LEDGER_BROKEN */
  async entryAt(place: number): Promise<PlacedEntry> {
    const ledger = this.#of(place)
    const index = place - ledger.base
    const [row] = await this.rowsOf(ledger).entries(index, 1)
    const entry = row?.index === index ? parseEntry(row.body) : undefined
    const origin = ledger.ended?.origin
    const isOfIt = entry?.index === index && (origin === undefined || entry.origin === origin)
    if (row === undefined || entry === undefined || !isOfIt)
      throw new PlatformError(
        'LEDGER_BROKEN',
        `entry ${index} of ledger ${ledger.epoch} cannot be read`,
      )
    return { body: row.body, entry: placed(entry, ledger.base) }
  }

  /** The first entry of that time or later, `size` where there is none: times never go back, so that halving finds it. */
  async firstSince(atMs: number): Promise<number> {
    const ledger = this.ledgers.findLast(({ begunMs }) => begunMs <= atMs) ?? this.newest
    let [low, high] = [ledger.base, ledger.base + ledger.size]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((await this.entryAt(middle)).entry.at < atMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The first entry from `from` on whose bytes hold `text` (hex or an id: no pattern). */
  async firstHolding(text: string, from: number): Promise<number | undefined> {
    for (const ledger of this.ledgers) {
      const { base, size } = ledger
      for (let index = Math.max(from - base, 0); index < size; index += BATCH) {
        const end = Math.min(index + BATCH, size)
        const found = await this.rowsOf(ledger).firstHolding(text, { from: index, end })
        if (found !== undefined) return base + found
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return undefined
  }

  /** Entries in order; others are answered in between. */
  async *entriesBetween(range: {
    readonly from: number
    readonly end: number
  }): AsyncGenerator<RangeLine> {
    for (let place = range.from; place < range.end;) {
      const ledger = this.#of(place)
      const { base, ended } = ledger
      // The one in force may have gone on since.
      const behind = ended === undefined ? range.end : Math.min(range.end, base + ledger.size)
      const limit = Math.min(BATCH, behind - place)
      const rows = await this.rowsOf(ledger).entries(place - base, limit)
      if (rows.at(-1)?.index !== place - base + limit - 1)
        throw new PlatformError('LEDGER_BROKEN', `entries of ledger ${ledger.epoch} are missing`)
      for (const { index, body } of rows) yield { place: base + index, body }
      place += limit
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Where an entry stands that a row names by its time and its index. */
  placeOf(atMs: number, index: number): number {
    return placeOf(this.ledgers, atMs, index)
  }

  /** No entry says it. */
  unproven(what: string): PlatformError {
    return this.cutMs === undefined
      ? new PlatformError('LEDGER_BROKEN', `${what} is in no entry of the ledger as it stands`)
      : this.unreached(`${what}, which belongs to it, was last changed before it`)
  }

  /** What is wanted lies in a ledger that nothing can be proven of any more. */
  unreached(what: string): PlatformError {
    const { epoch } = this.ledgers[0] ?? this.newest
    return new PlatformError(
      'INVALID_PARAMETER',
      `evidence reaches back to ledger ${epoch}, which began at ${toIsoTime(this.cutMs ?? 0)} and before which nothing can be proven: ${what}`,
    )
  }

  #of(place: number): ChainedLedger {
    return this.ledgers.findLast(({ base }) => base <= place) ?? this.newest
  }
}

async function firstEntry(
  reader: Reader,
  ended: PastLedgerTable | undefined,
): Promise<LedgerEntry | undefined> {
  const [row] = await ledgerRows(reader, ended?.epoch).entries(0, 1)
  return row?.index === 0 ? parseEntry(row.body) : undefined
}

/** Whether a ledger that was ended is the one quoted, and is under the name that its entries have. */
async function isQuoted(
  reader: Reader,
  ended: PastLedgerTable | undefined,
  { previous, epoch }: Link,
): Promise<boolean> {
  if (ended === undefined || ended.size === 0 || epoch !== ended.epoch + 1) return false
  const same =
    previous.origin === ended.origin && previous.size === ended.size && previous.root === ended.root
  return same && (await firstEntry(reader, ended))?.origin === ended.origin
}

function withBases(found: readonly Omit<ChainedLedger, 'base'>[]): ChainedLedger[] {
  let base = 0
  return found.map((one) => {
    const ledger = { ...one, base }
    base += one.size
    return ledger
  })
}
