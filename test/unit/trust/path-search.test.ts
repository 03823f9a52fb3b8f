import { expect, test } from 'vitest'

import {
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  TAG,
  utf8String,
} from '../../../services/seal/index.ts'
import {
  findPath,
  parseCertificate,
  PURPOSES,
  VerificationCache,
  type PathRules,
} from '../../../services/trust/index.ts'
import { isWithin } from '../../../services/trust/name-matching.ts'
import {
  AT_MS,
  intermediate,
  issue,
  keyPair,
  root,
  type CertificateSpec,
  type Extension,
  type TestCertificate,
} from '../../support/pki.ts'

const cache = new VerificationCache()
const ca = root()

/** The way from the leaf up, or why there is none. */
function search(
  leaf: TestCertificate,
  others: readonly TestCertificate[],
  rules: PathRules = {},
  anchors: readonly TestCertificate[] = [ca],
) {
  const parse = ({ der }: TestCertificate) => parseCertificate(der, cache)
  const options = {
    intermediates: others.map(parse),
    anchors: anchors.map(parse),
    timesMs: [AT_MS],
    rules,
  }
  const result = findPath(parse(leaf), options, cache)
  return result.kind === 'path'
    ? { length: result.certificates.length }
    : { reason: result.refusal.reason, got: result.refusal.got }
}

const keyId = (id: number): Extension => ({
  oid: '2.5.29.14',
  value: octetString(Uint8Array.of(id)),
})
const authorityKeyId = (id: number): Extension => ({
  oid: '2.5.29.35',
  value: sequence(encodeDer(0x80, Uint8Array.of(id))),
})

test('tries no issuer whose key id is not the one that the certificate names', () => {
  const right = intermediate(ca, { extensions: [keyId(1)] })
  const wrong = intermediate(ca, { extensions: [keyId(2)] })
  const leaf = issue({ issuer: right, extensions: [authorityKeyId(1)] })
  const mistaken = issue({ issuer: right, extensions: [authorityKeyId(2)] })

  expect(search(leaf, [wrong, right])).toEqual({ length: 3 })
  expect(search(mistaken, [right])).toMatchObject({ reason: 'unknown-issuer' })
})

test('takes an issuer without a key id, whatever the certificate names', () => {
  const plain = intermediate(ca)
  expect(search(issue({ issuer: plain, extensions: [authorityKeyId(1)] }), [plain])).toEqual({
    length: 3,
  })
})

test('refuses an authority without a name', () => {
  const nameless = intermediate(ca, { subject: '' })
  expect(search(issue({ issuer: nameless, issuerName: ca.name }), [nameless])).toMatchObject({
    reason: 'certificate-signature',
  })
  const pinned = issue({ subject: '', ca: true, issuer: ca })
  expect(search(pinned, [], { purpose: PURPOSES.any })).toMatchObject({ reason: 'no-subject' })
})

test('stops at sixteen certificates and at as many intermediates as it is told', () => {
  const chain: TestCertificate[] = []
  for (let i = 0; i < 20; i += 1)
    chain.unshift(intermediate(chain[0] ?? ca, { subject: `authority ${i}` }))
  const [lowest = ca] = chain
  expect(search(issue({ issuer: lowest }), chain)).toMatchObject({ reason: 'unknown-issuer' })

  const two = chain.slice(-2)
  const leaf = issue({ issuer: two[0] ?? ca })
  expect(search(leaf, two, { maxIntermediates: 1 })).toMatchObject({ reason: 'unknown-issuer' })
  expect(search(leaf, two, { maxIntermediates: 2 })).toEqual({ length: 4 })
})

test('takes the first path that is valid in time, though a second anchor would do', () => {
  const twin = root({ key: ca.key, serial: 8 })
  const issuing = intermediate(ca)
  expect(search(issue({ issuer: issuing }), [issuing], {}, [ca, twin])).toEqual({ length: 3 })
})

test('tells the refusal that came farthest up', () => {
  const closed = root({ subject: 'closed', pathLength: 0 })
  const middle = intermediate(closed, { subject: 'middle' })
  const lower = intermediate(middle, { subject: 'lower' })
  const stranger = intermediate(root({ subject: 'middle' }), { subject: 'lower', ca: false })
  const leaf = issue({ issuer: lower })
  expect(search(leaf, [lower, middle, stranger], {}, [closed])).toMatchObject({
    reason: 'path-length',
  })
})

const subtree = (list: number, base: Uint8Array): Extension => ({
  oid: '2.5.29.30',
  critical: true,
  value: sequence(encodeDer(list, sequence(base))),
})
const PERMITTED = 0xa0
const EXCLUDED = 0xa1
const REGISTERED_ID = encodeDer(0x88, Uint8Array.of(0x2a, 3))
const OTHER_NAME = encodeDer(0xa0, objectIdentifier('1.2.3'), encodeDer(0xa0, utf8String('x')))
const altName = (...names: Uint8Array[]): Extension => ({
  oid: '2.5.29.17',
  value: sequence(...names),
})

/** Under an authority with this constraint. */
function underConstraint(constraint: Extension, leaf: CertificateSpec) {
  const authority = intermediate(ca, { extensions: [constraint] })
  return search(issue({ issuer: authority, ...leaf }), [authority])
}

test('refuses names of a type that cannot be compared where they are constrained', () => {
  const names = { extensions: [altName(REGISTERED_ID)] }
  expect(underConstraint(subtree(PERMITTED, REGISTERED_ID), names)).toMatchObject({
    reason: 'name-constraints',
    got: expect.stringContaining('a name of another type, which cannot be compared') as string,
  })
  expect(underConstraint(subtree(PERMITTED, OTHER_NAME), names)).toEqual({ length: 3 })
  const mailbox = encodeDer(0x81, Buffer.from('"a b"@example.org'))
  const hosts = subtree(PERMITTED, encodeDer(0x81, Buffer.from('example.org')))
  expect(underConstraint(hosts, { extensions: [altName(mailbox)] })).toMatchObject({
    got: expect.stringContaining('the email name') as string,
  })
})

test('holds a directory name to the subtrees of directory names', () => {
  const team = sequence(setOf([sequence(objectIdentifier('2.5.4.10'), utf8String('Team'))]))
  const inside = sequence(
    setOf([sequence(objectIdentifier('2.5.4.10'), utf8String('team'))]),
    setOf([sequence(objectIdentifier('2.5.4.3'), utf8String('ci'))]),
  )
  const constraint = subtree(PERMITTED, encodeDer(0xa4, team))
  expect(underConstraint(constraint, { name: inside })).toEqual({ length: 3 })
  expect(underConstraint(constraint, { subject: 'ci' })).toMatchObject({
    got: expect.stringContaining('its subject or a directory name') as string,
  })
  expect(underConstraint(constraint, { subject: '' })).toEqual({ length: 3 })
})

test('takes the subject for a host name where no alternative name says one', () => {
  const constraint = subtree(EXCLUDED, encodeDer(0x82, Buffer.from('evil.example')))
  expect(underConstraint(constraint, { subject: 'a.evil.example' })).toMatchObject({
    reason: 'name-constraints',
  })
  expect(underConstraint(constraint, { subject: 'not a host.evil.example' })).toEqual({ length: 3 })
  const beside = altName(encodeDer(0x82, Buffer.from('good.example')))
  expect(underConstraint(constraint, { subject: 'a.evil.example', extensions: [beside] })).toEqual({
    length: 3,
  })
})

test("compares the subject's e-mail addresses", () => {
  const mail = sequence(
    setOf([
      sequence(
        objectIdentifier('1.2.840.113549.1.9.1'),
        encodeDer(TAG.ia5String, Buffer.from('a@evil.example')),
      ),
    ]),
  )
  const constraint = subtree(EXCLUDED, encodeDer(0x81, Buffer.from('evil.example')))
  expect(underConstraint(constraint, { name: mail })).toMatchObject({ reason: 'name-constraints' })
})

test('holds an IPv4 address to no range of IPv6 and tells the address', () => {
  const range = subtree(PERMITTED, encodeDer(0x87, new Uint8Array(32)))
  const address = altName(encodeDer(0x87, Uint8Array.of(10, 0, 0, 1)))
  expect(underConstraint(range, { extensions: [address] })).toMatchObject({
    got: expect.stringContaining('the IP address 10.0.0.1') as string,
  })
})

test('does not hold a self-issued authority to the constraints of the one above', () => {
  const constraint = subtree(PERMITTED, encodeDer(0x82, Buffer.from('example.org')))
  const name = sequence(setOf([sequence(objectIdentifier('2.5.4.3'), utf8String('other.example'))]))
  const authority = intermediate(ca, { name, extensions: [constraint] })
  const rollover = intermediate(authority, { name, serial: 9, key: keyPair() })
  const leaf = issue({ issuer: rollover })
  expect(search(leaf, [authority, rollover])).toEqual({ length: 4 })
})

test('gives up on more names than are compared', () => {
  const host = (i: number) => encodeDer(0x82, Buffer.from(`h${i}.example.org`))
  const many = Array.from({ length: 600 }, (_, i) => host(i))
  const value = sequence(encodeDer(EXCLUDED, ...many.map((base) => sequence(base))))
  const authority = intermediate(ca, {
    extensions: [{ oid: '2.5.29.30', critical: true, value }],
  })
  const others = Array.from({ length: 600 }, (_, i) => host(i + 10_000))
  const leaf = issue({ issuer: authority, extensions: [altName(...others)] })
  expect(search(leaf, [authority])).toMatchObject({
    got: expect.stringContaining('more names than are compared') as string,
  })
})

test('wants the key usage of a signer critical, and that of a timestamper to be signatures alone', () => {
  const lax = { keyUsage: 0, extensions: [usage(0x80)] }
  expect(search(issue({ issuer: ca, ...lax }), [])).toMatchObject({
    got: expect.stringContaining('is not critical') as string,
  })
  const time = { issuer: ca, usages: [] as string[], keyUsage: 0 }
  const timing: Extension = {
    oid: '2.5.29.37',
    critical: true,
    value: sequence(objectIdentifier('1.3.6.1.5.5.7.3.8')),
  }
  const rules = { purpose: PURPOSES.timeStamping }
  expect(search(issue({ ...time, extensions: [timing, usage(0x84)] }), [], rules)).toMatchObject({
    got: expect.stringContaining('is for other things than signatures') as string,
  })
  expect(search(issue({ ...time, extensions: [timing, usage(0)] }), [], rules)).toMatchObject({
    got: expect.stringContaining('is for other things than signatures') as string,
  })
  expect(search(issue({ ...time, extensions: [timing, usage(0xc0)] }), [], rules)).toEqual({
    length: 2,
  })
  expect(
    search(issue({ ...time, extensions: [{ ...timing, critical: false }] }), [], rules),
  ).toMatchObject({ got: expect.stringContaining('is not critical') as string })
})

function usage(bits: number): Extension {
  const octets = bits === 0 ? [0] : [0, bits]
  return { oid: '2.5.29.15', value: encodeDer(TAG.bitString, Uint8Array.from(octets)) }
}

test('compares names of one type alone, and a URI without a host with nothing', () => {
  const host = { type: 'dns' as const, value: 'example.org' }
  const uri = { type: 'uri' as const, value: 'urn:a' }
  expect(isWithin(host, { type: 'uri', value: 'example.org' })).toBe(false)
  expect(isWithin(uri, { type: 'uri', value: 'example.org' })).toBe(false)
})
