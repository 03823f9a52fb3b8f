import { expect, test } from 'vitest'

import {
  decodeTimestampResponse,
  encodeDer,
  encodeTimestampRequest,
  encodeTimestampResponse,
  octetString,
  sequence,
  smallInteger,
  TAG,
} from '../../../services/seal/index.ts'
import { authority, makeToken } from '../../support/timestamp-token.ts'

const token = makeToken(authority(), Buffer.from('a signature'))
const text = (words: string): Uint8Array => encodeDer(TAG.utf8String, Buffer.from(words))
const bits = (...octets: number[]): Uint8Array => encodeDer(TAG.bitString, Uint8Array.of(...octets))

test('a token in a response that grants it is read back as the same bytes', () => {
  const response = decodeTimestampResponse(encodeTimestampResponse(token))

  expect(response.kind === 'granted' && Buffer.from(response.tokenBytes).equals(token)).toBe(true)
})

test.each([
  [2, [], 'rejection', ''],
  [2, [sequence(text('not today'))], 'rejection', 'not today'],
  [2, [sequence(text('busy')), bits(2, 0, 0, 0x04)], 'rejection', 'failure 21: busy'],
  [2, [bits(5, 0x20)], 'rejection', 'bad request'],
  [3, [bits(6, 0, 0, 0, 0x40)], 'waiting', 'system failure'],
  [5, [], 'revocation notification', ''],
  [9, [], 'status 9', ''],
])('says in its own words why an authority refused: status %i', (status, more, name, reason) => {
  const bytes = sequence(sequence(smallInteger(status), ...more))

  expect(decodeTimestampResponse(bytes)).toEqual({ kind: 'refused', status: name, reason })
})

test('cuts what an authority says to 200 characters and 8 texts', () => {
  const texts = sequence(...Array.from({ length: 12 }, () => text('x'.repeat(500))))
  const response = decodeTimestampResponse(sequence(sequence(smallInteger(2), texts)))

  expect(response.kind === 'refused' && response.reason.length).toBe(8 * 200 + 7 * 2)
})

test.each<[string, Uint8Array]>([
  ['granted without a token', sequence(sequence(smallInteger(0)))],
  ['rejected with a token', sequence(sequence(smallInteger(2)), token)],
  ['granted and failed', sequence(sequence(smallInteger(0), bits(5, 0x20)), token)],
  [
    'a status text that is no UTF8String',
    sequence(sequence(smallInteger(2), sequence(octetString(token)))),
  ],
  ['no status', token],
  ['more after the token', sequence(sequence(smallInteger(0)), token, token)],
  ['nothing', new Uint8Array()],
])('refuses a response: %s', (_what, bytes) => {
  expect(() => decodeTimestampResponse(bytes)).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }),
  )
})

test('refuses to ask about a digest of another length', () => {
  const imprint = { hash: 'sha384' as const, value: Buffer.alloc(32) }

  expect(() => encodeTimestampRequest({ imprint, nonce: Uint8Array.of(1) })).toThrow('length')
})
