import assert from 'node:assert/strict'
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const COLOURS_LIMIT = 256

/** A picture of the browser (8 bit RGB or RGBA, not interlaced) with its most frequent colours alone: a third of the size. */
export function smallPng(png: Buffer): Buffer {
  const header = chunksOf(png, 'IHDR')
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const channels = header[9] === 6 ? 4 : 3
  assert(header[8] === 8 && (header[9] === 2 || header[9] === 6) && header[12] === 0)
  const pixels = unfiltered(inflateSync(chunksOf(png, 'IDAT')), width * channels, channels)
  const colours = Array.from({ length: width * height }, (_, at) =>
    pixels.readUIntBE(at * channels, 3),
  )
  const counts = new Map<number, number>()
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const palette = [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, COLOURS_LIMIT)
    .map(([colour]) => colour)
  const indexes = new Map(
    [...counts.keys()].map((colour) => [colour, palette.indexOf(nearest(colour, palette))]),
  )
  const rows = Buffer.alloc(height * (width + 1))
  for (const [at, colour] of colours.entries())
    rows[at + Math.floor(at / width) + 1] = indexes.get(colour) ?? 0
  const table = Buffer.alloc(palette.length * 3)
  for (const [at, colour] of palette.entries()) table.writeUIntBE(colour, at * 3, 3)
  header[9] = 3
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunksOf(png: Buffer, wanted: string): Buffer {
  const found: Buffer[] = []
  for (let at = SIGNATURE.length; at < png.length;) {
    const size = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === wanted)
      found.push(png.subarray(at + 8, at + 8 + size))
    at += size + 12
  }
  return Buffer.concat(found)
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  size.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([size, body, sum])
}

/** PNG's filters taken off, row by row. */
function unfiltered(data: Buffer, rowBytes: number, step: number): Buffer {
  const height = data.length / (rowBytes + 1)
  const out = Buffer.alloc(rowBytes * height)
  for (let y = 0; y < height; y += 1) {
    const filter = data[y * (rowBytes + 1)]
    for (let x = 0; x < rowBytes; x += 1) {
      const at = y * rowBytes + x
      const left = x >= step ? (out[at - step] ?? 0) : 0
      const up = y > 0 ? (out[at - rowBytes] ?? 0) : 0
      const corner = x >= step && y > 0 ? (out[at - rowBytes - step] ?? 0) : 0
      const byte = data[y * (rowBytes + 1) + 1 + x] ?? 0
      out[at] = byte + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0]!
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [left, up, corner].map((one) => Math.abs(guess - one)) as [
    number,
    number,
    number,
  ]
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}

function nearest(colour: number, palette: readonly number[]): number {
  const distance = (other: number): number =>
    [16, 8, 0].reduce(
      (sum, shift) => sum + (((colour >> shift) & 255) - ((other >> shift) & 255)) ** 2,
      0,
    )
  return palette.reduce((best, other) => (distance(other) < distance(best) ? other : best))
}
