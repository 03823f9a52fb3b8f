import fc from 'fast-check'
import { expect, test } from 'vitest'

import { textTable } from '../../../cli/service/index.ts'

const rows = [
  ['orders', 'arn:aws:lambda:us-east-1:000000000000:function:orders', '7'],
  ['a', 'b', 'c'],
]

test('gives every column its widest cell where nobody watches', () => {
  expect(textTable(['name', 'arn', 'v'], rows, undefined)).toBe(
    [
      'name    arn                                                    v',
      'orders  arn:aws:lambda:us-east-1:000000000000:function:orders  7',
      'a       b                                                      c',
    ].join('\n'),
  )
})

test('cuts the widest column first, and says so', () => {
  expect(textTable(['name', 'arn', 'v'], rows, 30).split('\n')[1]).toBe(
    'orders  arn:aws:lambda:us-…  7',
  )
})

test('fits every line into the terminal as long as columns can give way', () => {
  const cell = fc.string({ maxLength: 60 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell)),
      fc.integer({ min: 28, max: 200 }),
      (some, columns) => {
        for (const line of textTable(['one', 'two', 'three'], some, columns).split('\n'))
          expect(line.length).toBeLessThanOrEqual(columns)
      },
    ),
  )
})

test('keeps what a column cannot do without, however narrow the terminal', () => {
  expect(textTable(['name', 'arn', 'v'], rows, 5).split('\n')[1]).toBe('orders  arn:aws…  7')
})
