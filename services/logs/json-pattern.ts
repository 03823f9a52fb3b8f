import { PlatformError } from '../model/index.ts'

import { parseObject } from './records.ts'

type Test = (value: unknown) => boolean
type Expression = (message: Record<string, unknown>) => boolean

/** How deep parentheses may stand within each other. */
const DEPTH_LIMIT = 32
const TOKEN =
  /\s*(&&|\|\||!=|<=|>=|[=<>()]|\$(?:\.[\w-]+|\[\d{1,6}\])+|"(?:[^"\\]|\\.)*"|[^\s&|!<>=()"]+)/y

/**
 * `{ $.level = "ERROR" && $.took > 5 }`: CloudWatch Logs' patterns over messages that are JSON objects. Selectors name
 * members and elements; `*` stands for any text within a value. A message that is no object is meant by none.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseJsonPattern(pattern: string): (message: string) => boolean {
  const inside = /^\{(.*)\}$/s.exec(pattern)?.[1]
  if (inside === undefined) throw unreadable('it does not end with `}`')
  const parser = new Parser(cutTokens(inside))
  const expression = parser.any(0)
  parser.end()
  return (message) => {
    if (!message.trimStart().startsWith('{')) return false
    const json = parseObject(message)
    return json !== undefined && expression(json)
  }
}

class Parser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  any(depth: number): Expression {
    const parts = [this.#all(depth)]
    while (this.#take('||')) parts.push(this.#all(depth))
    return (json) => parts.some((part) => part(json))
  }

  end(): void {
    const rest = this.#tokens[this.#at]
    if (rest !== undefined) throw unreadable(`\`${rest}\` is not expected there`)
  }

  #all(depth: number): Expression {
    const parts = [this.#one(depth)]
    while (this.#take('&&')) parts.push(this.#one(depth))
    return (json) => parts.every((part) => part(json))
  }

  #one(depth: number): Expression {
    if (!this.#take('(')) return this.#comparison()
    if (depth >= DEPTH_LIMIT) throw unreadable('its parentheses are too deep')
    const inside = this.any(depth + 1)
    if (!this.#take(')')) throw unreadable('a `)` is missing')
    return inside
  }

  #comparison(): Expression {
    const path = selectorOf(this.#next())
    const test = this.#test()
    return (json) => test(path.reduce<unknown>(memberOf, json))
  }

  #test(): Test {
    const operator = this.#next()
    if (operator === 'IS') return isTest(this.#next())
    if (operator === 'NOT') {
      if (this.#next() === 'EXISTS') return (value) => value === undefined
      throw unreadable('behind `NOT` stands `EXISTS`')
    }
    const wanted = this.#next()
    if (operator === '=') return equals(wanted)
    if (operator === '!=') {
      const same = equals(wanted)
      return (value) => value !== undefined && !same(value)
    }
    return ordered(operator, wanted)
  }

  #next(): string {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw unreadable('it ends too early')
    this.#at += 1
    return token
  }

  #take(token: string): boolean {
    const isNext = this.#tokens[this.#at] === token
    if (isNext) this.#at += 1
    return isNext
  }
}

function cutTokens(text: string): string[] {
  const tokens: string[] = []
  const token = new RegExp(TOKEN)
  const whole = text.trimEnd()
  while (token.lastIndex < whole.length) {
    const from = token.lastIndex
    const match = token.exec(whole)
    if (match?.[1] === undefined) throw unreadable(`character ${from + 2} is not expected`)
    tokens.push(match[1])
  }
  return tokens
}

function selectorOf(token: string): (string | number)[] {
  if (!token.startsWith('$')) throw unreadable(`\`${token}\` is no selector like \`$.level\``)
  return [...token.matchAll(/\.([\w-]+)|\[(\d+)\]/g)].map(
    ([, name, index]) => name ?? Number(index),
  )
}

function memberOf(value: unknown, name: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string | number, unknown>)[name]
}

function isTest(word: string): Test {
  const words: ReadonlyMap<string, boolean | null> = new Map([
    ['TRUE', true],
    ['FALSE', false],
    ['NULL', null],
  ])
  const wanted = words.get(word)
  if (wanted === undefined) throw unreadable('behind `IS` stands `TRUE`, `FALSE` or `NULL`')
  return (value) => value === wanted
}

function equals(token: string): Test {
  const text = token.startsWith('"') ? token.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : token
  const number = token.startsWith('"') || token.trim() === '' ? NaN : Number(token)
  const matches = wildcard(text)
  return (value) => {
    if (typeof value === 'number') return value === number
    if (typeof value === 'boolean') return !token.startsWith('"') && String(value) === text
    return typeof value === 'string' && matches(value)
  }
}

/** `*` for any text; without a regular expression, whose time a pattern could stretch. */
function wildcard(text: string): (value: string) => boolean {
  const parts = text.split('*')
  if (parts.length === 1) return (value) => value === text
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  const between = parts.slice(1, -1)
  return (value) => {
    if (value.length < first.length + last.length) return false
    if (!value.startsWith(first) || !value.endsWith(last)) return false
    let at = first.length
    for (const part of between) {
      const found = value.indexOf(part, at)
      if (found === -1) return false
      at = found + part.length
    }
    return at <= value.length - last.length
  }
}

function ordered(operator: string, token: string): Test {
  const wanted = Number(token)
  if (Number.isNaN(wanted)) throw unreadable(`\`${token}\` is no number`)
  const compare = new Map([
    ['<', (value: number) => value < wanted],
    ['>', (value: number) => value > wanted],
    ['<=', (value: number) => value <= wanted],
    ['>=', (value: number) => value >= wanted],
  ]).get(operator)
  if (compare === undefined) throw unreadable(`\`${operator}\` is no comparison`)
  return (value) => typeof value === 'number' && compare(value)
}

function unreadable(why: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `the JSON filter pattern cannot be read: ${why}`)
}
