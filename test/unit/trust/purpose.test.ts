import { describe, expect, test } from 'vitest'

import { parseCertificate, PURPOSES, VerificationCache } from '../../../services/trust/index.ts'
import { issue, type CertificateSpec } from '../../support/pki.ts'
import { stampingUsage } from '../../support/timestamp-token.ts'

const ANY = '2.5.29.37.0'
const SERVER = '1.3.6.1.5.5.7.3.1'
const CLIENT = '1.3.6.1.5.5.7.3.2'
const CODE = '1.3.6.1.5.5.7.3.3'
const MAIL = '1.3.6.1.5.5.7.3.4'
const STAMP = '1.3.6.1.5.5.7.3.8'

function refusal(purpose: keyof typeof PURPOSES, spec: CertificateSpec, pinned = false) {
  const leaf = parseCertificate(issue(spec).der, new VerificationCache())
  const found = PURPOSES[purpose].refuseLeaf(leaf, pinned)
  return found === undefined ? undefined : `${found.reason}: ${found.got}`
}

const AUTHORITY =
  'ca-as-signer: `CN=signer` is a certificate authority, which signs certificates and no code'
const usage = (what: string): string =>
  `extended-key-usage: the extended key usage of \`CN=signer\` ${what}`
const bits = (what: string): string => `key-usage: the key usage of \`CN=signer\` ${what}`
const lax = {
  keyUsage: 0,
  extensions: [{ oid: '2.5.29.15', value: Uint8Array.of(0x03, 0x02, 0x07, 0x80) }],
}

describe('code signing', () => {
  test.each<[string, CertificateSpec, string | undefined, string | undefined]>([
    ['a certificate for it', {}, undefined, undefined],
    ['no key usage', { keyUsage: 0 }, undefined, undefined],
    ['an authority', { ca: true }, AUTHORITY, AUTHORITY],
    [
      'a key that does not sign',
      { keyUsage: 0x20 },
      bits('lacks digitalSignature'),
      bits('lacks digitalSignature'),
    ],
    [
      'a key for certificates',
      { keyUsage: 0x84 },
      bits('is for certificates or revocation lists, too'),
      undefined,
    ],
    [
      'a key for lists',
      { keyUsage: 0x82 },
      bits('is for certificates or revocation lists, too'),
      undefined,
    ],
    ['a key usage that is not critical', lax, bits('is not critical'), undefined],
    ['no usages', { usages: [] }, usage('lacks codeSigning'), undefined],
    ['other usages', { usages: [CLIENT] }, usage('lacks codeSigning'), usage('lacks codeSigning')],
    ['others beside it', { usages: [CODE, CLIENT] }, undefined, undefined],
    [
      'servers beside it',
      { usages: [CODE, SERVER] },
      usage('has serverAuth or any usage beside codeSigning'),
      usage('has serverAuth or any usage beside codeSigning'),
    ],
    [
      'any beside it',
      { usages: [CODE, ANY] },
      usage('has serverAuth or any usage beside codeSigning'),
      usage('has serverAuth or any usage beside codeSigning'),
    ],
    ['any alone', { usages: [ANY] }, usage('lacks codeSigning'), usage('lacks codeSigning')],
  ])('%s', (_title, spec, issued, pinned) => {
    expect([refusal('codeSigning', spec), refusal('codeSigning', spec, true)]).toEqual([
      issued,
      pinned,
    ])
  })
})

const stamper = (keyUsage: number, usages?: readonly string[], critical?: boolean) => ({
  keyUsage,
  usages: [],
  extensions: [stampingUsage(usages, critical)],
})

describe('time stamping', () => {
  test.each<[string, CertificateSpec, string | undefined]>([
    ['a certificate for it', stamper(0x80), undefined],
    ['nonRepudiation', stamper(0x40), undefined],
    ['both', stamper(0xc0), undefined],
    ['no key usage', stamper(0), undefined],
    ['a key for other things', stamper(0x20), bits('is for other things than signatures')],
    ['a key for other things, too', stamper(0xa0), bits('is for other things than signatures')],
    ['no usages', { usages: [] }, usage('is not timeStamping alone')],
    ['another usage', stamper(0x80, [CODE]), usage('is not timeStamping alone')],
    ['another usage beside it', stamper(0x80, [STAMP, CODE]), usage('is not timeStamping alone')],
    ['a usage that is not critical', stamper(0x80, [STAMP], false), usage('is not critical')],
    ['an authority', { ...stamper(0x80), ca: true }, AUTHORITY],
  ])('%s', (_title, spec, expected) => {
    expect(refusal('timeStamping', spec)).toBe(expected)
  })
})

test.each<[keyof typeof PURPOSES, string, number[], number[]]>([
  ['serverAuth', SERVER, [0x80, 0x20, 0x08], [0x40, 0x04]],
  ['clientAuth', CLIENT, [0x80, 0x08], [0x40, 0x20]],
  ['emailProtection', MAIL, [0x80, 0x40, 0x20, 0x08], [0x04, 0x02]],
])('%s asks for its usage and for one of its bits', (purpose, own, good, bad) => {
  const spec = { usages: [own] }

  expect(refusal(purpose, { ...spec, keyUsage: 0 })).toBeUndefined()
  expect(good.map((keyUsage) => refusal(purpose, { ...spec, keyUsage }))).toEqual(
    good.map(() => undefined),
  )
  expect(bad.map((keyUsage) => refusal(purpose, { ...spec, keyUsage }))).toEqual(
    bad.map(() => bits(`is not for ${purpose}`)),
  )
  expect(refusal(purpose, { usages: [] })).toBeUndefined()
  expect(refusal(purpose, { usages: [ANY] })).toBeUndefined()
  expect(refusal(purpose, { usages: [CODE] })).toBe(usage(`lacks ${purpose}`))
  expect(refusal(purpose, { ...spec, ca: true })).toBe(AUTHORITY)
})

test('any takes an authority, and whatever a certificate is for', () => {
  expect(refusal('any', { ca: true, usages: [SERVER], keyUsage: 0x04 })).toBeUndefined()
  expect(PURPOSES.any.usage).toBeUndefined()
})
