import { expect, test } from 'vitest'

import {
  timestampAuthorityFromPem,
  checkFreshTimestamp,
  VerificationCache,
} from '../../../services/trust/index.ts'
import {
  decodeTimestampToken,
  encodeDer,
  objectIdentifier,
  sequence,
  setOf,
  utf8String,
} from '../../../services/seal/index.ts'
import { toKnownAuthority } from '../../../services/trust/known-authority.ts'
import { verifyTimestamp } from '../../../services/trust/timestamp.ts'
import { AT_MS, intermediate, issue } from '../../support/pki.ts'
import {
  authority,
  makeToken,
  stampingUsage,
  type TestAuthority,
  type TokenSpec,
} from '../../support/timestamp-token.ts'
import { saying } from './told.ts'

const tsa = authority()
const signature = Buffer.from('a signature')
const refused = (rule: string) =>
  expect.objectContaining({
    code: 'INVALID_SEAL',
    detail: expect.objectContaining({ rule }) as unknown,
  }) as unknown

const read = (from: TestAuthority, spec: TokenSpec = {}) =>
  decodeTimestampToken(makeToken(from, signature, spec))

test('takes a timestamp that was just made and carries its certificate', () => {
  expect(() => checkFreshTimestamp(read(tsa), signature)).not.toThrow()
})

test.each<[string, () => ReturnType<typeof read>, string]>([
  [
    'that does not carry its certificate',
    () => read(tsa, { certificates: [tsa.issuing] }),
    'timestamp-certificate',
  ],
  [
    'by a certificate for other things',
    () => read(authority('tsa', { extensions: [stampingUsage(['1.3.6.1.5.5.7.3.3'])] })),
    'timestamp-extended-key-usage',
  ],
  ['over something else', () => read(tsa, { imprint: Buffer.alloc(32) }), 'timestamp-imprint'],
  [
    'whose certificate had expired',
    () => read(authority('tsa', { untilMs: AT_MS - 1_000 })),
    'timestamp-authority-expired',
  ],
])('takes no fresh timestamp %s', (_title, token, rule) => {
  expect(saying(() => checkFreshTimestamp(token(), signature))).toThrow(refused(rule))
})

const known = (from: TestAuthority, window: { notBeforeMs?: number; notAfterMs?: number } = {}) => {
  const cache = new VerificationCache()
  return { ...toKnownAuthority(timestampAuthorityFromPem(from.root.pem), cache), ...window }
}
const verify = (token: ReturnType<typeof read>, authorities = [known(tsa)]) =>
  verifyTimestamp(token, signature, authorities, new VerificationCache())

const directory = (name: string) =>
  encodeDer(0xa4, sequence(setOf([sequence(objectIdentifier('2.5.4.3'), utf8String(name))])))

test('holds the name that an authority gives itself to its certificate, where it is a directory name', () => {
  expect(verify(read(tsa, { name: directory('tsa') })).kind).toBe('time')
  expect(verify(read(tsa, { name: encodeDer(0x82, Buffer.from('tsa.example')) })).kind).toBe('time')
  expect(saying(() => verify(read(tsa, { name: directory('other') })))).toThrow(
    refused('timestamp-name'),
  )
  expect(saying(() => verify(read(tsa, { name: encodeDer(0xa4) })))).toThrow(
    refused('timestamp-name'),
  )
})

test('believes no authority outside the time in which it is trusted', () => {
  for (const window of [{ notAfterMs: AT_MS - 1 }, { notBeforeMs: AT_MS + 1 }])
    expect(saying(() => verify(read(tsa), [known(tsa, window)]))).toThrow(
      refused('timestamp-authority-expired'),
    )
  expect(verify(read(tsa), [known(tsa, { notAfterMs: AT_MS - 1 }), known(tsa)]).kind).toBe('time')
})

test('passes over what in the bag cannot be read', () => {
  const strange = { ...issue(), der: sequence() }
  const certificates = [strange, tsa.leaf, tsa.issuing]
  expect(verify(read(tsa, { certificates })).kind).toBe('time')
})

test('knows no authority whose certificate is not there, and no path to that of another', () => {
  expect(verify(read(tsa, { certificates: [] })).kind).toBe('unknown')
  const apart = { ...tsa, issuing: intermediate(tsa.root, { subject: 'else' }) }
  expect(verify(read(tsa, { certificates: [tsa.leaf] }), [known(apart)]).kind).toBe('unknown')
})
