import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'

import {
  cutTile,
  leafHash,
  parseTilePath,
  type TilePlace,
  type TileRows,
} from '../../../services/ledger/index.ts'

describe('the path of a tile', () => {
  it.each<[string, TilePlace]>([
    ['0/000', { kind: 'hashes', level: 0, index: 0, width: 256 }],
    ['6/007', { kind: 'hashes', level: 6, index: 7, width: 256 }],
    ['0/x001/x234/067', { kind: 'hashes', level: 0, index: 1_234_067, width: 256 }],
    ['1/x001/000', { kind: 'hashes', level: 1, index: 1000, width: 256 }],
    ['2/999.p/1', { kind: 'hashes', level: 2, index: 999, width: 1 }],
    ['0/000.p/255', { kind: 'hashes', level: 0, index: 0, width: 255 }],
    ['entries/000', { kind: 'entries', index: 0, width: 256 }],
    ['entries/x001/x234/067.p/8', { kind: 'entries', index: 1_234_067, width: 8 }],
    ['entries/x035/x184/x372/x088/831', { kind: 'entries', index: 35_184_372_088_831, width: 256 }],
  ])('%s is read as C2SP tlog-tiles has it', (path, place) => {
    expect(parseTilePath(path)).toEqual(place)
  })

  it.each([
    ['nothing', ''],
    ['no index', '0/'],
    ['no level', '/000'],
    ['another kind', 'data/000'],
    ['something in front', 'x0/000'],
    ['something in front of entries', '/entries/000'],
    ['something behind', '0/000/'],
    ['something behind a partial tile', '0/000.p/5/'],
    ['a level with a leading zero', '00/000'],
    ['a level above the tree', '7/000'],
    ['a level far above the tree', '63/000'],
    ['a level of three digits', '100/000'],
    ['a negative level', '-1/000'],
    ['an index of two digits', '0/00'],
    ['an index of four digits', '0/0000'],
    ['a first group of zeroes', '0/x000/001'],
    ['a group without its x', '0/001/234'],
    ['an x before the last group', '0/x001/x234'],
    ['a group of two digits', '0/x01/234'],
    ['an index that is no number', '0/abc'],
    ['an index beyond exact numbers', 'entries/x999/x999/x999/x999/x999/999'],
    ['a group too many', 'entries/x001/x000/x000/x000/x000/x000/000'],
    ['no width', '0/000.p/'],
    ['no width behind the point', '0/000.p'],
    ['a width of nothing', '0/000.p/0'],
    ['a width with a leading zero', '0/000.p/05'],
    ['the width of a full tile', '0/000.p/256'],
    ['a width beyond a tile', 'entries/000.p/999'],
    ['a width of four digits', '0/000.p/1000'],
    ['another letter for the partial', '0/000.q/5'],
  ])('is none with %s', (_, path) => {
    expect(parseTilePath(path)).toBeUndefined()
  })
})

/** Rows that are there without end, and what was asked of them. */
function endlessRows() {
  const asked: object[] = []
  const rows: TileRows = {
    hashes: (range) => {
      asked.push(range)
      const { level, first, count } = range
      return Promise.resolve(Array.from({ length: count }, (_, at) => nodeAt(level, first + at)))
    },
    bodies: (first, count) => {
      asked.push({ first, count })
      return Promise.resolve(Array.from({ length: count }, (_, at) => bodyAt(first + at)))
    },
  }
  return { rows, asked }
}
const nodeAt = (level: number, index: number): string => leafHash(`${level}/${index}`)
const bodyAt = (index: number): string => `entry ${index} é`

const absentRows: TileRows = {
  hashes: () => Promise.resolve(undefined),
  bodies: () => Promise.resolve(undefined),
}

describe('cutting a tile', () => {
  it('puts the hashes of a tile one behind the other', async () => {
    const { rows, asked } = endlessRows()

    const tile = await cutTile(rows, { kind: 'hashes', level: 1, index: 2, width: 3 }, 515 * 256)

    const expected = [512, 513, 514].map((at) => nodeAt(8, at)).join('')
    expect(tile?.toString('hex')).toBe(expected)
    expect(asked).toEqual([{ level: 8, first: 512, count: 3 }])
  })

  it('puts the length of each entry, two bytes, before it', async () => {
    const { rows, asked } = endlessRows()

    const tile = await cutTile(rows, { kind: 'entries', index: 1, width: 2 }, 258)

    expect(tile).toEqual(Buffer.from('\0\u000centry 256 é\0\u000centry 257 é'))
    expect(asked).toEqual([{ first: 256, count: 2 }])
  })

  it('holds an entry as long as two bytes can say', async () => {
    const body = 'x'.repeat(65_535)
    const rows = { ...absentRows, bodies: () => Promise.resolve([body]) }

    const tile = await cutTile(rows, { kind: 'entries', index: 0, width: 1 }, 1)

    expect(tile?.subarray(0, 2).toString('hex')).toBe('ffff')
    expect(createHash('sha256').update(tile!.subarray(2)).digest('hex')).toBe(
      createHash('sha256').update(body).digest('hex'),
    )
  })

  it.each<[string, TilePlace, number]>([
    ['the first tile', { kind: 'hashes', level: 0, index: 0, width: 256 }, 256],
    ['a partial tile', { kind: 'hashes', level: 0, index: 1, width: 7 }, 263],
    ['a tile of the second level', { kind: 'hashes', level: 1, index: 0, width: 2 }, 512],
    ['a tile of the third level', { kind: 'hashes', level: 2, index: 0, width: 1 }, 65_536],
    ['a bundle of entries', { kind: 'entries', index: 2, width: 256 }, 768],
    ['a partial bundle', { kind: 'entries', index: 0, width: 1 }, 1],
  ])(
    'gives %s from the size on that holds all of it, and nothing before',
    async (_, place, size) => {
      const { rows, asked } = endlessRows()

      expect(await cutTile(rows, place, size - 1)).toBeUndefined()
      expect(asked).toEqual([])
      expect(await cutTile(rows, place, size)).toBeInstanceOf(Buffer)
      expect(asked).toHaveLength(1)
    },
  )

  it.each<TilePlace>([
    { kind: 'hashes', level: 0, index: 0, width: 1 },
    { kind: 'entries', index: 0, width: 1 },
  ])('gives nothing where the rows are gone: %j', async (place) => {
    expect(await cutTile(absentRows, place, 1)).toBeUndefined()
  })
})
