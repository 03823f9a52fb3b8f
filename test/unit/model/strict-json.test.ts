import fc from 'fast-check'
import { expect, test } from 'vitest'

import { PlatformError, parseStrictJson } from '../../../services/model/index.ts'

const parse = (text: string, depth?: number) => parseStrictJson(Buffer.from(text), depth)

test('any JSON value without doubled names is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      expect(parse(text)).toEqual(JSON.parse(text))
    }),
  )
})

test.each([
  ['a doubled name', '{"a":1,"a":2}'],
  ['a doubled name, once escaped', '{"a":1,"\\u0061":2}'],
  ['a doubled name far inside', '[{"x":{"a":1,"b":[],"a":2}}]'],
  ['an open string', '{"a'],
  ['an open string after a backslash', '"\\'],
  ['a second value', '{} {}'],
  ['a byte order mark', '\ufeff{}'],
  ['nothing', ''],
  ['a trailing comma', '[1,]'],
  ['half of a surrogate pair', '{"a":["\\ud800"]}'],
  ['half of a surrogate pair in a name', '[{"\\udc00":1}]'],
  ['a number beyond a double', '{"a":[1e999]}'],
])('%s is refused', (_what, text) => {
  expect(() => parse(text)).toThrow(PlatformError)
})

test('text that is not UTF-8 is refused', () => {
  expect(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/)
})

test('what JSON.parse says of text that is no JSON stands in the refusal', () => {
  expect(() => parse('a')).toThrow(/^the JSON cannot be read: Unexpected token .a/)
})

test('nesting is refused beyond the limit, however deep it goes, without a stack to exhaust', () => {
  expect(parse('[[[]]]', 3)).toEqual([[[]]])
  expect(() => parse('[[[[]]]]', 3)).toThrow(/nests deeper than 3/)
  expect(() => parse('['.repeat(1_000_000))).toThrow(/nests deeper/)
})

test('equal names in two objects are no doubled name', () => {
  expect(parse('[{"a":1},{"a":2}]')).toEqual([{ a: 1 }, { a: 2 }])
})
