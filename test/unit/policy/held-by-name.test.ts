import fc from 'fast-check'
import { expect, test } from 'vitest'

import { HeldByName } from '../../../services/policy/held-by-name.ts'

const LIMIT = 10

test('under every name that is given lies what was asked for, and all that lies there weighs no more than the limit', () => {
  let evicted = 0
  const asked = fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 4 }), fc.boolean())
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 60 }), (all) => {
      const lying = new Map<string, { readonly key: string; readonly weight: number }>()
      const held = new HeldByName(LIMIT, (name) => {
        lying.delete(name)
        evicted += 1
      })
      for (const [number, weight, works] of all) {
        const key = `key ${number}`
        let wasThere = true
        const name = held.nameOf(key, weight, (free) => {
          wasThere = false
          expect(lying.has(free)).toBe(false)
          if (works) lying.set(free, { key, weight })
          return works
        })

        expect(name === undefined).toBe(!wasThere && !works)
        if (name !== undefined) expect(lying.get(name)?.key).toBe(key)
        const weights = [...lying.values()].map((one) => one.weight)
        expect(weights.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(LIMIT)
      }
    }),
  )
  expect(evicted).toBeGreaterThan(10)
})

test('what was asked for last stays', () => {
  const put: string[] = []
  const held = new HeldByName(2, () => {})
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b'])
    held.nameOf(key, 1, () => {
      put.push(key)
      return true
    })

  expect(put).toEqual(['a', 'b', 'c', 'b'])
})

test('names are given again, the oldest that make room first, and only as many as must', () => {
  const emptied: string[] = []
  const held = new HeldByName(4, (name) => emptied.push(name))
  const put = (key: string, weight: number) => held.nameOf(key, weight, () => true)

  expect([put('a', 2), put('b', 1), put('c', 1)]).toEqual(['held-1', 'held-2', 'held-3'])
  expect(emptied).toEqual([])
  expect(put('d', 1)).toBe('held-1')
  expect(emptied).toEqual(['held-1'])
  expect(['a', 'b', 'c', 'd'].map((key) => held.has(key))).toEqual([false, true, true, true])
  // Three of four are taken: one more fits.
  expect(put('e', 1)).toBe('held-4')
  expect(emptied).toEqual(['held-1'])
})

test('what could not be put is not held, weighs nothing and leaves its name', () => {
  const held = new HeldByName(1, () => {})

  expect(held.nameOf('a', 1, () => false)).toBeUndefined()
  expect(held.has('a')).toBe(false)
  expect(held.nameOf('b', 1, () => true)).toBe('held-1')
  expect(held.has('b')).toBe(true)
})
