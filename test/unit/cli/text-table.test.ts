import fc from 'fast-check'
import { expect, test } from 'vitest'

import { textTable } from '../../../cli/service/index.ts'

const HEADERS = ['name', 'arn', 'v']
const rows = [
  ['orders', 'arn:aws:lambda:us-east-1:000000000000:function:orders', '7'],
  ['a', '', 'c'],
]
const asTable = [
  'name    arn                                                    v',
  'orders  arn:aws:lambda:us-east-1:000000000000:function:orders  7',
  'a                                                              c',
].join('\n')

test('gives every column its widest cell where nobody watches, and where it fits', () => {
  expect(textTable(HEADERS, rows, undefined)).toBe(asTable)
  expect(textTable(HEADERS, rows, 64)).toBe(asTable)
})

test('tells each row in lines of its own where the terminal is narrower, without what is empty', () => {
  expect(textTable(HEADERS, rows, 63)).toBe(
    [
      'name  orders',
      'arn   arn:aws:lambda:us-east-1:000000000000:function:orders',
      'v     7',
      '',
      'name  a',
      'v     c',
    ].join('\n'),
  )
})

test('cuts nothing, however narrow the terminal, and is a table only where it fits', () => {
  const cell = fc.stringMatching(/^[a-z]{1,40}$/)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
      fc.integer({ min: 1, max: 140 }),
      (some, columns) => {
        const shown = textTable(HEADERS, some, columns)

        for (const one of some.flat()) expect(shown.split(/\s+/)).toContain(one)
        if (
          shown.startsWith('name  ') &&
          shown.includes('arn  ') &&
          !shown.includes('\n\n') &&
          some.length > 1
        )
          for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
      },
    ),
  )
})
