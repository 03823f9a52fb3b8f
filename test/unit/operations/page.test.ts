import { assert, property, string } from 'fast-check'
import { expect, it } from 'vitest'

import { readMarker, toMarker, toPage } from '../../../services/operations/page.ts'

it('reads back every marker it gave', () => {
  assert(
    property(string({ minLength: 1, unit: 'grapheme' }), (key) => {
      expect(readMarker(toMarker(key))).toBe(key)
    }),
  )
})

it('refuses a marker it did not give', () => {
  expect(() => readMarker('not+base64url=')).toThrow('the marker is none that this service gave')
})

it('gives a marker only where something is left', () => {
  expect(toPage(['a', 'b'], 2, String)).toEqual({ items: ['a', 'b'], nextMarker: undefined })
  expect(toPage(['a', 'b', 'c'], 2, String)).toEqual({
    items: ['a', 'b'],
    nextMarker: toMarker('b'),
  })
})
