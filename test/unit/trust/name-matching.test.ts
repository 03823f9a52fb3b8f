import { describe, expect, test } from 'vitest'

import { encodeDer, objectIdentifier, sequence, setOf, TAG } from '../../../services/seal/index.ts'
import { parseCertificate, VerificationCache } from '../../../services/trust/index.ts'
import { findForbiddenName, newComparisonBudget } from '../../../services/trust/forbidden-names.ts'
import type { GeneralName } from '../../../services/trust/general-names.ts'
import {
  couldBeIn,
  isDnsName,
  isMailbox,
  isWithin,
  uriHost,
} from '../../../services/trust/name-matching.ts'
import type { DistinguishedName } from '../../../services/trust/names.ts'
import { issue, root } from '../../support/pki.ts'

const dns = (value: string): GeneralName => ({ type: 'dns', value })
const email = (value: string): GeneralName => ({ type: 'email', value })
const uri = (value: string): GeneralName => ({ type: 'uri', value })
const ip = (...octets: number[]): GeneralName => ({ type: 'ip', octets: Uint8Array.from(octets) })
const nameOf = (...rdns: string[]): DistinguishedName => ({
  key: rdns.join(),
  rdns,
  emails: [],
  commonNames: [],
})
const directory = (...rdns: string[]): GeneralName => ({ type: 'directory', name: nameOf(...rdns) })
const other = (tag: number): GeneralName => ({ type: 'other', tag })
const label = (length: number): string => 'a'.repeat(length)
const long = (length: number): string =>
  `${label(63)}.${label(63)}.${label(63)}.${label(length - 192)}`

test.each<[string, boolean]>([
  ['example.org', true],
  ['EXAMPLE.org', true],
  ['a', true],
  ['a-b.c', true],
  ['_a._b', true],
  ['a_', true],
  ['1.2', true],
  [label(63), true],
  [label(64), false],
  [long(253), true],
  [long(254), false],
  ['', false],
  ['.a', false],
  ['a.', false],
  ['a..b', false],
  ['-a', false],
  ['a-', false],
  ['a b', false],
  [' a', false],
  ['a ', false],
  ['*.a', false],
  ['ä', false],
])('reads %s as a host name or not', (text, isOne) => {
  expect(isDnsName(text)).toBe(isOne)
})

test.each<[string, boolean]>([
  ['a@example.org', true],
  ["o'neil+x=1@example.org", true],
  [`${label(64)}@b`, true],
  [`${label(65)}@b`, false],
  ['a', false],
  ['@b', false],
  ['a@', false],
  ['a@b@c', false],
  ['a@b@', false],
  ['a b@c', false],
  [' a@b', false],
  ['a @b', false],
  ['"a"@b', false],
  ['a"@b', false],
  ['a@-b', false],
])('reads %s as a mailbox or not', (text, isOne) => {
  expect(isMailbox(text)).toBe(isOne)
})

test.each<[string, string | undefined]>([
  ['https://example.org', 'example.org'],
  ['HTTPS://EXAMPLE.org/a/b', 'example.org'],
  ['a+b-1.c://example.org?x', 'example.org'],
  ['https://example.org#x', 'example.org'],
  ['https://example.org:8443/', 'example.org'],
  ['https://user@example.org/', 'example.org'],
  ['https://@example.org/', 'example.org'],
  ['https://a.1/', 'a.1'],
  ['https://1.a/', '1.a'],
  ['https://user@x@example.org/', undefined],
  ['https://user:1@example.org/', 'example.org'],
  ['https://example.org:123456/', undefined],
  ['https://example.org:/', undefined],
  ['https://example.org:1x/', undefined],
  ['https://example.org\\@x/', undefined],
  ['https://example .org/', undefined],
  ['1https://example.org/', undefined],
  [' https://example.org/', undefined],
  ['https:/example.org/', undefined],
  ['mailto:a@example.org', undefined],
  ['https:///path', undefined],
  ['https://12/', undefined],
  ['https://10.20.30.40/', undefined],
  ['https://1.2.3.4/', undefined],
  ['https://[::1]/', undefined],
  ['https://-a/', undefined],
  ['urn:a', undefined],
])('takes from %s the host %s', (text, host) => {
  expect(uriHost(text)).toBe(host)
})

test.each<[GeneralName, GeneralName, boolean]>([
  [dns('example.org'), dns('example.org'), true],
  [dns('Example.ORG'), dns('eXample.org'), true],
  [dns('a.example.org'), dns('example.org'), true],
  [dns('a.b.example.org'), dns('Example.org'), true],
  [dns('example.org'), dns(''), true],
  [dns('badexample.org'), dns('example.org'), false],
  [dns('example.org'), dns('a.example.org'), false],
  [dns('example.com'), dns('example.org'), false],
  [dns('*.example.org'), dns('example.org'), true],
  [dns('*.example.org'), dns('a.example.org'), false],
  [dns('a.*.example.org'), dns('a.example.org'), false],
  [email('a@example.org'), email('example.org'), true],
  [email('a@EXAMPLE.org'), email('Example.org'), true],
  [email('a@b.example.org'), email('example.org'), false],
  [email('a@b.example.org'), email('.example.org'), true],
  [email('a@example.org'), email('.example.org'), false],
  [email('a@.example.org'), email('.example.org'), false],
  [email('a@some.other.place'), email('.b.c'), false],
  [email('a@example.org'), email('a@example.org'), true],
  [email('a@EXAMPLE.org'), email('a@example.ORG'), true],
  [email('A@example.org'), email('a@example.org'), false],
  [email('a@example.org'), email('b@example.org'), false],
  [email('a@example.org'), email('a@example.com'), false],
  [email('a@example.org'), email('@example.org'), false],
  [uri('https://example.org/'), uri('example.org'), true],
  [uri('https://example.org/'), uri('EXAMPLE.org'), true],
  [uri('https://a.example.org/'), uri('example.org'), false],
  [uri('https://a.example.org/'), uri('.example.org'), true],
  [uri('https://example.org/'), uri('.example.org'), false],
  [uri('https://a.longer-example.com/'), uri('.b.org'), false],
  [uri('urn:a'), uri('example.org'), false],
  [ip(10, 1, 2, 3), ip(10, 0, 0, 0, 255, 0, 0, 0), true],
  [ip(10, 1, 2, 3), ip(10, 9, 9, 9, 255, 0, 0, 0), true],
  [ip(11, 1, 2, 3), ip(10, 0, 0, 0, 255, 0, 0, 0), false],
  [ip(10, 1, 2, 3), ip(10, 1, 2, 3, 255, 255, 255, 255), true],
  [ip(10, 1, 2, 4), ip(10, 1, 2, 3, 255, 255, 255, 255), false],
  [ip(10, 1, 2, 3), ip(0, 0, 0, 0, 0, 0, 0, 0), true],
  [ip(10, 1, 2, 3), ip(...Array.from({ length: 32 }, () => 0)), false],
  [directory('C=DE', 'O=acme', 'CN=a'), directory('C=DE', 'O=acme'), true],
  [directory('C=DE', 'O=acme'), directory('C=DE', 'O=acme'), true],
  [directory('C=DE'), directory('C=DE', 'O=acme'), false],
  [directory('O=acme', 'C=DE'), directory('C=DE'), false],
  [directory('C=DE', 'O=acme'), directory('C=DE', 'O=other'), false],
  [directory('C=DE'), directory(), true],
  [other(0xa0), other(0xa0), false],
])('says of %j and the subtree %j whether all lies within: %s', (name, base, isIn) => {
  expect(isWithin(name, base)).toBe(isIn)
})

describe('a name of one type and a subtree of another', () => {
  const texts = ['example.org', 'a@example.org', 'https://example.org/', '*.example.org']
  const names = [
    ...texts.flatMap((text) => [dns(text), email(text), uri(text)]),
    ip(10, 1, 2, 3),
    ip(10, 1, 2, 3, 255, 0, 0, 0),
    directory('C=DE'),
    other(0xa0),
  ]

  test('never meet', () => {
    for (const name of names)
      for (const base of [...names, dns('a.example.org'), email('a.example.org')]) {
        if (name.type === base.type) continue
        expect(isWithin(name, base)).toBe(false)
        expect(couldBeIn(name, base)).toBe(false)
      }
  })
})

test.each<[GeneralName, GeneralName, boolean]>([
  [dns('*.example.org'), dns('a.example.org'), true],
  [dns('*.EXAMPLE.org'), dns('host.Example.ORG'), true],
  [dns('*.example.org'), dns('example.org'), true],
  [dns('*.example.org'), dns('a.b.example.org'), false],
  [dns('*.example.org'), dns('a.example.com'), false],
  [dns('b.example.org'), dns('a.example.org'), false],
  [dns('b.example.org'), dns('b.example.org'), true],
  [dns('example.org'), dns('a.example.org'), false],
  [dns('example.*.'), dns('a.ample.*.'), false],
  [email('a@example.org'), email('example.org'), true],
  [email('a@example.org'), email('example.com'), false],
])('says of %j and the subtree %j whether something could be in it: %s', (name, base, isIn) => {
  expect(couldBeIn(name, base)).toBe(isIn)
})

const attribute = (oid: string, tag: number, value: string): Uint8Array =>
  setOf([sequence(objectIdentifier(oid), encodeDer(tag, Buffer.from(value)))])
const commonName = (value: string): Uint8Array => attribute('2.5.4.3', TAG.utf8String, value)
const mail = (value: string): Uint8Array => attribute('1.2.840.113549.1.9.1', TAG.ia5String, value)

const ca = root()

function certificateOf(rdns: readonly Uint8Array[], names: readonly GeneralName[]) {
  const { der } = issue({ name: sequence(...rdns), issuer: ca })
  const certificate = parseCertificate(der, new VerificationCache())
  return { ...certificate, extensions: { ...certificate.extensions, generalNames: names } }
}

const plain = commonName('signer')

test.each<[string, Uint8Array[], GeneralName[], GeneralName[], GeneralName[], string | undefined]>([
  ['nothing constrained', [plain], [dns('a.b')], [], [], undefined],
  ['another type constrained', [plain], [dns('a.b')], [uri('a.b')], [ip(1, 2, 3, 4)], undefined],
  ['what is permitted', [plain], [dns('a.b')], [dns('c'), dns('b')], [], undefined],
  [
    'what is not permitted',
    [plain],
    [dns('a.b')],
    [dns('c')],
    [],
    'the dns name `a.b`, which is not permitted',
  ],
  [
    'one of two not permitted',
    [plain],
    [uri('https://a.b/'), uri('https://c.d/')],
    [uri('a.b')],
    [],
    'the uri name `https://c.d/`, which is not permitted',
  ],
  [
    'what is excluded',
    [plain],
    [email('a@b.c')],
    [],
    [email('x.y'), email('b.c')],
    'the email name `a@b.c`, which is excluded',
  ],
  ['what another is excluded of', [plain], [dns('a.b')], [dns('b')], [dns('c.b')], undefined],
  [
    'a wildcard over what is excluded',
    [plain],
    [dns('*.b')],
    [dns('b')],
    [dns('c.b')],
    'the dns name `*.b`, which is excluded',
  ],
  [
    'a name that is none',
    [plain],
    [dns('a..b')],
    [dns('')],
    [],
    'the dns name `a..b`, which cannot be compared',
  ],
  [
    'a star in the midst',
    [plain],
    [dns('a*.b')],
    [dns('')],
    [],
    'the dns name `a*.b`, which cannot be compared',
  ],
  [
    'two stars in the midst',
    [plain],
    [dns('a.*.b')],
    [dns('')],
    [],
    'the dns name `a.*.b`, which cannot be compared',
  ],
  [
    'an address that is none',
    [plain],
    [email('a b@c')],
    [email('c')],
    [],
    'the email name `a b@c`, which cannot be compared',
  ],
  [
    'a URI without a host',
    [plain],
    [uri('urn:a')],
    [],
    [uri('c')],
    'the uri name `urn:a`, which cannot be compared',
  ],
  [
    'an address of five octets',
    [plain],
    [ip(1, 2, 3, 4, 5)],
    [],
    [ip(1, 2, 3, 4, 0, 0, 0, 0)],
    'the IP address 1.2.3.4.5, which cannot be compared',
  ],
  [
    'an address of sixteen octets',
    [plain],
    [ip(...Array.from({ length: 16 }, (_, i) => i))],
    [ip(...Array.from({ length: 32 }, () => 0))],
    [],
    undefined,
  ],
  [
    'an address that is not permitted',
    [plain],
    [ip(1, 2, 3, 4)],
    [ip(2, 0, 0, 0, 255, 0, 0, 0)],
    [],
    'the IP address 1.2.3.4, which is not permitted',
  ],
  [
    'a name of another type that is constrained',
    [plain],
    [other(0xa0)],
    [],
    [other(0xa0)],
    'a name of another type, which cannot be compared',
  ],
  ['two other types', [plain], [other(0xa0)], [other(0xa3)], [other(0x88)], undefined],
  ['another type beside dns', [plain], [dns('a.b')], [other(0xa0)], [other(0x82)], undefined],
  [
    'a subject that is not permitted',
    [plain],
    [],
    [directory('["2.5.4.3=other"]')],
    [],
    'its subject or a directory name, which is not permitted',
  ],
  ['a subject that is permitted', [plain], [], [directory('["2.5.4.3=signer"]')], [], undefined],
  ['no subject', [], [], [directory('["2.5.4.3=other"]')], [], undefined],
  [
    'an address in the subject',
    [plain, mail('a@b.c')],
    [],
    [email('d.e')],
    [],
    'the email name `a@b.c`, which is not permitted',
  ],
  [
    'a common name that is a host',
    [commonName('a.b')],
    [uri('https://d.e/')],
    [dns('d.e')],
    [],
    'the dns name `a.b`, which is not permitted',
  ],
  [
    'a common name beside a dNSName',
    [commonName('a.b')],
    [uri('https://d.e/'), dns('d.e')],
    [dns('d.e')],
    [],
    undefined,
  ],
  ['a common name without a dot', [commonName('signer')], [], [dns('d.e')], [], undefined],
  ['a common name that is no host', [commonName('a .b')], [], [dns('d.e')], [], undefined],
  [
    'a long name',
    [plain],
    [uri(`https://${label(300)}`)],
    [uri('c')],
    [],
    `the uri name \`https://${label(192)}\`, which cannot be compared`,
  ],
])('says of a certificate with %s what is forbidden', (...row) => {
  const [, rdns, names, permitted, excluded, said] = row
  const found = findForbiddenName(
    certificateOf(rdns, names),
    { permitted, excluded },
    newComparisonBudget(),
  )

  expect(found).toBe(said)
})

test('spends the subtrees of each name, and says when no more are compared', () => {
  const certificate = certificateOf([], [dns('a.b'), dns('c.d')])
  const constraints = { permitted: [uri('x')], excluded: [uri('y'), uri('z')] }
  const left = (comparisons: number) => {
    const budget = { comparisons }
    return [findForbiddenName(certificate, constraints, budget), budget.comparisons]
  }

  expect(newComparisonBudget()).toEqual({ comparisons: 250_000 })
  expect(left(10)).toEqual([undefined, 4])
  expect(left(6)).toEqual([undefined, 0])
  expect(left(5)).toEqual(['more names than are compared', -1])
})
