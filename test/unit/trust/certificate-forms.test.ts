import { expect, test } from 'vitest'

import {
  bitString,
  encodeDer,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
  TAG,
  utf8String,
} from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parsePublicKey,
  VerificationCache,
  type Certificate,
} from '../../../services/trust/index.ts'
import { AT_MS, issue, root, type CertificateSpec, type Extension } from '../../support/pki.ts'
import { saying } from './told.ts'

const cache = new VerificationCache()
const parse = (spec: CertificateSpec): Certificate => parseCertificate(issue(spec).der, cache)
const withExtension = (oid: string, value: Uint8Array, critical = false): CertificateSpec => ({
  extensions: [{ oid, value, critical } satisfies Extension],
})
const NULL = encodeDer(TAG.null)
const policy = (oid: string, ...more: Uint8Array[]) => sequence(objectIdentifier(oid), ...more)
const USER_NOTICE = objectIdentifier('1.3.6.1.5.5.7.2.2')

test.each<[string, CertificateSpec, string]>([
  ['a serial number that is negative', { serialOctets: Uint8Array.of(0x80) }, 'certificate-serial'],
  [
    'a serial number of 22 octets',
    { serialOctets: new Uint8Array(22).fill(1) },
    'certificate-serial',
  ],
  ['no issuer', { issuerName: sequence() }, 'certificate-name'],
  [
    'a key usage that is no bit string',
    { keyUsage: 0, ...withExtension('2.5.29.15', NULL) },
    'key-usage',
  ],
  [
    'an empty extended key usage',
    { usages: [], ...withExtension('2.5.29.37', sequence()) },
    'extended-key-usage',
  ],
  ['an empty list of other names', withExtension('2.5.29.17', sequence()), 'alternative-name'],
  ['a subject key id that is no octet string', withExtension('2.5.29.14', NULL), 'der-shape'],
  [
    'an authority key id with an issuer and no serial number',
    withExtension('2.5.29.35', sequence(encodeDer(0xa1))),
    'authority-key-id',
  ],
  [
    'an authority key id with a serial number and no issuer',
    withExtension('2.5.29.35', sequence(encodeDer(0x82, Uint8Array.of(1)))),
    'authority-key-id',
  ],
  [
    'a directory name that is none',
    withExtension('2.5.29.17', sequence(encodeDer(0xa4))),
    'alternative-name',
  ],
  [
    'a directory name of two names',
    withExtension('2.5.29.17', sequence(encodeDer(0xa4, sequence(), sequence()))),
    'alternative-name',
  ],
  [
    'a directory name of another shape',
    withExtension('2.5.29.17', sequence(encodeDer(0xa4, setOf([])))),
    'alternative-name',
  ],
  [
    'an alternative name with a NUL',
    withExtension('2.5.29.17', sequence(encodeDer(0x82, Buffer.from('a\0.org')))),
    'alternative-name',
  ],
  ['no list of policies', withExtension('2.5.29.32', sequence()), 'certificate-policies'],
  [
    'policies of another shape',
    withExtension('2.5.29.32', setOf([policy('1.2.3')])),
    'certificate-policies',
  ],
  [
    'more than 128 policies',
    withExtension(
      '2.5.29.32',
      sequence(...Array.from({ length: 129 }, (_, i) => policy(`1.2.${i}`))),
    ),
    'certificate-policies',
  ],
  [
    'a policy twice',
    withExtension('2.5.29.32', sequence(policy('1.2.3'), policy('1.2.3'))),
    'certificate-policies',
  ],
  [
    'a policy qualifier without a value',
    withExtension('2.5.29.32', sequence(policy('1.2.3', sequence(sequence(USER_NOTICE))))),
    'certificate-policies',
  ],
  [
    'a policy qualifier with two values',
    withExtension(
      '2.5.29.32',
      sequence(policy('1.2.3', sequence(sequence(USER_NOTICE, NULL, NULL)))),
    ),
    'der-shape',
  ],
  ['empty policy constraints', withExtension('2.5.29.36', sequence()), 'policy-constraints'],
  [
    'a policy constraint with a zero before it',
    withExtension('2.5.29.36', sequence(encodeDer(0x80, Uint8Array.of(0, 1)))),
    'policy-constraints',
  ],
  [
    'a policy constraint below zero',
    withExtension('2.5.29.36', sequence(encodeDer(0x81, Uint8Array.of(0xff)))),
    'der-integer',
  ],
  ['an inhibition that is no number', withExtension('2.5.29.54', NULL), 'der-integer'],
  [
    'an empty list of name constraints',
    withExtension('2.5.29.30', sequence(encodeDer(0xa0))),
    'name-constraints',
  ],
  [
    'a name constraint without a base',
    withExtension('2.5.29.30', sequence(encodeDer(0xa0, sequence()))),
    'name-constraints',
  ],
  [
    'a range of addresses that is cut short',
    withExtension(
      '2.5.29.30',
      sequence(encodeDer(0xa0, sequence(encodeDer(0x87, new Uint8Array(4))))),
    ),
    'name-constraints',
  ],
  ['a subject that is no sequence inside', { name: sequence(sequence()) }, 'certificate-name'],
  ['a subject with an empty part', { name: sequence(setOf([])) }, 'certificate-name'],
  [
    'a subject with an attribute without a value',
    { name: sequence(setOf([sequence(objectIdentifier('2.5.4.3'))])) },
    'certificate-name',
  ],
  [
    'a subject in half a UTF-16 character',
    { name: nameOf('2.5.4.3', encodeDer(0x1e, Uint8Array.of(0))) },
    'certificate-name',
  ],
  [
    'a subject that is not UTF-8',
    { name: nameOf('2.5.4.3', encodeDer(TAG.utf8String, Uint8Array.of(0xff))) },
    'certificate-name',
  ],
])('does not read a certificate with %s', (_title, spec, rule) => {
  expect(saying(() => parse(spec))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL', detail: { rule } }),
  )
})

test('does not read an extension that writes out that it is not critical', () => {
  const flag = encodeDer(TAG.boolean, Uint8Array.of(0))
  const encoded = sequence(objectIdentifier('1.2.3.4'), flag, octetString(NULL))
  expect(saying(() => parse({ extensions: [{ oid: '1.2.3.4', value: NULL, encoded }] }))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL', detail: { rule: 'extension-default' } }),
  )
})

test('reads what is lax but clear', () => {
  const certificate = parse({
    extensions: [
      { oid: '2.5.29.32', value: sequence(policy('1.2.3', sequence(sequence(USER_NOTICE, NULL)))) },
      { oid: '2.5.29.35', value: sequence(encodeDer(0x80, Uint8Array.of(1, 2))) },
      {
        oid: '2.5.29.33',
        value: sequence(sequence(objectIdentifier('1.2.3'), objectIdentifier('1.2.4'))),
      },
      {
        oid: '2.5.29.36',
        value: sequence(encodeDer(0x80, Uint8Array.of(0, 0x80)), encodeDer(0x81, Uint8Array.of(2))),
      },
      { oid: '2.5.29.54', value: smallInteger(3) },
    ],
  })

  expect(certificate.extensions.policy).toEqual({
    policies: ['1.2.3'],
    mappings: [{ issuer: '1.2.3', subject: '1.2.4' }],
    requireExplicit: 128,
    inhibitMapping: 2,
    inhibitAny: 3,
  })
  expect(certificate.extensions.authorityKeyId).toBe('0102')
})

test('reads an authority key id that names issuer and serial number only', () => {
  const value = sequence(
    encodeDer(0xa1, encodeDer(0xa4, sequence())),
    encodeDer(0x82, Uint8Array.of(1)),
  )
  expect(parse(withExtension('2.5.29.35', value)).extensions.authorityKeyId).toBeUndefined()
})

test('reads a certificate without extensions as one of no authority', () => {
  const { extensions } = parse({ bare: true })
  expect(extensions).toMatchObject({ ca: false, keyUsage: undefined, altNames: [] })
})

test('refuses name constraints in a certificate that is no authority', () => {
  const value = sequence(encodeDer(0xa0, sequence(encodeDer(0x82, Buffer.from('example.org')))))
  expect(parse(withExtension('2.5.29.30', value, true)).extensions.refused).toEqual([
    'name constraints without being a CA',
  ])
})

test('keeps distribution points by the encoding of their names, and which of them are partial', () => {
  const full = encodeDer(0xa0, encodeDer(0x86, Buffer.from('http://crl/')))
  const value = sequence(
    sequence(encodeDer(0xa0, full)),
    sequence(encodeDer(0xa0, encodeDer(0xa1, sequence())), encodeDer(0x81, Uint8Array.of(0, 0x80))),
    sequence(encodeDer(0xa2, encodeDer(0xa4, sequence()))),
  )
  const [first, second, third] = parse(withExtension('2.5.29.31', value)).extensions
    .distributionPoints
  expect(first).toEqual({
    names: [Buffer.from(encodeDer(0x86, Buffer.from('http://crl/'))).toString('hex')],
    partial: false,
  })
  expect(second).toMatchObject({ partial: true })
  expect(second?.names).toHaveLength(1)
  expect(third).toEqual({ names: [], partial: true })
})

function nameOf(oid: string, value: Uint8Array): Uint8Array {
  return sequence(setOf([sequence(objectIdentifier(oid), value)]))
}

test.each<[string, Uint8Array, string]>([
  [
    'what is no text, by its encoding',
    nameOf('2.5.4.3', bitString(Uint8Array.of(5))),
    'CN=#03020005',
  ],
  [
    'an attribute without a short name, by its number',
    nameOf('1.2.3.4', utf8String('x')),
    '1.2.3.4=#0c0178',
  ],
  [
    'UTF-16 by its encoding, since it is written no more',
    nameOf('2.5.4.3', encodeDer(0x1e, Buffer.from('\0A'))),
    'CN=#1e020041',
  ],
  ['T.61 by its encoding', nameOf('2.5.4.10', encodeDer(0x14, Buffer.from('A'))), 'O=#140141'],
  [
    'a text that needs escapes',
    nameOf('2.5.4.3', utf8String(' a,b+"c\\ ')),
    String.raw`CN=\ a\,b\+\"c\\\ `,
  ],
])('writes a name with %s', (_title, name, text) => {
  expect(parse({ name }).subjectText).toBe(text)
})

test('compares names without regard to string type, case and spaces, and what is no text octet by octet', () => {
  const names = [
    nameOf('2.5.4.3', utf8String('Big  Team ')),
    nameOf('2.5.4.3', encodeDer(0x1e, Buffer.from('\0b\0i\0g\0 \0t\0e\0a\0m'))),
    nameOf('2.5.4.3', encodeDer(0x14, Buffer.from('BIG TEAM'))),
    nameOf('2.5.4.3', bitString(Uint8Array.of(5))),
  ].map((name) => parse({ name }).subjectName.key)
  expect(names[1]).toBe(names[0])
  expect(names[2]).toBe(names[0])
  expect(names[3]).not.toBe(names[0])
})

test('takes years before 2050 as GeneralizedTime, and says that they are not written so', () => {
  const times = [generalizedTime(AT_MS - 1_000), generalizedTime(AT_MS + 86_400_000)] as const
  const certificate = parse({ times })
  expect(certificate.notBeforeMs).toBe(AT_MS - 1_000)
  expect(certificate.departures).toContain('a time in a wrong form')
})

test('does not read a certificate without times', () => {
  const nothing = new Uint8Array()
  expect(saying(() => parse({ times: [nothing, nothing] }))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL', detail: { rule: 'der-time' } }),
  )
})

const LOCATION = encodeDer(0x86, Buffer.from('http://ocsp/'))
const ACCESS = objectIdentifier('1.3.6.1.5.5.7.48.1')

test.each<[string, CertificateSpec, string | undefined]>([
  [
    'name constraints that are not critical',
    withExtension('2.5.29.30', sequence(encodeDer(0xa0, sequence(encodeDer(0x82))))),
    'name constraints that are not critical',
  ],
  [
    'a critical subject key id',
    withExtension('2.5.29.14', octetString(Uint8Array.of(1)), true),
    'a critical subject key id',
  ],
  [
    'information access that can be read',
    withExtension('1.3.6.1.5.5.7.1.1', sequence(sequence(ACCESS, LOCATION))),
    undefined,
  ],
  [
    'information access without a place',
    withExtension('1.3.6.1.5.5.7.1.1', sequence(sequence(ACCESS))),
    undefined,
  ],
  [
    'information access that is none',
    withExtension('1.3.6.1.5.5.7.1.11', NULL),
    'information access that cannot be read',
  ],
  [
    'information access to a name that there is not',
    withExtension('1.3.6.1.5.5.7.1.1', sequence(sequence(ACCESS, encodeDer(0x9e)))),
    'information access that cannot be read',
  ],
  [
    'a key usage without a use',
    { keyUsage: 0, ...withExtension('2.5.29.15', encodeDer(TAG.bitString, Uint8Array.of(0))) },
    'a key usage without a use',
  ],
  [
    'a key usage of one empty octet',
    { keyUsage: 0, ...withExtension('2.5.29.15', encodeDer(TAG.bitString, Uint8Array.of(0, 0))) },
    'a key usage without a use',
  ],
])('tells what departs from RFC 5280 of %s', (_title, spec, departure) => {
  const { departures } = parse(spec)
  if (departure === undefined) expect(departures.join()).not.toContain('information')
  else expect(departures).toContain(departure)
})

test('finds nothing to say of the extensions that a certificate does not have', () => {
  expect(parse({ bare: true }).departures).not.toContain('information access that cannot be read')
})

const spki = (algorithm: Uint8Array, key: Uint8Array): Uint8Array =>
  sequence(algorithm, bitString(key))
const ED25519 = objectIdentifier('1.3.101.112')
const RSA = objectIdentifier('1.2.840.113549.1.1.1')
const MODULUS = Buffer.concat([Buffer.from([0]), Buffer.alloc(256, 0xc5)])
const rsa = (modulus: Uint8Array, exponent: readonly number[]): Uint8Array =>
  spki(
    sequence(RSA, NULL),
    sequence(encodeDer(TAG.integer, modulus), encodeDer(TAG.integer, Uint8Array.from(exponent))),
  )
const littleEndian = (value: bigint): Uint8Array =>
  Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()

test.each<[string, Uint8Array, string]>([
  [
    'an Ed25519 key with parameters',
    spki(sequence(ED25519, NULL), new Uint8Array(32).fill(9)),
    'public-key',
  ],
  [
    'an Ed25519 key of 31 octets',
    spki(sequence(ED25519), new Uint8Array(31).fill(9)),
    'public-key',
  ],
  [
    'an Ed25519 key in a second encoding',
    spki(sequence(ED25519), littleEndian(2n ** 255n - 18n)),
    'public-key',
  ],
  ['an Ed25519 key of small order', spki(sequence(ED25519), littleEndian(1n)), 'weak-key'],
  [
    'an RSA key without NULL parameters',
    spki(sequence(RSA), sequence(integer(MODULUS), smallInteger(65_537))),
    'public-key',
  ],
  [
    'an algorithm that there is not',
    spki(sequence(objectIdentifier('1.2.840.10040.4.1')), new Uint8Array(8)),
    'weak-key',
  ],
  [
    'a curve that is not accepted',
    spki(
      sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.3.132.0.10')),
      new Uint8Array(65),
    ),
    'weak-key',
  ],
  ['an RSA exponent of 1', rsa(MODULUS, [1]), 'weak-key'],
  ['an even RSA exponent', rsa(MODULUS, [1, 0]), 'weak-key'],
  ['an RSA exponent of six octets', rsa(MODULUS, [1, 0, 0, 0, 0, 1]), 'weak-key'],
  ['a negative RSA exponent', rsa(MODULUS, [0x81]), 'weak-key'],
  ['a negative RSA modulus', rsa(Buffer.alloc(256, 0xc5), [1, 0, 1]), 'weak-key'],
  [
    'an RSA key of 16,392 bits',
    rsa(Buffer.concat([Buffer.from([0]), Buffer.alloc(2049, 0xc5)]), [1, 0, 1]),
    'weak-key',
  ],
  [
    'a point that is none',
    spki(
      sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7')),
      Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)]),
    ),
    'public-key',
  ],
])('does not take %s for a key', (_title, key, rule) => {
  expect(saying(() => parsePublicKey(key, cache))).toThrow(
    expect.objectContaining({
      code: 'INVALID_SEAL',
      detail: expect.objectContaining({ rule }) as unknown,
    }),
  )
})

test('keeps its certificates when they are asked for again', () => {
  const { der } = root()
  expect(parseCertificate(der, cache)).toBe(parseCertificate(Uint8Array.from(der), cache))
})

test('does not read a certificate that OpenSSL cannot read', () => {
  expect(saying(() => parse({ name: nameOf('2.5.4.3', smallInteger(5)) }))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL', detail: { rule: 'certificate' } }),
  )
})
