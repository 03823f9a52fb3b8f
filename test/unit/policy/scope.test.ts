import fc from 'fast-check'
import { expect, test } from 'vitest'

import { coversPlace, isScope } from '../../../services/policy/index.ts'

test.each([
  'f',
  'fn:prod',
  '*',
  '*:*',
  'pay-*:prod',
  'A_b-9',
  'f'.repeat(140),
  `f:${'p'.repeat(140)}`,
])('a scope is %s', (text) => {
  expect(isScope(text)).toBe(true)
})

test.each([
  ['is empty', ''],
  ['has no function', ':prod'],
  ['has no alias behind its colon', 'f:'],
  ['has a third part', 'f:prod:1'],
  ['is too long', 'f'.repeat(141)],
  ['has an alias that is too long', `f:${'p'.repeat(141)}`],
  ['begins with a blank', ' f'],
  ['ends with a blank', 'f '],
  ['ends with a line', 'f\n'],
  ['has an alias with a blank', 'f:a b'],
  ['is an ARN', 'arn:aws:lambda:us-east-1:000000000000:function:f'],
  ['holds what a pattern elsewhere holds', 'f?'],
  ['is $LATEST', 'f:$LATEST'],
])('what %s is none', (_what, text) => {
  expect(isScope(text)).toBe(false)
})

test.each([
  ['a function, all of it', 'f', ['f', 'f:prod', 'f:x'], ['g', 'ff', 'F', 'g:f']],
  ['one alias', 'f:prod', ['f:prod'], ['f', 'f:pro', 'f:prods', 'g:prod']],
  ['every alias, and not the function itself', 'f:*', ['f:prod', 'f:x'], ['f', 'g:prod']],
  ['one alias of every function', '*:prod', ['f:prod', 'g:prod'], ['f', 'prod', 'f:test']],
  ['all', '*', ['f', 'f:prod'], []],
  ['functions and aliases by how they begin', 'pay*:p*', ['pay:p', 'pays:prod'], ['pay', 'pay:test', 'repay:prod']],
  ['functions by how they begin, whose names hold no colon', 'f*d', ['fd', 'food', 'fd:x'], ['f:prod', 'food2:prod', 'f']],
] as [string, string, string[], string[]][])('a scope covers %s: %s', (_what, pattern, ...[covered, others]) => {
  for (const place of covered) expect(coversPlace(pattern, place), place).toBe(true)
  for (const place of others) expect(coversPlace(pattern, place), place).toBe(false)
}) // prettier-ignore

test('a star stands for any characters, also none, wherever it stands', () => {
  const text = (...letters: readonly string[]) =>
    fc.array(fc.constantFrom(...letters), { maxLength: 7 }).map((all) => all.join(''))
  let covered = 0
  fc.assert(
    fc.property(text('a', 'b', '*'), text('a', 'b'), (pattern, place) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(place)
      covered += expected ? 1 : 0

      expect(coversPlace(pattern, place)).toBe(expected)
      expect(coversPlace(`f:${pattern}`, `f:${place}`)).toBe(expected)
    }),
    { numRuns: 500 },
  )
  expect(covered).toBeGreaterThan(20)
})

test.each([
  ['a*a', 'a', false],
  ['ab*ba', 'aba', false],
  ['a*b*b', 'ab', false],
  ['a*bc*c', 'abc', false],
  ['a*bc*c', 'abcc', true],
  ['a*b*a*b*', 'abab', true],
  ['a*ba*b', 'abab', true],
  ['*a*a*', 'a', false],
  ['**', '', true],
])('no character of a name is counted twice: %s, %s: %s', (pattern, place, covers) => {
  expect(coversPlace(pattern, place)).toBe(covers)
})

test('a scope of many stars is held against a long name in time that grows with both alone', () => {
  expect(coversPlace(`${'*a'.repeat(70)}b`, 'a'.repeat(140))).toBe(false)
})
