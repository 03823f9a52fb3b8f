import { sign } from 'node:crypto'

import { expect, test } from 'vitest'

import {
  bitString,
  encodeDer,
  objectIdentifier,
  octetString,
  readDer,
  sequence,
  smallInteger,
  TAG,
} from '../../../services/seal/index.ts'
import {
  checkStatus,
  parseCertificate,
  parseRevocationList,
  publisherFromPem,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { parseStaples } from '../../../services/trust/ocsp-check.ts'
import { parseOcspResponse } from '../../../services/trust/ocsp-response.ts'
import { isStructureSignedBy } from '../../../services/trust/signed-structure.ts'
import { toInvalidityMs } from '../../../services/trust/validity.ts'
import {
  AT_MS,
  intermediate,
  issue,
  keyPair,
  root,
  type Extension,
  type TestCertificate,
} from '../../support/pki.ts'
import {
  generalized,
  listPem,
  ocspResponse,
  revocationList,
  type ListSpec,
} from '../../support/revocation-data.ts'
import { assertTold, saying } from './told.ts'

const DAY_MS = 86_400_000
const NULL = encodeDer(TAG.null)
const cache = new VerificationCache()
const ca = root()
const broken = (rule: string) =>
  expect.objectContaining({ code: 'INVALID_SEAL', detail: { rule } }) as unknown

const parts = (der: Uint8Array) => readDer(der).children.map(({ bytes }) => bytes)
const [tbs = NULL, algorithm = NULL, signature = NULL] = parts(revocationList(ca))
const entryWith = (...extensions: Extension[]): ListSpec => ({
  revoked: [{ serial: 7, extensions }],
})
const listWith = (...extensions: Extension[]): ListSpec => ({ extensions })
const point = (...flags: Uint8Array[]): ListSpec =>
  listWith({ oid: '2.5.29.28', critical: true, value: sequence(...flags) })

test.each<[string, Uint8Array, string]>([
  ['without a signature', sequence(tbs, algorithm), 'der-shape'],
  ['with an algorithm of another shape', sequence(tbs, NULL, signature), 'der-shape'],
  ['with something after its signature', sequence(tbs, algorithm, signature, NULL), 'der-shape'],
  [
    'that ends too early',
    sequence(sequence(smallInteger(1)), algorithm, signature),
    'der-truncated',
  ],
  [
    'whose number is none',
    revocationList(ca, listWith({ oid: '2.5.29.20', value: NULL })),
    'crl-number',
  ],
  [
    'whose flag is written out as false',
    revocationList(ca, point(encodeDer(0x81, Uint8Array.of(0)))),
    'der-boolean',
  ],
  [
    'whose flag is of two octets',
    revocationList(ca, point(encodeDer(0x82, Uint8Array.of(0xff, 0xff)))),
    'der-boolean',
  ],
  [
    'with a reason that there is not',
    revocationList(ca, { revoked: [{ serial: 7, reason: 7 }] }),
    'crl-reason',
  ],
  [
    'with a reason of two octets',
    revocationList(
      ca,
      entryWith({ oid: '2.5.29.21', value: encodeDer(0x0a, Uint8Array.of(1, 1)) }),
    ),
    'crl-reason',
  ],
  [
    'with a reason that is a whole number',
    revocationList(ca, entryWith({ oid: '2.5.29.21', value: smallInteger(1) })),
    'crl-reason',
  ],
  [
    'with an invalidity date that is a UTCTime',
    revocationList(
      ca,
      entryWith({ oid: '2.5.29.24', value: encodeDer(TAG.utcTime, Buffer.from('260101000000Z')) }),
    ),
    'der-time',
  ],
])('does not read a revocation list %s', (_title, der, rule) => {
  expect(saying(() => parseRevocationList(der, cache))).toThrow(broken(rule))
})

test('does not read a list whose extensions are two', () => {
  const [first = NULL, ...fields] = readDer(tbs)
    .children.slice(0, -1)
    .map(({ bytes }) => bytes)
  const two = encodeDer(0xa0, sequence(), sequence())
  const der = sequence(sequence(first, ...fields, two), algorithm, signature)
  expect(saying(() => parseRevocationList(der, cache))).toThrow(broken('der-shape'))
  const none = sequence(sequence(first, ...fields, encodeDer(0xa0)), algorithm, signature)
  expect(saying(() => parseRevocationList(none, cache))).toThrow(broken('der-shape'))
})

test('keeps the earliest of two entries for one certificate', () => {
  const [early, late] = [AT_MS - 5 * DAY_MS, AT_MS - DAY_MS]
  for (const times of [
    [early, late],
    [late, early],
  ]) {
    const revoked = times.map((atMs) => ({ serial: 7, atMs }))
    const { entries } = parseRevocationList(revocationList(ca, { revoked }), cache)
    expect([...entries.values()].map(({ effectiveAtMs }) => effectiveAtMs)).toEqual([early])
  }
})

test('reads an invalidity date as a GeneralizedTime alone', () => {
  expect(toInvalidityMs(readDer(generalized(AT_MS)))).toBe(AT_MS)
  expect(saying(() => toInvalidityMs(readDer(NULL)))).toThrow(broken('der-time'))
})

/** What lists and responses say of a leaf of `ca`. */
function statusOf(
  lists: readonly Uint8Array[],
  leaf: TestCertificate,
  more: { staples?: readonly Uint8Array[]; intermediates?: readonly TestCertificate[] } = {},
) {
  const document = publisherFromPem(ca.pem)
  if (document.kind !== 'x509') throw new Error('not of a PKI')
  const parse = ({ der }: TestCertificate) => parseCertificate(der, cache)
  const revocation = {
    lists: lists.map((der) => ({ pem: listPem(der) })),
    onFailure: 'closed' as const,
  }
  const result = checkStatus(
    {
      path: [parse(leaf), parse(ca)],
      document: lists.length === 0 ? document : { ...document, revocation },
      fetched: [],
      staples: more.staples ?? [],
      intermediates: (more.intermediates ?? []).map(parse),
      authorities: [],
      trustedTimesMs: [],
      atMs: AT_MS,
    },
    cache,
  )
  assertTold(result.findings)
  return { reasons: result.findings.map(({ reason }) => reason), unchecked: result.unchecked }
}

test('remarks on a certificate that had expired before the list: its issuer need no longer say', () => {
  const leaf = issue({ issuer: ca, untilMs: AT_MS - 30 * DAY_MS })
  expect(statusOf([revocationList(ca)], leaf).unchecked.join()).toContain('after it had expired')
})

test('holds a list for one place to the certificates that name it', () => {
  const name = encodeDer(0x86, Buffer.from('http://crl/'))
  const place = encodeDer(0xa0, encodeDer(0xa0, name))
  const at = (...fields: Uint8Array[]): Extension => ({
    oid: '2.5.29.31',
    value: sequence(sequence(...fields)),
  })
  const list = revocationList(ca, point(place))
  const leafAt = (...fields: Uint8Array[]) => issue({ issuer: ca, extensions: [at(...fields)] })
  expect(statusOf([list], leafAt(place)).reasons).toEqual([])
  expect(statusOf([list], leafAt(place, encodeDer(0x81, Uint8Array.of(0, 0x80)))).reasons).toEqual([
    'crl-missing',
  ])
  const elsewhere = encodeDer(0xa0, encodeDer(0xa0, encodeDer(0x86, Buffer.from('http://other/'))))
  expect(statusOf([list], leafAt(elsewhere)).reasons).toEqual(['crl-missing'])
})

test('believes a list by another key of its issuer that the anchor answers for, or that is the anchor', () => {
  const leaf = issue({ issuer: ca })
  const signer = intermediate(ca, { subject: 'root', serial: 8 })
  const list = revocationList(ca, { key: signer.key })
  expect(statusOf([list], leaf, { intermediates: [signer] }).reasons).toEqual([])
  expect(statusOf([list], leaf).reasons).toEqual(['crl-signature'])
  const stranger = root({ serial: 9 })
  const forged = revocationList(ca, { key: stranger.key })
  expect(statusOf([forged], leaf, { intermediates: [stranger] }).reasons).toEqual(['crl-signature'])
})

test('looks through the anchor for a list about what an authority of its name issued', () => {
  const rollover = intermediate(ca, { subject: 'root', serial: 8 })
  const leaf = issue({ issuer: rollover })
  const document = publisherFromPem(ca.pem)
  if (document.kind !== 'x509') throw new Error('not of a PKI')
  const lists = [{ pem: listPem(revocationList(ca)) }]
  const parse = ({ der }: TestCertificate) => parseCertificate(der, cache)
  const result = checkStatus(
    {
      path: [leaf, rollover, ca].map(parse),
      document: { ...document, revocation: { lists, onFailure: 'closed' } },
      fetched: [],
      staples: [],
      intermediates: [parse(rollover)],
      authorities: [],
      trustedTimesMs: [],
      atMs: AT_MS,
    },
    cache,
  )
  expect(result.findings).toEqual([])
})

test('counts no structure as signed by a weak key or in an algorithm that is none', () => {
  const weak = issue({ key: keyPair('rsa1024') })
  const list = parseRevocationList(revocationList(ca), cache)
  expect(isStructureSignedBy(list, parseCertificate(weak.der, cache), cache)).toBe(false)
  expect(isStructureSignedBy(list, parseCertificate(ca.der, cache), cache)).toBe(true)
})

const good = ocspResponse(ca, { status: 'good', serial: 7 })
const reply = (type: string, basic: Uint8Array): Uint8Array =>
  sequence(
    encodeDer(0x0a, Uint8Array.of(0)),
    encodeDer(0xa0, sequence(objectIdentifier(type), octetString(basic))),
  )
const BASIC = '1.3.6.1.5.5.7.48.1.1'
const HASH = sequence(objectIdentifier('1.3.14.3.2.26'), NULL)

/** A basic response with these parts, signed by `ca`. */
function basicOf(
  spec: {
    hash?: Uint8Array
    status?: Uint8Array
    id?: Uint8Array
    extensions?: Uint8Array
    responses?: Uint8Array[]
  } = {},
): Uint8Array {
  const certId = sequence(
    spec.hash ?? HASH,
    octetString(Buffer.alloc(20)),
    octetString(Buffer.alloc(20)),
    smallInteger(7),
  )
  const single = sequence(certId, spec.status ?? encodeDer(0x80), generalized(AT_MS))
  const data = sequence(
    ...(spec.id === undefined ? [encodeDer(0xa1, ca.name)] : [spec.id]),
    generalized(AT_MS),
    sequence(...(spec.responses ?? [single])),
    ...(spec.extensions === undefined ? [] : [encodeDer(0xa1, sequence(spec.extensions))]),
  )
  const signed = sign('sha256', data, ca.key.privateKey)
  return sequence(data, sequence(objectIdentifier('1.2.840.10045.4.3.2')), bitString(signed))
}

test.each<[string, Uint8Array, string]>([
  ['that is not a basic one', reply('1.3.6.1.5.5.7.48.1.9', basicOf()), 'ocsp-type'],
  ['of nobody', reply(BASIC, basicOf({ id: encodeDer(0xa2, NULL) })), 'ocsp-responder'],
  [
    'in an unknown hash',
    reply(BASIC, basicOf({ hash: sequence(objectIdentifier('1.2.3')) })),
    'ocsp-hash',
  ],
  [
    'with a status that there is not',
    reply(BASIC, basicOf({ status: encodeDer(0x83) })),
    'ocsp-status',
  ],
  [
    'with a critical extension',
    reply(
      BASIC,
      basicOf({
        extensions: sequence(
          objectIdentifier('1.2.3'),
          encodeDer(TAG.boolean, Uint8Array.of(0xff)),
          octetString(NULL),
        ),
      }),
    ),
    'ocsp-extension',
  ],
])('does not read an OCSP response %s', (_title, der, rule) => {
  expect(saying(() => parseOcspResponse(der))).toThrow(broken(rule))
})

test('reads over an extension that is not critical, and names what it cannot read', () => {
  const nonce = sequence(
    objectIdentifier('1.3.6.1.5.5.7.48.1.2'),
    octetString(octetString(Buffer.from('n'))),
  )
  expect(parseOcspResponse(reply(BASIC, basicOf({ extensions: nonce }))).responses).toHaveLength(1)
  const { responses, faults } = parseStaples([good, NULL])
  expect(responses).toHaveLength(1)
  expect(faults.join()).toContain('cannot be read')
})

test('believes no responder whose certificate cannot be read', () => {
  const responder = { ...issue({ issuer: ca, usages: ['1.3.6.1.5.5.7.3.9'] }), der: sequence() }
  const staple = ocspResponse(ca, { status: 'revoked', serial: 7, responder })
  const leaf = issue({ issuer: ca, serial: 7 })
  expect(statusOf([], leaf, { staples: [staple] }).reasons).toEqual([])
  const own = ocspResponse(ca, { status: 'revoked', serial: 7 })
  expect(statusOf([], leaf, { staples: [own] }).reasons).toEqual(['certificate-revoked'])
})

test('does not read a responder whose name is none', () => {
  const nameless = reply(BASIC, basicOf({ id: encodeDer(0xa1, NULL) }))
  expect(saying(() => parseOcspResponse(nameless))).toThrow(broken('certificate-name'))
})
