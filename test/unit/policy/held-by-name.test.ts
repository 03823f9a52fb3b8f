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
