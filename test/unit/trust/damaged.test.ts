import { expect, test } from 'vitest'

import {
  encodeDer,
  objectIdentifier,
  sequence,
  smallInteger,
} from '../../../services/seal/index.ts'
import { PlatformError } from '../../../services/model/index.ts'
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
const read = (der: Uint8Array) => parseCertificate(der, new VerificationCache())
const key = (der: Uint8Array) => parsePublicKey(der, new VerificationCache())

test.each<[string, Uint8Array, (der: Uint8Array) => unknown]>([
  ['a certificate', certificate.der, read],
  ['an authority', authority.der, read],
  ['an RSA key', rsa, key],
  ['a P-256 key', p256, key],
  [
    'a revocation list',
    revocationList(ca, { revoked: [{ serial: 7, reason: 1, invalidMs: AT_MS }] }),
    (der) => parseRevocationList(der, new VerificationCache()),
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
  expect(() => parse(der)).not.toThrow()
  const told: Record<string, string> = {}
  for (const { where, der: bad } of damaged(der)) told[where] = outcomeOf(() => parse(bad))

  assertWrittenDown(new URL(`damaged/${title.replaceAll(' ', '-')}.json`, import.meta.url), told)
})

function outcomeOf(parse: () => unknown): string {
  try {
    parse()
    return 'read'
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    const { code, detail, publicMessage } = error
    // Signatures differ in length.
    const told = publicMessage.replace(/^\d+ bytes stand/, 'bytes stand')
    return `${code} ${JSON.stringify(detail)}: ${told}`.replaceAll(/[0-9a-f]{12,}/g, '<hex>')
  }
}
