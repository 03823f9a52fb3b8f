import type { Seeded } from '../seeded.ts'

/** Where arithmetic and tables end. */
const NUMBERS = [0, 1, 2, 4, 7, 8, 16, 31, 32, 64, 100, 127, 128, 255, 256, 0x7fff, 0x8000, 0xfffe]
const LARGE = [0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const SPAN_LIMIT_BYTES = 64
/** Beyond this a mutant is cut: more of the same finds nothing new. */
const MUTANT_LIMIT_BYTES = 1_048_576

type Change = (bytes: Buffer, chance: Seeded, others: readonly Buffer[]) => Buffer

/** One to four changes that know nothing of what the bytes mean. */
export function mutateBytes(
  input: Buffer,
  chance: Seeded,
  others: readonly Buffer[] = [input],
): Buffer {
  let bytes = input
  for (let left = chance.integer(1, 4); left > 0; left -= 1)
    bytes = chance.pick(CHANGES)(bytes, chance, others)
  return bytes.subarray(0, MUTANT_LIMIT_BYTES)
}

export function randomBytes(chance: Seeded, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => chance.integer(0, 255)))
}

/** A number that lies where something may go wrong: near this one, or at an end. */
export function oddNumber(near: number, chance: Seeded): number {
  const offset = chance.pick([-2, -1, 1, 2, 16, 256])
  const found = chance.integer(0, 1) === 0 ? near + offset : chance.pick([...NUMBERS, ...LARGE])
  return Math.min(Math.max(found, 0), 0xffffffff)
}

const CHANGES: readonly Change[] = [
  function flipBit(input, chance) {
    return written(input, chance, 1, (bytes, at) =>
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << chance.integer(0, 7)), at),
    )
  },
  function setByte(input, chance) {
    return written(input, chance, 1, (bytes, at) => bytes.writeUInt8(chance.integer(0, 255), at))
  },
  function set16(input, chance) {
    return written(input, chance, 2, (bytes, at) => {
      const value = oddNumber(bytes.readUInt16LE(at), chance) % 0x10000
      if (chance.integer(0, 1) === 0) bytes.writeUInt16LE(value, at)
      else bytes.writeUInt16BE(value, at)
    })
  },
  function set32(input, chance) {
    return written(input, chance, 4, (bytes, at) =>
      bytes.writeUInt32LE(oddNumber(bytes.readUInt32LE(at), chance), at),
    )
  },
  function insert(input, chance) {
    const at = chance.integer(0, input.length)
    const piece = randomBytes(chance, chance.integer(1, 8))
    return Buffer.concat([input.subarray(0, at), piece, input.subarray(at)])
  },
  function remove(input, chance) {
    const [start, end] = span(input, chance)
    return Buffer.concat([input.subarray(0, start), input.subarray(end)])
  },
  function repeat(input, chance) {
    const [start, end] = span(input, chance)
    const times = chance.pick([1, 1, 1, 2, 8, 64])
    const piece = Array<Buffer>(times).fill(input.subarray(start, end))
    return Buffer.concat([input.subarray(0, end), ...piece, input.subarray(end)])
  },
  function takeOver(input, chance, others) {
    const other = chance.pick(others)
    const [start, end] = span(other, chance)
    const at = chance.integer(0, input.length)
    const kept = input.subarray(chance.integer(0, 1) === 0 ? at : at + end - start)
    return Buffer.concat([input.subarray(0, at), other.subarray(start, end), kept])
  },
  function truncate(input, chance) {
    return input.subarray(0, chance.integer(0, input.length))
  },
]

function written(
  input: Buffer,
  chance: Seeded,
  width: number,
  write: (bytes: Buffer, at: number) => unknown,
): Buffer {
  if (input.length < width) return Buffer.from([...input, 0])
  const bytes = Buffer.from(input)
  write(bytes, chance.integer(0, bytes.length - width))
  return bytes
}

function span(bytes: Buffer, chance: Seeded): [start: number, end: number] {
  const start = chance.integer(0, bytes.length)
  return [start, Math.min(bytes.length, start + chance.integer(1, SPAN_LIMIT_BYTES))]
}
