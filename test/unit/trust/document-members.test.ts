import { sign } from 'node:crypto'
import { expect, test } from 'vitest'

import { encodePem, sequence } from '../../../services/seal/index.ts'
import {
  isListOfPublisher,
  managedDocument,
  parseManagedSettings,
  parsePublisherDocument,
  parseRevocationList,
  publisherFromPem,
  revocationListPem,
  revocationTargetsOf,
  successionBytes,
  VerificationCache,
  parsePublicKey,
} from '../../../services/trust/index.ts'
import { parseOidc } from '../../../services/trust/oidc-document.ts'
import { lineageOf, parseLineage } from '../../../services/trust/lineage.ts'
import { toKnownPublishers } from '../../../services/trust/publisher-material.ts'
import { givenBytes, unlessRefused } from '../../../services/trust/refusals.ts'
import { PlatformError } from '../../../services/model/index.ts'
import {
  AT_MS,
  intermediate,
  keyPair,
  publicPem,
  publisher,
  root,
  type KeyPair,
} from '../../support/pki.ts'
import { revocationList } from '../../support/revocation-data.ts'
import { saying } from './told.ts'

const refused = (message: string | RegExp) =>
  expect.objectContaining({
    code: 'INVALID_PARAMETER',
    message: expect.stringMatching(message) as string,
  }) as unknown
const ca = root()

test('gives a managed publisher 135 months where nothing is said', () => {
  const settings = parseManagedSettings({ kind: 'managed' })
  expect(settings).toEqual({
    kind: 'managed',
    purposes: ['seal'],
    validityPeriod: { value: 135, type: 'MONTHS' },
  })
})

test.each<[string, Record<string, unknown>, RegExp]>([
  ['a key', { publicKeyPem: 'x' }, /has no member `publicKeyPem` to be given/],
  ['another purpose', { purposes: ['vouch'] }, /the purpose `seal` alone/],
  ['two purposes', { purposes: ['seal', 'vouch'] }, /the purpose `seal` alone/],
  ['purposes that are no list', { purposes: 'seal' }, /the purpose `seal` alone/],
  ['a period that is nothing', { validityPeriod: null }, /DAYS, MONTHS or YEARS/],
  ['a period in weeks', { validityPeriod: { value: 1, type: 'WEEKS' } }, /DAYS, MONTHS or YEARS/],
  ['no days', { validityPeriod: { value: 0, type: 'DAYS' } }, /at least 1 day/],
  ['half a day', { validityPeriod: { value: 0.5, type: 'DAYS' } }, /at least 1 day/],
  ['days as text', { validityPeriod: { value: '1', type: 'DAYS' } }, /at least 1 day/],
  ['twelve years', { validityPeriod: { value: 12, type: 'YEARS' } }, /at most 135 months/],
])('refuses a managed publisher with %s', (_title, settings, message) => {
  expect(saying(() => parseManagedSettings({ kind: 'managed', ...settings }))).toThrow(
    refused(message),
  )
})

test('takes eleven years and counts them as days', () => {
  const settings = parseManagedSettings({
    kind: 'managed',
    validityPeriod: { value: 11, type: 'YEARS' },
  })
  const key = { publicKeyPem: publicPem(keyPair()), succession: undefined }
  expect(managedDocument(settings, key)).toMatchObject({
    signatureValidityMs: 11 * 365 * 86_400_000,
    forms: ['statement'],
  })
  expect(managedDocument(settings, key)).not.toHaveProperty('lineage')
})

const [old, next] = [keyPair(), keyPair()]
const spki = (key: KeyPair) => key.publicKey.export({ format: 'der', type: 'spki' })
const fingerprint = (key: KeyPair) => parsePublicKey(spki(key), new VerificationCache()).spkiSha256
const succession = () => {
  const keys = { predecessor: fingerprint(old), successor: fingerprint(next) }
  return {
    predecessorPem: publicPem(old),
    successorPem: publicPem(next),
    signature: sign('sha256', successionBytes(keys), old.privateKey).toString('base64'),
  }
}

test('keeps a signed succession in the document of a managed publisher', () => {
  const settings = parseManagedSettings({ kind: 'managed' })
  const document = managedDocument(settings, {
    publicKeyPem: publicPem(next),
    succession: succession(),
  })
  expect(document.lineage).toHaveLength(1)
})

test.each<[string, unknown, RegExp]>([
  ['no list', {}, /not a list of 1 to 32/],
  ['an empty list', [], /not a list of 1 to 32/],
  ['33 successions', Array.from({ length: 33 }, () => ({})), /not a list of 1 to 32/],
  ['nothing in it', [null], /not a JSON object/],
  ['a list in it', [[]], /not a JSON object/],
  ['an unknown member', [{ ...succession(), by: 'me' }], /unknown member `by`/],
  ['a private key', [{ ...succession(), successorPem: 'PRIVATE KEY' }], /not a public key in PEM/],
  ['a key that is no text', [{ ...succession(), successorPem: 1 }], /not a public key in PEM/],
  ['a signature that is no text', [{ ...succession(), signature: 1 }], /not signed by its/],
  ['a signature that is not base64', [{ ...succession(), signature: '*' }], /not signed by its/],
])('refuses a lineage with %s', (_title, value, message) => {
  expect(saying(() => parseLineage(value))).toThrow(refused(message))
})

const x509 = { kind: 'x509', rootsPem: [ca.pem] }

test.each<[string, unknown, RegExp]>([
  [
    'names of a type that there is not',
    { ...x509, subjectAltNames: [{ type: 'ip', value: '::' }] },
    /`dns`, `uri` or `email`/,
  ],
  [
    'an empty name',
    { ...x509, subjectAltNames: [{ type: 'dns', value: '' }] },
    /a subject alternative name/,
  ],
  [
    'a root with a critical extension of its own',
    {
      ...x509,
      rootsPem: [root({ extensions: [{ oid: '1.2.3.4', critical: true, value: sequence() }] }).pem],
    },
    /which this version does not process/,
  ],
  [
    'a list at a place that is too long',
    { ...x509, revocation: { lists: [{ url: `http://lists/${'x'.repeat(3_000)}` }] } },
    /http or https/,
  ],
  ['a list that is none', { ...x509, revocation: { lists: [{ pem: 'nothing' }] } }, /PEM/],
  ['a trusted root that is no text', { ...x509, trustedRoot: {} }, /as text/],
  ['a trusted root that is none', { ...x509, trustedRoot: '{}' }, /./],
])('refuses a publisher with %s', (_title, value, message) => {
  expect(saying(() => parsePublisherDocument(value))).toThrow(refused(message))
})

test('takes all three types of names', () => {
  const subjectAltNames = ['dns', 'uri', 'email'].map((type) => ({ type, value: 'a' }))
  expect(parsePublisherDocument({ ...x509, subjectAltNames })).toMatchObject({ subjectAltNames })
})

test.each<[string, string, RegExp]>([
  ['of two kinds', ca.pem + publicPem(old), /neither public keys nor certificates/],
  ['of another kind', encodePem('X509 CRL', revocationList(ca)), /neither public keys nor/],
])('makes no publisher of PEM %s', (_title, pem, message) => {
  expect(saying(() => publisherFromPem(pem))).toThrow(refused(message))
})

test('reads a revocation list in DER as in PEM', () => {
  const der = revocationList(ca)
  const pem = revocationListPem(der)
  expect(revocationListPem(Buffer.from(pem))).toBe(pem)
  expect(saying(() => revocationListPem(Buffer.from(ca.pem)))).toThrow(
    refused(/exactly one PEM block/),
  )
})

test('revokes a certificate by three names and a key by one', () => {
  expect(revocationTargetsOf(ca.pem).certificates).toHaveLength(2)
  expect(revocationTargetsOf(publicPem(old))).toEqual({ certificates: [], key: fingerprint(old) })
  expect(saying(() => revocationTargetsOf(ca.pem + ca.pem))).toThrow(refused(/not one certificate/))
  expect(saying(() => revocationTargetsOf(''))).toThrow(refused(/not one certificate/))
})

test('takes a list for one of the publisher only where an authority that it names signed it', () => {
  const cache = new VerificationCache()
  const read = (issuer: typeof ca, key = issuer.key) =>
    parseRevocationList(revocationList(issuer, { key }), cache)
  const document = { ...publisherFromPem(ca.pem), intermediatesPem: ['not a certificate'] }
  if (document.kind !== 'x509') throw new Error('not of a PKI')
  const mute = root({ subject: 'mute', keyUsage: 0x04 })
  expect(isListOfPublisher(read(ca), document, cache)).toBe(true)
  expect(isListOfPublisher(read(ca, keyPair()), document, cache)).toBe(false)
  expect(isListOfPublisher(read(intermediate(ca)), document, cache)).toBe(false)
  const quiet = { ...document, rootsPem: [mute.pem] }
  expect(isListOfPublisher(read(mute), quiet, cache)).toBe(false)
})

test('trusts nothing by a document that cannot be read any more, and judges by the others', () => {
  const spoiled = publisher({ ...publisherFromPem(ca.pem), rootsPem: [''] } as never)
  const managed = publisher({
    ...managedDocument(parseManagedSettings({ kind: 'managed' }), {
      publicKeyPem: publicPem(old),
      succession: undefined,
    }),
  })
  const strict = publisher(
    parsePublisherDocument({ ...x509, profile: 'rfc5280', policies: ['1.2.3'] }),
  )
  const input = { publishers: [spoiled, managed, strict], revocations: [], atMs: AT_MS }
  const [first, second, ...more] = toKnownPublishers(input, new VerificationCache())
  expect(more).toEqual([])
  expect(first?.material.kind).toBe('key')
  expect(second?.material).toMatchObject({
    rules: { profile: 'rfc5280', policies: { acceptable: ['1.2.3'], requireExplicit: true } },
  })
})

test('lets a fault of our own go on, and turns a refusal of given bytes into a wrong parameter', () => {
  const fault = new PlatformError('INTERNAL', 'broken')
  const bug = new TypeError('broken')
  const thrower = (error: Error) => () => {
    throw error
  }
  expect(saying(() => unlessRefused(thrower(fault), () => 1))).toThrow(fault)
  expect(saying(() => unlessRefused(thrower(bug), () => 1))).toThrow(bug)
  expect(saying(() => givenBytes(thrower(bug)))).toThrow(bug)
  expect(unlessRefused(thrower(new PlatformError('INVALID_SEAL', 'no')), () => 1)).toBe(1)
})

test('forgets the oldest where it holds as much as it may', () => {
  const cache = new VerificationCache()
  const made: string[] = []
  const make = (name: string) =>
    cache.parsed('key', name, () => {
      made.push(name)
      return { name }
    })
  for (let i = 0; i < 2_000; i += 1) make(`key ${i}`)
  make('key 1')
  expect(made).toHaveLength(2_000)
  make('one more')
  make('key 1')
  expect(made.slice(2_000)).toEqual(['one more'])
  make('key 0')
  expect(made.slice(2_000)).toEqual(['one more', 'key 0'])
})

test('wants the trusted root of a keyless publisher as text', () => {
  const keyless = {
    kind: 'oidc',
    issuer: 'https://issuer',
    identity: { type: 'uri', value: 'https://host/owner/repository' },
    trustedRoot: {},
  }
  expect(saying(() => parsePublisherDocument(keyless))).toThrow(refused(/as text/))
  expect(saying(() => parseOidc(keyless))).toThrow(refused(/as text/))
})

test('names a lineage by its first key, whatever other lineages there are', () => {
  const [a, b] = [keyPair(), keyPair()]
  const pair = (from: KeyPair, to: KeyPair) => ({
    predecessorPem: publicPem(from),
    successorPem: publicPem(to),
  })
  const keys = [{ publicKeyPem: publicPem(next) }, { publicKeyPem: publicPem(b) }]
  const document = parsePublisherDocument({
    kind: 'key',
    keys,
    lineage: [pair(a, b), pair(old, next)],
  })
  const input = { publishers: [publisher(document)], revocations: [], atMs: AT_MS }
  const known = toKnownPublishers(input, new VerificationCache())
  const spkiSha256 = fingerprint(old)
  const identity = { id: `key:${spkiSha256}`, kind: 'key' as const, spkiSha256, display: 'old' }
  const lineage = [fingerprint(old), fingerprint(next)].sort()[0]
  expect(lineageOf(identity, known)).toEqual({ ...identity, lineage })
})
