import { test } from 'vitest'

import {
  encodeDer,
  objectIdentifier,
  sequence,
  smallInteger,
} from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parseRevocationList,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { parseOcspResponse } from '../../../services/trust/ocsp-response.ts'
import { parsePublicKey } from '../../../services/trust/public-key.ts'
import { damaged } from '../../support/damage.ts'
import {
  AT_MS,
  CODE_SIGNING,
  intermediate,
  issue,
  keyPair,
  root,
  type Extension,
} from '../../support/pki.ts'
import { ocspResponse, revocationList } from '../../support/revocation-data.ts'
import { assertWrittenDown } from '../../support/words.ts'
import { outcomeOf } from './outcomes.ts'

const ca = root()
const oid = (dotted: string, value: Uint8Array, critical = false): Extension => ({
  oid: dotted,
  value,
  critical,
})
const text = (tag: number, value: string) => encodeDer(tag, Buffer.from(value))
const certificate = issue({
  issuer: ca,
  usages: [CODE_SIGNING],
  extensions: [
    oid(
      '2.5.29.32',
      sequence(
        sequence(
          objectIdentifier('1.2.3'),
          sequence(sequence(objectIdentifier('1.3.6.1.5.5.7.2.1'), text(0x16, 'http://cps/'))),
        ),
      ),
    ),
    oid(
      '2.5.29.31',
      sequence(sequence(encodeDer(0xa0, encodeDer(0xa0, text(0x86, 'http://crl/'))))),
    ),
    oid(
      '2.5.29.17',
      sequence(
        text(0x82, 'example.org'),
        text(0x81, 'a@example.org'),
        text(0x86, 'https://example.org/'),
      ),
    ),
  ],
})
const authority = intermediate(ca, {
  extensions: [
    oid(
      '2.5.29.33',
      sequence(sequence(objectIdentifier('1.2.3'), objectIdentifier('1.2.4'))),
      true,
    ),
    oid(
      '2.5.29.36',
      sequence(encodeDer(0x80, Uint8Array.of(1)), encodeDer(0x81, Uint8Array.of(1))),
      true,
    ),
    oid('2.5.29.54', smallInteger(1), true),
    oid(
      '2.5.29.30',
      sequence(
        encodeDer(0xa0, sequence(text(0x82, 'example.org'))),
        encodeDer(0xa1, sequence(text(0x81, 'example.com'))),
      ),
      true,
    ),
  ],
})
const rsa = keyPair('rsa2048').publicKey.export({ format: 'der', type: 'spki' })
const p256 = keyPair().publicKey.export({ format: 'der', type: 'spki' })
/** RFC 8032 §7.1, test 1. */
const ed25519 = Buffer.from(
  '302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  'hex',
)
const [p384, p521] = (['p384', 'p521'] as const).map((kind) =>
  keyPair(kind).publicKey.export({ format: 'der', type: 'spki' }),
)
/** As issuers must not, in all that is let pass. */
const departing = issue({
  issuer: ca,
  name: sequence(),
  keyUsage: 0x84,
  usages: [CODE_SIGNING, '1.3.6.1.5.5.7.3.1'],
  extensions: [
    oid('2.5.29.14', encodeDer(0x04, Uint8Array.of(1, 2)), true),
    oid('2.5.29.35', sequence(encodeDer(0x80, Uint8Array.of(1, 2, 3))), true),
    oid('2.5.29.36', sequence(encodeDer(0x80, Uint8Array.of(1)))),
    oid('2.5.29.54', smallInteger(1)),
    oid('2.5.29.17', sequence(text(0x82, 'example.org'), text(0x88, 'x'), text(0x87, '1234'))),
    oid(
      '1.3.6.1.5.5.7.1.1',
      sequence(sequence(objectIdentifier('1.3.6.1.5.5.7.48.1'), text(0x86, 'http://ocsp/'))),
    ),
    oid('1.2.3.4', smallInteger(1), true),
  ],
})
const issuingPoint = (...flags: number[]): Extension =>
  oid(
    '2.5.29.28',
    sequence(
      encodeDer(0xa0, encodeDer(0xa0, text(0x86, 'http://crl/'))),
      ...flags.map((tag) => encodeDer(tag, Uint8Array.of(0xff))),
    ),
    true,
  )
const listOf = (...extensions: Extension[]) => revocationList(ca, { extensions })
const longList = revocationList(ca, {
  revoked: [
    { serial: 7, reason: 6, invalidMs: AT_MS },
    { serial: 8, atMs: AT_MS - 1_000 },
    { serial: 8, atMs: AT_MS - 2_000, reason: 1 },
    { serial: 8, reason: 8 },
    { serial: 9, extensions: [oid('1.2.3', smallInteger(1), true)] },
  ],
})
const read = (der: Uint8Array) => parseCertificate(der, new VerificationCache())
const readList = (der: Uint8Array) => parseRevocationList(der, new VerificationCache())
const key = (der: Uint8Array) => parsePublicKey(der, new VerificationCache())

test.each<[string, Uint8Array, (der: Uint8Array) => unknown]>([
  ['a certificate', certificate.der, read],
  ['an authority', authority.der, read],
  ['an RSA key', rsa, key],
  ['a P-256 key', p256, key],
  ['a P-384 key', p384 ?? p256, key],
  ['a P-521 key', p521 ?? p256, key],
  ['an Ed25519 key', ed25519, key],
  ['a departing certificate', departing.der, read],
  ['a list for users', listOf(issuingPoint(0x81), oid('2.5.29.20', smallInteger(1))), readList],
  ['a list for authorities', listOf(issuingPoint(0x82, 0x83)), readList],
  ['a list for attributes', listOf(issuingPoint(0x85)), readList],
  ['a list of many', longList, readList],
  ['a delta list', listOf(oid('2.5.29.27', smallInteger(1), true)), readList],
  ['a strange list', listOf(oid('1.2.3', smallInteger(1), true)), readList],
  ['a list without extensions', revocationList(ca, { extensions: [] }), readList],
  [
    'a revocation list',
    revocationList(ca, { revoked: [{ serial: 7, reason: 1, invalidMs: AT_MS }] }),
    readList,
  ],
  ['an OCSP response', ocspResponse(ca, { status: 'good', serial: 7 }), parseOcspResponse],
  [
    'an OCSP response of a revocation',
    ocspResponse(ca, {
      status: 'revoked',
      serial: 7,
      byKey: true,
      responder: certificate,
      singleExtensions: [oid('1.2.3', smallInteger(1))],
    }),
    parseOcspResponse,
  ],
])('reads %s, and says of each damage to it what is wrong', (title, der, parse) => {
  const whole = parse(der)
  const told: Record<string, string> = {}
  for (const { where, der: bad } of damaged(der)) told[where] = outcomeOf(() => parse(bad), whole)

  assertWrittenDown(new URL(`damaged/${title.replaceAll(' ', '-')}.json`, import.meta.url), told)
})
