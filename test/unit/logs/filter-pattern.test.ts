import { describe, expect, test } from 'vitest'

import { parseFilterPattern } from '../../../services/logs/index.ts'

const MESSAGES = [
  '[ERROR 400] BAD REQUEST',
  '[ERROR 401] UNAUTHORIZED REQUEST',
  '[ERROR 419] MISSING ARGUMENTS',
  '[WARN 300] slow é answer',
  'a "quoted" word and a \\ slash',
]
const met = (pattern: string): number[] => {
  const test = parseFilterPattern(pattern)
  return MESSAGES.flatMap((message, at) => (test?.(message) === false ? [] : [at]))
}

describe('terms', () => {
  // AWS's own examples among them: FilterAndPatternSyntax.
  test.each<[string, number[]]>([
    ['', [0, 1, 2, 3, 4]],
    ['  ', [0, 1, 2, 3, 4]],
    ['ERROR', [0, 1, 2]],
    ['error', []],
    ['ERROR ARGUMENTS', [2]],
    ['?WARN ?ARGUMENTS', [2, 3]],
    ['"BAD REQUEST"', [0]],
    ['"[ERROR 401]"', [1]],
    ['ERROR -401', [0, 2]],
    ['-ERROR', [3, 4]],
    ['ERROR -"BAD REQUEST" -ARGUMENTS', [1]],
    ['?WARN ERROR', [0, 1, 2]],
    ['é', [3]],
    [String.raw`"\"quoted\""`, [4]],
    [String.raw`"\\ slash"`, [4]],
  ])('%s', (pattern, expected) => {
    expect(met(pattern)).toEqual(expected)
  })

  test.each([
    'a-b',
    'a"b"',
    '"open',
    '?',
    '-',
    '[ip, user]',
    '%re%',
    'x'.repeat(1_025),
    'a.b',
    '{',
  ])('%s is refused', (pattern) => {
    expect(() => parseFilterPattern(pattern)).toThrow(
      expect.objectContaining({ code: 'INVALID_PARAMETER' }),
    )
  })
})

describe('JSON', () => {
  const message = JSON.stringify({
    level: 'ERROR', took: 12.5, ok: false, none: null, list: [{ id: 'a-1' }], __proto__x: 1,
    text: 'one two three', 'with-dash': 'x',
  }) // prettier-ignore

  test.each<[string, boolean]>([
    ['{ $.level = "ERROR" }', true],
    ['{ $.level = ERROR }', true],
    ['{ $.level = "error" }', false],
    ['{ $.level != "INFO" }', true],
    ['{ $.missing != "INFO" }', false],
    ['{ $.missing NOT EXISTS }', true],
    ['{ $.level NOT EXISTS }', false],
    ['{ $.took > 12 && $.took <= 12.5 }', true],
    ['{ $.took = 12.5 }', true],
    ['{ $.took = "12.5" }', false],
    ['{ $.took < 12 || $.ok IS FALSE }', true],
    ['{ ($.took < 12 || $.ok IS TRUE) && $.level = ERROR }', false],
    ['{ $.none IS NULL }', true],
    ['{ $.missing IS NULL }', false],
    ['{ $.list[0].id = "a-*" }', true],
    ['{ $.list[1].id = "a-*" }', false],
    ['{ $.text = "one*three" }', true],
    ['{ $.text = "*two*" }', true],
    ['{ $.text = "*three*three" }', false],
    ['{ $.with-dash = x }', true],
    ['{ $.constructor = "*" }', false],
    ['{ $.level = * }', true],
  ])('%s is %s', (pattern, expected) => {
    expect(parseFilterPattern(pattern)?.(message)).toBe(expected)
  })

  test('means no message that is no object', () => {
    const test = parseFilterPattern('{ $.level NOT EXISTS }')
    expect(['plain', '[1]', '"x"', '{"open', ''].map((text) => test?.(text))).toEqual(
      Array(5).fill(false),
    )
  })

  test.each([
    '{ }', '{ $.a }', '{ $.a = }', '{ a = 1 }', '{ $.a > x }', '{ ($.a = 1 }', '{ $.a = 1 ) }', '{ $.a = 1 && }',
    '{ $.a IS MAYBE }', '{ $.a IS constructor }', '{ $.a __proto__ 5 }', '{ $.a constructor 5 }', '{ $.a NOT NULL }', '{ $.a = 1 } x', `{ ${'('.repeat(40)}$.a = 1${')'.repeat(40)} }`,
  ])('%s is refused', (pattern) => {
    expect(() => parseFilterPattern(pattern)).toThrow(
      expect.objectContaining({ code: 'INVALID_PARAMETER' }),
    )
  }) // prettier-ignore
})
