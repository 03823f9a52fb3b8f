import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'

import { rowDigest, type Row } from '../../../services/ledger/index.ts'

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

it.each<[string, Row, string]>([
  ['its columns in order', { b: 'x', a: 1 }, '{"a":1,"b":"x"}'],
  ['no empty column', { a: 1, c: null, b: 'x' }, '{"a":1,"b":"x"}'],
  ['zero and empty text, which are not empty columns', { a: 0, b: '' }, '{"a":0,"b":""}'],
  ['nothing at all', {}, '{}'],
])('the digest of a row is that of canonical JSON, with %s', (_, row, canonical) => {
  expect(rowDigest(row)).toBe(digest(canonical))
})
