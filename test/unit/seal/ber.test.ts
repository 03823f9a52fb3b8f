import { expect, test } from 'vitest'

import { berToDer } from '../../../services/seal/index.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

test.each([
  ['a definite value as it is', '30 03 02 01 05', '30 03 02 01 05'],
  ['an indefinite length', '30 80 02 01 05 00 00', '30 03 02 01 05'],
  ['indefinite inside indefinite', '30 80 31 80 05 00 00 00 00 00', '30 04 31 02 05 00'],
  ['indefinite inside definite', '30 06 31 80 05 00 00 00', '30 04 31 02 05 00'],
  ['a length that is not minimal', '04 82 00 01 07', '04 01 07'],
  ['an octet string in pieces', '24 80 04 01 01 24 80 04 01 02 00 00 00 00', '04 02 01 02'],
  ['an octet string in no pieces', '24 80 00 00', '04 00'],
])('writes %s in the form of DER', (_what, ber, der) => {
  expect(Buffer.from(berToDer(hex(ber)))).toEqual(hex(der))
})

test.each([
  ['nothing', '', 'ber-truncated'],
  ['a tag alone', '30', 'ber-truncated'],
  ['no end of contents', '30 80 02 01 05', 'ber-truncated'],
  ['half an end of contents', '30 80 02 01 05 00', 'ber-truncated'],
  ['content cut short', '04 05 01', 'ber-truncated'],
  ['a child that runs over its parent', '30 03 04 05 01 02 03', 'ber-truncated'],
  ['a length of five octets', '04 85 00 00 00 00 01 07', 'ber-length'],
  ['a primitive of indefinite length', '04 80 01 00 00', 'ber-length'],
  ['bytes behind', '05 00 05 00', 'ber-trailing'],
  ['an end of contents by itself', '00 00', 'ber-tag'],
  ['a high tag number', '1f 81 01 00', 'ber-tag'],
  ['pieces of something else', '24 80 02 01 05 00 00', 'ber-octets'],
  ['33 levels', `${'30 80 '.repeat(33)}${'00 00 '.repeat(33)}`, 'ber-depth'],
])('refuses %s', (_what, ber, rule) => {
  expect(() => berToDer(hex(ber))).toThrow(expect.objectContaining({ detail: { rule } }))
})

test('refuses more than 256 KiB before reading it', () => {
  expect(() => berToDer(Buffer.alloc(262_145))).toThrow(
    expect.objectContaining({ detail: { rule: 'ber-size' } }),
  )
})
