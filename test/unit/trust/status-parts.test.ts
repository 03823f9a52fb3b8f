import { expect, test } from 'vitest'

import { encodeDer, sequence } from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parseRevocationList,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { lookUp } from '../../../services/trust/list-lookup.ts'
import { findSingleResponses, parseStaples } from '../../../services/trust/ocsp-check.ts'
import { isAbout, isResponder, parseOcspResponse } from '../../../services/trust/ocsp-response.ts'
import {
  AT_MS,
  intermediate,
  issue,
  root,
  type CertificateSpec,
  type Extension,
  type TestCertificate,
} from '../../support/pki.ts'
import { ocspResponse, revocationList, type ListSpec } from '../../support/revocation-data.ts'

const DAY_MS = 86_400_000
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const cache = new VerificationCache()
const parse = ({ der }: TestCertificate) => parseCertificate(der, cache)
const ca = root()
const other = root({ subject: 'other' })
const [anchor, stranger] = [parse(ca), parse(other)]
const leaf = parse(issue({ issuer: ca, serial: 7 }))
const atMs = AT_MS
const response = parseOcspResponse(ocspResponse(ca, { status: 'good', serial: 7 }))

test.each(['sha1', 'sha256'] as const)('knows by %s what a response is about', (hash) => {
  const { responses } = parseOcspResponse(ocspResponse(ca, { status: 'good', serial: 7, hash }))
  const [one] = responses
  if (one === undefined) throw new Error('no response')

  expect(isAbout(one, leaf, anchor)).toBe(true)
  expect(isAbout({ ...one, serial: '08' }, leaf, anchor)).toBe(false)
  expect(isAbout({ ...one, nameHash: one.keyHash }, leaf, anchor)).toBe(false)
  expect(isAbout({ ...one, keyHash: one.nameHash }, leaf, anchor)).toBe(false)
  expect(isAbout(one, leaf, stranger)).toBe(false)
})

test('knows a responder by name and by key', () => {
  const byKey = parseOcspResponse(ocspResponse(ca, { status: 'good', serial: 7, byKey: true }))

  expect([response, byKey].map((each) => isResponder(each, anchor))).toEqual([true, true])
  expect([response, byKey].map((each) => isResponder(each, stranger))).toEqual([false, false])
})

const delegate = (spec: CertificateSpec = {}) =>
  issue({ subject: 'responder', issuer: ca, usages: [OCSP_SIGNING], ...spec })
const critical: Extension = { oid: '1.2.3.4', critical: true, value: sequence() }

test.each<[string, TestCertificate | undefined, boolean]>([
  ['the issuer', undefined, true],
  ['a delegate', delegate(), true],
  ['a delegate without a key usage', delegate({ keyUsage: 0 }), true],
  ['a delegate whose key does not sign', delegate({ keyUsage: 0x08 }), false],
  ['a delegate for something else', delegate({ usages: ['1.3.6.1.5.5.7.3.3'] }), false],
  ['a delegate without usages', delegate({ usages: [] }), false],
  ['a delegate with an unknown critical extension', delegate({ extensions: [critical] }), false],
  ['a delegate of another', delegate({ issuer: other }), false],
  ['one of its name that another issued', delegate({ issuerName: ca.name, issuer: other }), false],
  ['a delegate that has expired', delegate({ untilMs: AT_MS - DAY_MS }), false],
  ['a delegate to come', delegate({ fromMs: AT_MS + DAY_MS }), false],
])('believes a response of %s: or not', (_title, responder, isBelieved) => {
  const spec = { status: 'good' as const, serial: 7, ...(responder !== undefined && { responder }) }
  const found = (...list: Uint8Array[]) =>
    findSingleResponses(leaf, anchor, parseStaples(list).responses, { atMs, cache }).length

  expect(found(ocspResponse(ca, spec))).toBe(isBelieved ? 1 : 0)
  expect(found(ocspResponse(ca, { ...spec, byKey: true }))).toBe(isBelieved ? 1 : 0)
  expect(found(ocspResponse(ca, { ...spec, serial: 8 }))).toBe(0)
  expect(found(ocspResponse(ca, spec), ocspResponse(ca, spec))).toBe(isBelieved ? 2 : 0)
})

test('looks at four certificates of a response, whatever they are', () => {
  const signer = delegate()
  const plain = parseOcspResponse(
    ocspResponse(ca, { status: 'good', serial: 7, responder: signer }),
  )
  const among = (...certificates: Uint8Array[]) =>
    findSingleResponses(leaf, anchor, [{ ...plain, certificates }], { atMs, cache }).length
  const junk = encodeDer(0x05)

  expect(among(signer.der)).toBe(1)
  expect(among()).toBe(0)
  expect(among(junk, other.der, ca.der, signer.der)).toBe(1)
  expect(among(junk, junk, junk, junk, signer.der)).toBe(0)
})

test('names the responses that cannot be read', () => {
  const good = ocspResponse(ca, { status: 'good', serial: 7 })
  const { responses, faults } = parseStaples([encodeDer(0x05), good])

  expect(responses).toHaveLength(1)
  expect(faults).toEqual([
    expect.stringMatching(/^an OCSP response that cannot be read: the OCSP response /),
  ])
})

const issuing = intermediate(ca, { keyUsage: 0x04 })
const signing = intermediate(ca, { keyUsage: 0x02, serial: 9 })
const below = parse(issue({ issuer: issuing, serial: 7, untilMs: AT_MS + DAY_MS }))
const list = (spec: ListSpec = {}, by: TestCertificate = ca) =>
  parseRevocationList(revocationList(by, spec), cache)
const look = (
  lists: readonly ReturnType<typeof list>[],
  change: Partial<Parameters<typeof lookUp>[2]> = {},
) => {
  const { revoked, untilMs, faults, remarks } = lookUp(leaf, anchor, {
    lists,
    maxAgeMs: undefined,
    atMs,
    anchor,
    intermediates: [],
    cache,
    ...change,
  })
  return {
    from: revoked?.effectiveAtMs,
    until: untilMs === undefined ? undefined : untilMs - AT_MS,
    faults: faults.map(({ reason, got }) => `${reason}: ${got}`),
    remarks,
  }
}
const NOTHING = { from: undefined, until: undefined, faults: [], remarks: [] }

test.each<[string, ListSpec, number | undefined, Partial<ReturnType<typeof look>>]>([
  ['a current list', {}, undefined, { until: DAY_MS + 999 }],
  ['a list of this instant', { thisUpdateMs: AT_MS }, undefined, { until: DAY_MS + 999 }],
  [
    'a list to come',
    { thisUpdateMs: AT_MS + 1_000 },
    undefined,
    { faults: ['crl-stale: the revocation list of `CN=root` is of a time to come'] },
  ],
  ['a list that ends now', { nextUpdateMs: AT_MS - 1_000 + 1_000 }, undefined, { until: 999 }],
  [
    'a list that has ended',
    { nextUpdateMs: AT_MS - 1_000 },
    undefined,
    { faults: ['crl-stale: the revocation list of `CN=root` is out of date'] },
  ],
  ['a list of the greatest age', {}, DAY_MS, { until: 0 }],
  [
    'a list that is too old',
    {},
    DAY_MS - 1,
    { faults: ['crl-stale: the revocation list of `CN=root` is out of date'] },
  ],
  [
    'a list of another certificate',
    { revoked: [{ serial: 8 }] },
    undefined,
    { until: DAY_MS + 999 },
  ],
  [
    'the earliest of its revocations',
    {
      revoked: [
        { serial: 7, atMs: AT_MS - 5_000 },
        { serial: 7, atMs: AT_MS - 9_000 },
        { serial: 7, atMs: AT_MS - 7_000 },
      ],
    },
    undefined,
    { from: AT_MS - 9_000, until: DAY_MS + 999 },
  ],
])('reads in %s what it says', (_title, spec, maxAgeMs, expected) => {
  expect(look([list(spec)], { maxAgeMs })).toEqual({ ...NOTHING, ...expected })
})

test('takes of several lists the latest end, and the earliest revocation', () => {
  const lists = [
    list({ revoked: [{ serial: 7, atMs: AT_MS - 5_000 }] }),
    list({ nextUpdateMs: AT_MS + 5 * DAY_MS, revoked: [{ serial: 7, atMs: AT_MS - 9_000 }] }),
    list({ nextUpdateMs: AT_MS + 2 * DAY_MS, revoked: [{ serial: 7, atMs: AT_MS - 7_000 }] }),
    list({ revoked: [{ serial: 7, atMs: AT_MS - 99_000 }] }, other),
  ]

  expect(look(lists)).toEqual({ ...NOTHING, from: AT_MS - 9_000, until: 5 * DAY_MS + 999 })
  expect(look([])).toEqual(NOTHING)
})

test('believes no list that another key signed', () => {
  expect(look([list({ key: other.key })])).toEqual({
    ...NOTHING,
    faults: [
      'crl-signature: the revocation list of `CN=root` bears no valid signature of its issuer',
    ],
  })
})

const point = (uri: string): Uint8Array =>
  encodeDer(0xa0, encodeDer(0xa0, encodeDer(0x86, Buffer.from(uri))))
const issuingPoint = (...parts: Uint8Array[]): ListSpec => ({
  extensions: [{ oid: '2.5.29.28', critical: true, value: sequence(...parts) }],
})
const flag = (tag: number): Uint8Array => encodeDer(tag, Uint8Array.of(0xff))
const pointing = (...uris: string[]) =>
  parse(
    issue({
      issuer: ca,
      serial: 7,
      extensions: [
        { oid: '2.5.29.31', value: sequence(...uris.map((uri) => sequence(point(uri)))) },
      ],
    }),
  )

test.each<[string, ReturnType<typeof pointing>, ListSpec, boolean]>([
  ['users, of a user', leaf, issuingPoint(flag(0x81)), true],
  ['authorities, of a user', leaf, issuingPoint(flag(0x82)), false],
  ['attributes, of a user', leaf, issuingPoint(flag(0x85)), false],
  ['users, of an authority', parse(issuing), issuingPoint(flag(0x81)), false],
  ['authorities, of an authority', parse(issuing), issuingPoint(flag(0x82)), true],
  ['a point, of a certificate without one', leaf, issuingPoint(point('http://a/')), false],
  ['its point', pointing('http://a/'), issuingPoint(point('http://a/')), true],
  ['one of its points', pointing('http://b/', 'http://a/'), issuingPoint(point('http://a/')), true],
  ['another point', pointing('http://b/'), issuingPoint(point('http://a/')), false],
  ['no point, of a certificate with one', pointing('http://a/'), {}, true],
])('covers by a list for %s', (_title, certificate, spec, isCovered) => {
  const context = { maxAgeMs: undefined, atMs, anchor, intermediates: [], cache }
  const { untilMs } = lookUp(certificate, anchor, { lists: [list(spec)], ...context })

  expect(untilMs !== undefined).toBe(isCovered)
})

test.each<[string, TestCertificate, readonly TestCertificate[], boolean]>([
  ['the issuer, which may not', issuing, [], false],
  ['another certificate of its name', signing, [signing], true],
  ['another that is not here', signing, [], false],
  [
    'another that has expired',
    signing,
    [intermediate(ca, { key: signing.key, untilMs: AT_MS - DAY_MS, keyUsage: 0x02 })],
    false,
  ],
  [
    'another under another root',
    signing,
    [intermediate(other, { key: signing.key, keyUsage: 0x02 })],
    false,
  ],
  [
    'another that may not either',
    signing,
    [intermediate(ca, { key: signing.key, keyUsage: 0x04 })],
    false,
  ],
])('takes a list signed by %s', (_title, signer, others, isTaken) => {
  const made = list({}, signer)
  const { untilMs, faults } = lookUp(below, parse(issuing), {
    lists: [made],
    maxAgeMs: undefined,
    atMs,
    anchor,
    intermediates: others.map(parse),
    cache,
  })

  expect([untilMs !== undefined, faults.length]).toEqual(isTaken ? [true, 0] : [false, 1])
})

test('remarks on a list that came after the certificate had expired', () => {
  const expired = parse(issue({ issuer: ca, serial: 7, untilMs: AT_MS - 2 * DAY_MS }))
  const context = { maxAgeMs: undefined, atMs, anchor, intermediates: [], cache }
  const remarks = (thisUpdateMs: number) =>
    lookUp(expired, anchor, { lists: [list({ thisUpdateMs })], ...context }).remarks

  expect(remarks(AT_MS - 2 * DAY_MS)).toEqual([])
  expect(remarks(AT_MS - 2 * DAY_MS + 1_000)).toEqual([
    "revocation of `CN=signer` after it had expired: its issuer's list need no longer say",
  ])
})
