import fc from 'fast-check'
import { expect, test } from 'vitest'

import { matchesGlob } from '../../../services/trust/binding.ts'

test.each([
  ['checkout', 'checkout', true],
  ['check*', 'checkout', true],
  ['*', 'checkout', true],
  ['*', '', true],
  ['*out', 'checkout', true],
  ['c*k*t', 'checkout', true],
  ['check', 'checkout', false],
  ['checkout', 'check', false],
  ['Check*', 'checkout', false],
  ['*', 'a/b', false],
  ['a/*', 'a/b', true],
  ['a*', 'a@b', false],
  ['a*b', 'a:b', false],
  ['a*', 'a#', false],
  ['*/b', 'x/b', true],
  ['*/b', 'x/y/b', false],
])('matches `%s` against `%s`: %s', (glob, text, expected) => {
  expect(matchesGlob(glob, text)).toBe(expected)
})

test('agrees with the regular expression that says the same', () => {
  const piece = fc.stringMatching(/^[ab/*]{0,8}$/)
  fc.assert(
    fc.property(piece, fc.stringMatching(/^[ab/]{0,8}$/), (glob, text) => {
      const pattern = new RegExp(`^${glob.replaceAll('*', '[^/@:#]*')}$`)
      expect(matchesGlob(glob, text)).toBe(pattern.test(text))
    }),
  )
})

test('does not take long over a pattern made to', () => {
  const start = performance.now()

  expect(matchesGlob('*a'.repeat(80), 'a'.repeat(140) + 'b')).toBe(false)
  expect(performance.now() - start).toBeLessThan(1_000)
})
