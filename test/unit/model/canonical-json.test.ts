import fc from 'fast-check'
import { expect, test } from 'vitest'

import { canonicalJson, type Json } from '../../../services/model/index.ts'

test.each([
  [{ b: 1, a: [true, null] }, '{"a":[true,null],"b":1}'],
  // RFC 8785 3.2.3: by UTF-16 code units, so that the astral letter comes before U+FB33.
  [{ '\ufb33': 1, '\u{1f600}': 2 }, '{"\u{1f600}":2,"\ufb33":1}'],
  [{ a: undefined, b: 1e21, c: -0 }, '{"b":1e+21,"c":0}'],
] as [Json, string][])('%j is written as RFC 8785 says', (value, text) => {
  expect(canonicalJson(value)).toBe(text)
})

test('parsing what was written gives the value back, and writing that the same text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = canonicalJson(value as Json)
      expect(canonicalJson(JSON.parse(text) as Json)).toBe(text)
    }),
  )
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, '\ud800'])('%j has no canonical form', (value) => {
  expect(() => canonicalJson(value)).toThrow(TypeError)
})
