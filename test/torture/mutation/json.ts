import type { Json } from '../../../services/model/index.ts'
import type { Seeded } from '../seeded.ts'
import { mutateBytes, randomBytes } from './bytes.ts'

const ODD: readonly Json[] = [
  null, true, 0, -1, 1e308, 9007199254740992, '', '\0', '\ud800', 'a'.repeat(300), [], {}, '2^64',
  '18446744073709551616', '9999-12-31T23:59:59Z', '__proto__', 'constructor', '../', 'AAAA', '=',
] // prettier-ignore

type Members = { [name: string]: Json }

/** A document with one to three of its values changed, or its text where it is none. */
export function mutateJson(input: Buffer, chance: Seeded, others: readonly Buffer[]): Buffer {
  const parsed = chance.integer(0, 5) === 0 ? undefined : parse(input)
  if (parsed === undefined) return mutateBytes(input, chance, others)
  const donor = parse(chance.pick([input, ...others])) ?? parsed
  let value = parsed
  for (let left = chance.integer(1, 3); left > 0; left -= 1) value = changeOne(value, chance, donor)
  const text = JSON.stringify(value)
  // A member twice, which no writer of JSON makes.
  if (chance.integer(0, 9) === 0) return Buffer.from(text.replace(/^\{("[^"]*":)/, '{$1null,$1'))
  return Buffer.from(text)
}

function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(bytes.toString('utf8')) as Json
  } catch {
    return undefined
  }
}

/** Goes down to where chance says, and changes what it finds. */
function changeOne(value: Json, chance: Seeded, donor: Json): Json {
  const down = chance.integer(0, 6) > 0
  if (Array.isArray(value) && value.length > 0) return changeList(value, chance, donor)
  if (isMembers(value) && Object.keys(value).length > 0 && down)
    return changeMembers(value, chance, donor)
  if (typeof value === 'string' && chance.integer(0, 1) === 0) return changeText(value, chance)
  if (typeof value === 'number' && chance.integer(0, 1) === 0)
    return value + chance.pick([-1, 1, 0.5, 1e15])
  return chance.integer(0, 2) === 0 ? anyValue(donor, chance) : chance.pick(ODD)
}

function changeList(list: readonly Json[], chance: Seeded, donor: Json): Json {
  const at = chance.integer(0, list.length - 1)
  const one = list[at] ?? null
  switch (chance.integer(0, 5)) {
    case 0:
      return list.toSpliced(at, 1)
    case 1:
      return list.toSpliced(at, 0, ...Array<Json>(chance.pick([1, 1, 40])).fill(one))
    default:
      return list.with(at, changeOne(one, chance, donor))
  }
}

function changeMembers(value: Members, chance: Seeded, donor: Json): Json {
  const name = chance.pick(Object.keys(value))
  const { [name]: one = null, ...rest } = value
  switch (chance.integer(0, 7)) {
    case 0:
      return rest
    case 1:
      return { ...value, [`${name}X`]: one }
    case 2:
      return { ...rest, [chance.pick(['__proto__', 'toString', '', name.toUpperCase()])]: one }
    case 3:
      return { ...value, [name]: nested(one, chance.pick([1, 3, 70])) }
    default:
      return { ...value, [name]: changeOne(one, chance, donor) }
  }
}

/** What is text or base64 of something. */
function changeText(text: string, chance: Seeded): Json {
  const bytes = Buffer.from(text, 'base64')
  const base64 = bytes.length > 8 && bytes.toString('base64') === text
  if (base64 && chance.integer(0, 1) === 0)
    return mutateJson(bytes, chance, [randomBytes(chance, 8)]).toString('base64')
  return mutateBytes(Buffer.from(text), chance).toString('latin1')
}

function nested(value: Json, depth: number): Json {
  let inner = value
  for (let left = depth; left > 0; left -= 1) inner = left % 2 === 0 ? [inner] : { a: inner }
  return inner
}

function anyValue(value: Json, chance: Seeded): Json {
  const children = Array.isArray(value) ? value : isMembers(value) ? Object.values(value) : []
  if (children.length === 0 || chance.integer(0, 3) === 0) return value
  return anyValue(chance.pick(children), chance)
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
