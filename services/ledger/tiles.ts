import type { Hash } from './merkle.ts'

/** C2SP tlog-tiles: hashes of a full tile, and entries of a full bundle. */
export const TILE_WIDTH = 256
export const TILE_HEIGHT = 8
/** Levels of tiles that a tree of 2^53 leaves can have. */
const TILE_LEVELS_LIMIT = 7

export interface HashTile {
  readonly kind: 'hashes'
  readonly level: number
  readonly index: number
  readonly width: number
}

export interface EntryBundle {
  readonly kind: 'entries'
  readonly index: number
  readonly width: number
}

export type TilePlace = HashTile | EntryBundle

/** Where the hashes and bodies of a tile come from: all that is asked for, or undefined. */
export interface TileRows {
  hashes(range: {
    readonly level: number
    readonly first: number
    readonly count: number
  }): Promise<readonly Hash[] | undefined>
  bodies(first: number, count: number): Promise<readonly string[] | undefined>
}

/**
 * What stands after `tile/`: `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]` with N in groups of three digits
 * (`x001/234`), in its one form; undefined for anything else.
 */
export function parseTilePath(path: string): TilePlace | undefined {
  const match = /^(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(
    path,
  )
  const [, kind = '', groups = '', partial] = match ?? []
  const index = Number(groups.replaceAll(/[x/]/g, ''))
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  const sound =
    match !== null &&
    formatIndex(index) === groups &&
    width >= 1 &&
    (partial === undefined || (String(width) === partial && width < TILE_WIDTH))
  if (!sound) return undefined
  if (kind === 'entries') return { kind: 'entries', index, width }
  const level = Number(kind)
  if (String(level) !== kind || level >= TILE_LEVELS_LIMIT) return undefined
  return { kind: 'hashes', level, index, width }
}

/** Groups of three digits, all but the last behind an x. */
function formatIndex(index: number): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  return padded.replaceAll(/.{3}(?!$)/g, 'x$&/')
}

/** The bytes of a tile that lies within the signed tree of `size` leaves; undefined where it does not. */
export async function cutTile(
  rows: TileRows,
  place: TilePlace,
  size: number,
): Promise<Buffer | undefined> {
  const first = place.index * TILE_WIDTH
  if (place.kind === 'entries') {
    if (first + place.width > size) return undefined
    const bodies = await rows.bodies(first, place.width)
    return bodies && Buffer.concat(bodies.map(lengthPrefixed))
  }
  const level = place.level * TILE_HEIGHT
  if ((first + place.width) * 2 ** level > size) return undefined
  const hashes = await rows.hashes({ level, first, count: place.width })
  return hashes && Buffer.concat(hashes.map((hash) => Buffer.from(hash, 'hex')))
}

function lengthPrefixed(body: string): Buffer {
  const bytes = Buffer.from(body)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}
