import { expect, test } from 'vitest'

import type { PlatformError } from '../../../services/model/index.ts'
import {
  parsePublisherDocument,
  publisherFromPem,
  revocationTargetsOf,
} from '../../../services/trust/index.ts'
import { identityOf, intermediate, issue, keyPair, publicPem, root } from '../../support/pki.ts'
import { saying } from './told.ts'

const key = publicPem(keyPair())
const ca = root()
const issuing = intermediate(ca)

test('makes a key publisher of a public key, statements alone and seals alone', () => {
  expect(publisherFromPem(key)).toEqual({
    kind: 'key',
    forms: ['statement'],
    purposes: ['seal'],
    keys: [{ publicKeyPem: key }],
  })
})

test('makes an x509 publisher of certificates: those that signed themselves are the roots', () => {
  expect(publisherFromPem(issuing.pem + ca.pem)).toEqual({
    kind: 'x509',
    forms: ['cms'],
    purposes: ['seal'],
    rootsPem: [ca.pem],
    intermediatesPem: [issuing.pem],
  })
})

test('gives back what it parsed', () => {
  const document = publisherFromPem(issuing.pem + ca.pem)

  expect(parsePublisherDocument(JSON.parse(JSON.stringify(document)))).toEqual(document)
})

const keys = [{ publicKeyPem: key }]

test.each<[string, unknown]>([
  ['no object', null],
  ['a list', []],
  ['no kind', { keys }],
  ['an unknown member', { kind: 'key', keys, trustEverything: true }],
  ['a member of the other kind', { kind: 'key', keys, rootsPem: [ca.pem] }],
  ['no keys', { kind: 'key', keys: [] }],
  ['an unknown member in a key', { kind: 'key', keys: [{ publicKeyPem: key, weight: 2 }] }],
  ['the same key twice', { kind: 'key', keys: [...keys, ...keys] }],
  [
    'a key that ends before it begins',
    { kind: 'key', keys: [{ publicKeyPem: key, notBeforeMs: 2, notAfterMs: 1 }] },
  ],
  ['a certificate for a key', { kind: 'key', keys: [{ publicKeyPem: ca.pem }] }],
  ['two keys in one text', { kind: 'key', keys: [{ publicKeyPem: key + key }] }],
  ['RSA of 1,024 bits', { kind: 'key', keys: [{ publicKeyPem: publicPem(keyPair('rsa1024')) }] }],
  ['P-521', { kind: 'key', keys: [{ publicKeyPem: publicPem(keyPair('p521')) }] }],
  ['secp256k1', { kind: 'key', keys: [{ publicKeyPem: publicPem(keyPair('secp256k1')) }] }],
  ['the form cms for keys', { kind: 'key', keys, forms: ['cms'] }],
  ['an unknown form', { kind: 'key', keys, forms: ['stamp'] }],
  ['no form', { kind: 'key', keys, forms: [] }],
  ['an unknown purpose', { kind: 'key', keys, purposes: ['everything'] }],
  ['a validity of no time', { kind: 'key', keys, signatureValidityMs: 0 }],
  ['a validity as text', { kind: 'key', keys, signatureValidityMs: '1' }],
  ['no roots', { kind: 'x509', rootsPem: [] }],
  ['the same root twice', { kind: 'x509', rootsPem: [ca.pem, ca.pem] }],
  [
    'an untyped alternative name',
    { kind: 'x509', rootsPem: [ca.pem], subjectAltNames: [{ value: 'a' }] },
  ],
  ['no subjects', { kind: 'x509', rootsPem: [ca.pem], subjects: [] }],
])('refuses a document with %s', (_title, value) => {
  expect(saying(() => parsePublisherDocument(value))).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }) as PlatformError,
  )
})

test("takes no managed publisher whole: its key is the service's to make", () => {
  expect(saying(() => parsePublisherDocument({ kind: 'managed' }))).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }) as PlatformError,
  )
})

test('refuses a private key as a publisher', () => {
  const pem = keyPair().privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

  expect(saying(() => publisherFromPem(pem))).toThrow('private key')
  expect(
    saying(() => parsePublisherDocument({ kind: 'key', keys: [{ publicKeyPem: pem }] })),
  ).toThrow('private key')
})

test('refuses a leaf beside its root, which would trust nothing', () => {
  expect(saying(() => publisherFromPem(ca.pem + issue({ issuer: ca }).pem))).toThrow(
    'neither a root',
  )
})

test('names a certificate for revocation by digest and by issuer and serial', () => {
  const leaf = issue({ issuer: ca, serial: 0x1f })

  const targets = revocationTargetsOf(leaf.pem)

  expect(targets.certificates[1]).toBe('CN=root#1f')
  expect(targets.key).toBe(identityOf(leaf).publicKey.spkiSha256)
})
