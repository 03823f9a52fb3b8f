import { expect, test } from 'vitest'

import { parsePublisherDocument, timestampAuthorityFromPem } from '../../../services/trust/index.ts'
import { issue, keyPair } from '../../support/pki.ts'
import { authority, stampingUsage } from '../../support/timestamp-token.ts'
import { saying } from './told.ts'

const tsa = authority()
const signer = issue()
const weak = issue({ key: keyPair('rsa1024') })

const parse = (timestampAuthorities: unknown) =>
  parsePublisherDocument({ kind: 'x509', rootsPem: [signer.pem], timestampAuthorities })

test('keeps the authorities of a publisher with their certificates in one form', () => {
  const given = { rootsPem: [`text\n${tsa.root.pem}`], intermediatesPem: [tsa.issuing.pem] }

  expect(parse([given]).timestampAuthorities).toEqual([
    { rootsPem: [tsa.root.pem], intermediatesPem: [tsa.issuing.pem] },
  ])
  expect(parse([{ rootsPem: [tsa.root.pem] }]).timestampAuthorities?.[0]?.intermediatesPem).toEqual(
    [],
  )
})

const good = { rootsPem: [tsa.root.pem] }
const critical = { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }
test.each<[string, unknown, string]>([
  ['no list', good, 'not a list'],
  ['an empty list', [], 'not a list of 1 to 8'],
  ['nine authorities', Array.from({ length: 9 }, () => good), 'not a list of 1 to 8'],
  ['a text', ['x'], 'not a JSON object'],
  ['null', [null], 'not a JSON object'],
  ['a list in the list', [[]], 'not a JSON object'],
  ['an unknown member', [{ ...good, url: 'x' }], 'unknown member `url`'],
  ['no roots', [{ rootsPem: [] }], 'has no root'],
  ['roots that are no list', [{ rootsPem: tsa.root.pem }], '`rootsPem` of a timestamp authority'],
  ['nine roots', [{ rootsPem: Array(9).fill(tsa.root.pem) }], 'at most 8'],
  ['a root that is no text', [{ rootsPem: [1] }], 'list of texts'],
  ['a root of 70,000 characters', [{ rootsPem: ['x'.repeat(70_000)] }], 'list of texts'],
  ['a root that is no PEM', [{ rootsPem: ['x'] }], 'PEM block'],
  ['a weak root', [{ rootsPem: [weak.pem] }], '1024 bits'],
  [
    'an extension not processed',
    [{ rootsPem: [issue({ extensions: [critical] }).pem] }],
    '1.2.3.4',
  ],
  ['an authority twice', [good, good], 'twice'],
])('refuses %s', (_what, value, message) => {
  expect(saying(() => parse(value))).toThrow(
    expect.objectContaining({
      code: 'INVALID_PARAMETER',
      message: expect.stringContaining(message),
    }),
  )
})

test('takes the self-signed of a PEM text for roots and the others for intermediates', () => {
  const text = tsa.leaf.pem + tsa.issuing.pem + tsa.root.pem

  expect(timestampAuthorityFromPem(text)).toEqual({
    rootsPem: [tsa.root.pem],
    intermediatesPem: [tsa.leaf.pem, tsa.issuing.pem],
  })
})

test('pins the certificates of a PEM text in which none signed itself', () => {
  expect(timestampAuthorityFromPem(tsa.leaf.pem).rootsPem).toEqual([tsa.leaf.pem])
})

test('takes a self-signed certificate for time stamping for an authority of its own', () => {
  const pinned = issue({ subject: 'own', usages: [], extensions: [stampingUsage()] })

  expect(timestampAuthorityFromPem(pinned.pem).rootsPem).toEqual([pinned.pem])
})

const publicPem = tsa.leaf.key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
test.each([
  ['nothing', '', 'certificates in PEM'],
  ['a public key', publicPem, 'certificates in PEM'],
  ['a block that does not end', '-----BEGIN CERTIFICATE-----\n', 'does not end'],
])('refuses %s as an authority', (_what, pem, message) => {
  expect(saying(() => timestampAuthorityFromPem(pem))).toThrow(
    expect.objectContaining({
      code: 'INVALID_PARAMETER',
      message: expect.stringContaining(message),
    }),
  )
})
