import { sql, type RawBuilder } from 'kysely'

import {
  TILE_HEIGHT,
  TILE_WIDTH,
  subtreeHash,
  EMPTY_ROOT,
  type Hash,
  type NodeReader,
  type TileRows,
} from '../ledger/index.ts'
import { PlatformError, limits } from '../model/index.ts'
import type { LedgerEntryTable, Reader } from '../store/index.ts'
import { openTileNodes } from './tile-nodes.ts'

export interface NodeRange {
  readonly level: number
  /** Both included. */
  readonly first: number
  readonly last: number
}

export interface KeptNode {
  readonly index: number
  readonly hash: Hash
}

/** The rows of one ledger: of the one in force, or of one that was ended. */
export interface LedgerRows {
  /** From an index on, in order. Of a body that is larger than an entry can be, as much as shows that. */
  entries(from: number, limit: number): Promise<LedgerEntryTable[]>
  /** Those that are there, in order; in the tile that is not full yet, they follow from the leaves. */
  nodes(range: NodeRange): Promise<KeptNode[]>
  /** As far as there is a row. */
  keptNodes(range: NodeRange): Promise<KeptNode[]>
  countNodes(): Promise<number>
  /** The first entry from `from` on and before `end` whose bytes hold `text` (hex or an id: no pattern). */
  firstHolding(
    text: string,
    range: { readonly from: number; readonly end: number },
  ): Promise<number | undefined>
  /** The newest one of them that others cosigned, of a ledger that was ended; for the one in force see its cosignatures. */
  cosigned(below: number): Promise<KeptCheckpoint | undefined>
  /** Those of sizes from `first` to `end`, both included, the last one before them, and those of the sizes named. */
  checkpointsAbout(wanted: {
    readonly first: number
    readonly end: number
    readonly sizes: readonly number[]
    /** None as large as this. */
    readonly below: number
  }): Promise<KeptCheckpoint[]>
  /** By size; the newest `limit` of them, or all. */
  checkpoints(limit?: number): Promise<KeptCheckpoint[]>
  /** That of a size, or the newest. */
  checkpoint(size?: number): Promise<KeptCheckpoint | undefined>
}

export interface KeptCheckpoint {
  readonly size: number
  /** The signed note. */
  readonly note: string
}

/** Where they lie. */
interface Rows {
  readonly table: (name: string) => RawBuilder<unknown>
  readonly epoch: RawBuilder<unknown>
}

function rowsOf(past: number | undefined): Rows {
  return {
    table: (name) => sql.table(past === undefined ? name : `past_${name}`),
    epoch: past === undefined ? sql`1 = 1` : sql`epoch = ${past}`,
  }
}

/** `past` is the number of a ledger that was ended; left out, it is the one in force. */
export function ledgerRows(reader: Reader, past?: number): LedgerRows {
  const { table, epoch } = rowsOf(past)
  return {
    ...checkpointRows(reader, { table, epoch }),
    async entries(from, limit) {
      const { rows } = await sql<LedgerEntryTable>`select "index", leaf_hash,
        substr(body, 1, ${limits.LEDGER_ENTRY_LIMIT_BYTES + 1}) as body from ${table('ledger_entry')} where ${epoch} and "index" >= ${from}
        order by "index" limit ${limit}`.execute(reader)
      return rows
    },
    async nodes(range) {
      const kept = await this.keptNodes(range)
      const { level, first, last } = range
      if (kept.length > last - first || level >= TILE_HEIGHT) return kept
      const tile = Math.floor((last * 2 ** level) / TILE_WIDTH)
      const { rows } = await sql<{ index: number; leaf_hash: Hash }>`select "index", leaf_hash
        from ${table('ledger_entry')} where ${epoch} and "index" >= ${tile * TILE_WIDTH}
        order by "index" limit ${TILE_WIDTH}`.execute(reader)
      const known = new Set(kept.map(({ index }) => index))
      const follow = openTileNodes(level, rows).filter(
        ({ index }) => index >= first && index <= last && !known.has(index),
      )
      return [...kept, ...follow].toSorted((a, b) => a.index - b.index)
    },
    async keptNodes({ level, first, last }) {
      const { rows } = await sql<KeptNode>`select "index", hash
        from ${table('ledger_node')} where ${epoch} and level = ${level}
        and "index" >= ${first} and "index" <= ${last} order by "index"`.execute(reader)
      return rows
    },
    async countNodes() {
      const { rows } = await sql<{ count: number }>`select count(*) as count
        from ${table('ledger_node')} where ${epoch}`.execute(reader)
      return Number(rows[0]?.count)
    },
    async firstHolding(text, { from, end }) {
      const { rows } = await sql<{ index: number }>`select "index" from ${table('ledger_entry')}
        where ${epoch} and "index" >= ${from} and "index" < ${end} and body like ${`%${text}%`}
        order by "index" limit 1`.execute(reader)
      return rows[0]?.index
    },
  }
}

function checkpointRows(
  reader: Reader,
  { table, epoch }: Rows,
): Pick<LedgerRows, 'cosigned' | 'checkpointsAbout' | 'checkpoints' | 'checkpoint'> {
  return {
    async cosigned(below) {
      const { rows } = await sql<KeptCheckpoint>`select size, note
        from ${table('ledger_checkpoint')} where ${epoch} and size < ${below}
        and note like ${'%\n— %\n— %'} order by size desc limit 1`.execute(reader)
      return rows[0]
    },
    async checkpointsAbout({ first, end, sizes, below }) {
      const of = table('ledger_checkpoint')
      const { rows } = await sql<KeptCheckpoint>`select size, note from ${of}
        where ${epoch} and size < ${below} and ((size >= ${first} and size <= ${end})
          or size in (${sql.join([...sizes, -1])})
          or size = (select max(size) from ${of} where ${epoch} and size < ${first}))
        order by size`.execute(reader)
      return rows
    },
    async checkpoints(limit) {
      const { rows } = await sql<KeptCheckpoint>`select size, note
        from ${table('ledger_checkpoint')} where ${epoch} order by size desc
        ${limit === undefined ? sql`` : sql`limit ${limit}`}`.execute(reader)
      return rows.toReversed()
    },
    async checkpoint(size) {
      const wanted = size === undefined ? sql`1 = 1` : sql`size = ${size}`
      const { rows } = await sql<KeptCheckpoint>`select size, note
        from ${table('ledger_checkpoint')} where ${epoch} and ${wanted}
        order by size desc limit 1`.execute(reader)
      return rows[0]
    },
  }
}

/** Complete subtrees out of the rows. @throws PlatformError LEDGER_BROKEN */
export function nodeReaderOf(rows: LedgerRows): NodeReader {
  return async (level, index) => {
    const [row] = await rows.nodes({ level, first: index, last: index })
    if (row !== undefined) return row.hash
    throw new PlatformError('LEDGER_BROKEN', `node ${index} of level ${level} is not there`)
  }
}

/** The root of the first `size` entries, out of the tree's nodes. @throws PlatformError LEDGER_BROKEN */
export async function rootOfRows(rows: LedgerRows, size: number): Promise<Hash> {
  if (size === 0) return EMPTY_ROOT
  return await subtreeHash(nodeReaderOf(rows), { start: 0, end: size })
}

/** What tiles are cut from. */
export function tileRowsOf(rows: LedgerRows): TileRows {
  return {
    async hashes({ level, first, count }) {
      const found = await rows.nodes({ level, first, last: first + count - 1 })
      return found.length === count ? found.map(({ hash }) => hash) : undefined
    },
    async bodies(first, count) {
      const found = await rows.entries(first, count)
      const whole = found.length === count && found.at(-1)?.index === first + count - 1
      return whole ? found.map(({ body }) => body) : undefined
    },
  }
}
