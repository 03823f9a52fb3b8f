import { expect, test } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import {
  decodeTimestampToken,
  encodeDer,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
  TAG,
} from '../../../services/seal/index.ts'
import { AT_MS } from '../../support/pki.ts'
import { authority, makeToken, type TokenSpec } from '../../support/timestamp-token.ts'

const tsa = authority()
const signature = Buffer.from('a signature')
const read = (spec: TokenSpec = {}) => decodeTimestampToken(makeToken(tsa, signature, spec))

function ruleOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_SEAL') return error.detail['rule']
    throw error
  }
  return 'accepted'
}

test('reads policy, imprint, serial, time, accuracy, nonce and name of a token', () => {
  const accuracy = sequence(
    smallInteger(2),
    encodeDer(0x80, Uint8Array.of(0x01, 0xf4)),
    encodeDer(0x81, Uint8Array.of(7)),
  )
  const name = encodeDer(0xa4, tsa.leaf.name)
  const nonce = integer(Uint8Array.of(0xff, 1))

  const { info } = read({ accuracy, name, nonce, policy: '1.3.6.1.4.1.57264.2' })

  expect(info).toMatchObject({
    policy: '1.3.6.1.4.1.57264.2',
    serial: '1267',
    atMs: AT_MS,
    accuracyMicros: 2_500_007,
    nonce: '00ff01',
  })
  expect(info.imprint.hash).toBe('sha256')
  expect(info.authorityName?.tag).toBe(0xa4)
})

test.each([
  ['20260601000000Z', 0],
  ['20260601000000.1Z', 100],
  ['20260601000000.02Z', 20],
  ['20260601000000.003Z', 3],
  ['20260601000000.0004Z', 0],
  ['20260601000000.999999Z', 999],
  ['20260601000000.1234567890123456789Z', 123],
])('reads %s with any number of fraction digits, cut to milliseconds', (time, ms) => {
  expect(read({ time }).info.atMs).toBe(AT_MS + ms)
})

test.each([
  '20260601000000.Z',
  '20260601000000.0Z',
  '20260601000000.100Z',
  '20260601000000,5Z',
  '20260601000000',
  '20260601000000+0000',
  '202606010000Z',
  '20260631000000Z',
  '20260601246000Z',
  '20260601000060Z',
  '20260601000000.1 Z',
])('refuses the time %s, which DER does not know', (time) => {
  expect(ruleOf(() => read({ time }))).toBe('der-time')
})

const critical = (flag: number, oid = '1.2.3.4'): Uint8Array =>
  sequence(
    objectIdentifier(oid),
    ...(flag === 0 ? [] : [encodeDer(TAG.boolean, Uint8Array.of(flag))]),
    octetString(Uint8Array.of(5, 0)),
  )
const shortAccuracy = (tag: number, ...octets: number[]): Uint8Array =>
  sequence(encodeDer(tag, Uint8Array.of(...octets)))

test.each<[string, TokenSpec, string]>([
  ['another version', { version: smallInteger(2) }, 'timestamp-version'],
  ['an imprint of another length', { imprint: Buffer.alloc(20) }, 'timestamp-imprint'],
  ['a negative serial number', { serial: Uint8Array.of(2, 1, 0x80) }, 'timestamp-serial'],
  ['a serial number of 22 octets', { serial: integer(Buffer.alloc(22, 1)) }, 'timestamp-serial'],
  ['a nonce of 66 octets', { nonce: integer(Buffer.alloc(66, 1)) }, 'timestamp-nonce'],
  ['a critical extension', { extensions: [critical(0xff)] }, 'timestamp-extension'],
  ['an extension twice', { extensions: [critical(0), critical(0)] }, 'timestamp-extension'],
  ['0 milliseconds of accuracy', { accuracy: shortAccuracy(0x80, 0) }, 'timestamp-accuracy'],
  ['1,000 of them', { accuracy: shortAccuracy(0x80, 3, 0xe8) }, 'timestamp-accuracy'],
  ['a padded accuracy', { accuracy: shortAccuracy(0x80, 0, 5) }, 'timestamp-accuracy'],
  ['a negative one', { accuracy: shortAccuracy(0x81, 0x80) }, 'timestamp-accuracy'],
  ['one of three octets', { accuracy: shortAccuracy(0x81, 1, 0, 0) }, 'timestamp-accuracy'],
  ['seconds of accuracy below 0', { accuracy: sequence(Uint8Array.of(2, 1, 0xff)) }, 'der-integer'],
  [
    'accuracy with more in it',
    { accuracy: sequence(smallInteger(1), smallInteger(1)) },
    'der-shape',
  ],
  ['a name that is two', { name: Buffer.concat([smallInteger(1), smallInteger(2)]) }, 'der-shape'],
  ['a long policy', { policy: `1.2.${'9'.repeat(300)}` }, 'der-oid'],
  ['no content', { content: null }, 'timestamp-content'],
  ['content that is no TSTInfo', { content: sequence() }, 'der-shape'],
  ['bytes after the TSTInfo', { content: Uint8Array.of(0x30, 0, 0) }, 'der-trailing'],
  ['another content type', { contentType: '1.2.840.113549.1.7.1' }, 'content-type'],
  ['another signed content type', { signedContentType: '1.2.840.113549.1.7.1' }, 'content-type'],
  ['no signed attributes', { noAttributes: true }, 'no-signed-attributes'],
  ['no certificate id', { boundTo: null }, 'signing-certificate'],
  ['an empty certificate id', { certificateId: sequence(sequence()) }, 'signing-certificate'],
  ['version 1 of the SignedData', { cmsVersion: 1 }, 'cms-version'],
  [
    'unsigned attributes',
    { unsigned: sequence(objectIdentifier('1.2.3'), setOf([smallInteger(1)])) },
    'unsigned-attribute',
  ],
  ['an empty set of them', { unsigned: new Uint8Array() }, 'unsigned-attribute'],
])('refuses %s', (_what, spec, rule) => {
  expect(ruleOf(() => read(spec))).toBe(rule)
})

test('lets an extension that is not critical and a written-out FALSE pass', () => {
  expect(read({ extensions: [critical(0)], ordering: 0 }).info.atMs).toBe(AT_MS)
  expect(read({ ordering: 0xff }).info.atMs).toBe(AT_MS)
})

test('reads a token bound in the old form alone, as older authorities write it', () => {
  const { signed } = read({ boundTo: null, legacy: tsa.leaf })

  expect(signed.attributes.certificate).toBeUndefined()
  expect(signed.attributes.legacyCertificate?.hash).toBe('sha1')
})

const hash = octetString(Buffer.alloc(32))
const name = encodeDer(0xa4, tsa.issuing.name)
test.each<[string, Uint8Array, string]>([
  ['issuer and serial', sequence(sequence(name), smallInteger(7)), 'accepted'],
  [
    'an issuer that is a DNS name',
    sequence(sequence(encodeDer(0x82)), smallInteger(7)),
    'der-shape',
  ],
  ['no issuer', sequence(sequence(), smallInteger(7)), 'signing-certificate'],
  ['no serial number', sequence(sequence(name)), 'der-shape'],
])('reads a certificate id with %s: %s', (_what, issuerSerial, rule) => {
  const certificateId = sequence(sequence(sequence(hash, issuerSerial)))

  expect(ruleOf(() => read({ certificateId }))).toBe(rule)
})

test('refuses a token with any one byte of its frame cut off or added', () => {
  const token = makeToken(tsa, signature)

  expect(ruleOf(() => decodeTimestampToken(token.subarray(0, -1)))).toBe('der-truncated')
  expect(ruleOf(() => decodeTimestampToken(Buffer.concat([token, Uint8Array.of(0)])))).toBe(
    'der-trailing',
  )
})

test('answers every single-byte change of a token with a typed refusal or another reading', () => {
  const token = Uint8Array.from(makeToken(tsa, signature))

  const crashes = [...token.keys()].filter((at) => {
    const changed = Uint8Array.from(token)
    changed[at] = (changed[at] ?? 0) ^ 0x21
    try {
      return ruleOf(() => decodeTimestampToken(changed)) === undefined
    } catch {
      return true
    }
  })

  expect(crashes).toEqual([])
})
