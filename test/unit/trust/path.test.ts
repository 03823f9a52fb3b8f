import { expect, test } from 'vitest'

import {
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
  TAG,
} from '../../../services/seal/index.ts'
import { PlatformError } from '../../../services/model/index.ts'
import {
  parseCertificate,
  publisherFromPem,
  VerificationCache,
} from '../../../services/trust/index.ts'
import {
  AT_MS,
  CODE_SIGNING,
  identityOf,
  intermediate,
  issue,
  keyPair,
  openZip,
  publisher,
  reasonsOf,
  root,
  sealOf,
  type CertificateSpec,
  type TestCertificate,
} from '../../support/pki.ts'
import { judgeZip, saying } from './told.ts'

const YEAR_MS = 365 * 86_400_000
const zip = await openZip()
const ca = root()
const issuing = intermediate(ca)

/** The verdict over a detached CMS by this leaf with these certificates beside it. */
async function judgeBy(leaf: TestCertificate, others: readonly TestCertificate[], anchors = [ca]) {
  const seal = await sealOf(zip, identityOf(leaf, others), { place: 'detached' })
  const document = {
    kind: 'x509' as const,
    forms: ['cms' as const],
    purposes: ['seal'],
    rootsPem: anchors.map(({ pem }) => pem),
    intermediatesPem: [],
  }
  return judgeZip(zip, [publisher(document)], { detached: [seal] })
}

test('follows a path through intermediates to a root', async () => {
  expect((await judgeBy(issue({ issuer: issuing }), [issuing])).kind).toBe('trusted')
})

test('takes the intermediates of the publisher where the seal brings none', async () => {
  const seal = await sealOf(zip, identityOf(issue({ issuer: issuing })))
  const document = publisherFromPem(ca.pem + issuing.pem)

  expect(judgeZip(zip, [publisher(document)], { seals: [seal] }).kind).toBe('trusted')
})

const CRITICAL = { oid: '1.2.3.4.5', critical: true, value: encodeDer(TAG.null) }
test.each<[string, CertificateSpec, string]>([
  ['no extended key usage', { usages: [] }, 'extended-key-usage'],
  ['serverAuth alone', { usages: ['1.3.6.1.5.5.7.3.1'] }, 'extended-key-usage'],
  ['anyExtendedKeyUsage alone', { usages: ['2.5.29.37.0'] }, 'extended-key-usage'],
  ['no digitalSignature in its key usage', { keyUsage: 0x20 }, 'key-usage'],
  ['an unknown critical extension', { extensions: [CRITICAL] }, 'extension-refused'],
  ['keyCertSign beside digitalSignature', { keyUsage: 0x84 }, 'key-usage'],
  [
    'serverAuth beside codeSigning',
    { usages: [CODE_SIGNING, '1.3.6.1.5.5.7.3.1'] },
    'extended-key-usage',
  ],
  ['CA:TRUE', { ca: true }, 'ca-as-signer'],
  ['another issuer than the root under the same name', { issuer: root() }, 'certificate-signature'],
])('refuses a signer with %s', async (_title, spec, reason) => {
  const verdict = await judgeBy(issue({ issuer: ca, ...spec }), [])

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual([reason])
})

test.each<[string, CertificateSpec, string]>([
  ['CA:FALSE', { ca: false }, 'issuer-no-ca'],
  ['no basic constraints', { ca: undefined }, 'issuer-no-ca'],
  ['no keyCertSign', { keyUsage: 0x80 }, 'key-usage'],
  ['an unknown critical extension', { extensions: [CRITICAL] }, 'extension-refused'],
  [
    'an extended key usage without codeSigning',
    { usages: ['1.3.6.1.5.5.7.3.8'] },
    'extended-key-usage',
  ],
  ['a 1024-bit RSA key', { key: keyPair('rsa1024') }, 'weak-key'],
  ['a key on a curve that is not accepted', { key: keyPair('secp256k1') }, 'weak-key'],
])('refuses an issuer with %s', async (_title, spec, reason) => {
  const bad = intermediate(ca, spec)

  const verdict = await judgeBy(issue({ issuer: bad }), [bad])

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual([reason])
})

test('refuses a path longer than a pathLenConstraint allows', async () => {
  const short = intermediate(ca, { subject: 'short', pathLength: 0 })
  const below = intermediate(short, { subject: 'below' })

  expect(reasonsOf(await judgeBy(issue({ issuer: below }), [below, short]))).toEqual([
    'path-length',
  ])
  expect((await judgeBy(issue({ issuer: short }), [short])).kind).toBe('trusted')
})

test('refuses a certificate signed with SHA-1 below the root, and takes a root that signed itself so', async () => {
  const rsa = keyPair('rsa2048')
  const oldRoot = root({ key: rsa, hash: 'sha1' })

  const weak = await judgeBy(issue({ issuer: oldRoot, hash: 'sha1' }), [], [oldRoot])
  const fine = await judgeBy(issue({ issuer: oldRoot }), [], [oldRoot])

  expect(reasonsOf(weak)).toEqual(['weak-algorithm'])
  expect(fine.kind).toBe('trusted')
})

test.each<[string, CertificateSpec]>([
  ['the leaf', { untilMs: AT_MS - 1_000 }],
  ['the leaf, not yet', { fromMs: AT_MS + 1_000 }],
])(
  'fails the expiry check, not the mismatch check, where %s is out of its time',
  async (_title, spec) => {
    const verdict = await judgeBy(issue({ issuer: ca, ...spec }), [])

    const failed = verdict.findings.filter(({ status }) => status === 'failed')
    expect(failed.map(({ rule }) => rule)).toEqual(['expiry'])
  },
)

test('prefers a path whose certificates are valid over an expired one', async () => {
  const key = keyPair()
  const expired = intermediate(ca, { key, untilMs: AT_MS - YEAR_MS / 2 })
  const renewed = intermediate(ca, { key, serial: 8 })
  const leaf = issue({ issuer: renewed })

  expect((await judgeBy(leaf, [expired, renewed])).kind).toBe('trusted')
  expect(reasonsOf(await judgeBy(leaf, [expired]))).toEqual(['certificate-expired'])
})

test('fails the expiry check where the root has expired', async () => {
  const old = root({ untilMs: AT_MS - 1_000 })

  expect(reasonsOf(await judgeBy(issue({ issuer: old }), [], [old]))).toEqual([
    'certificate-expired',
  ])
})

test('lets a pinned end-entity certificate trust itself alone and issue nothing', async () => {
  const pinned = issue({ usages: [], keyUsage: 0 })
  const child = issue({ issuer: pinned, subject: 'child' })

  expect((await judgeBy(pinned, [], [pinned])).kind).toBe('trusted')
  expect(reasonsOf(await judgeBy(child, [], [pinned]))).toEqual(['issuer-no-ca'])
})

test('does not take another certificate of the pinned name and key for the pinned one', async () => {
  const pinned = issue({ usages: [] })
  const twin = issue({ key: pinned.key, serial: 9 })

  expect((await judgeBy(twin, [], [pinned])).kind).toBe('untrusted')
})

test('refuses a pinned certificate that names other usages', async () => {
  const pinned = issue({ usages: ['1.3.6.1.5.5.7.3.1'] })

  expect(reasonsOf(await judgeBy(pinned, [], [pinned]))).toEqual(['extended-key-usage'])
})

test('ends on certificates that issue each other in a circle', async () => {
  const [keyA, keyB] = [keyPair(), keyPair()]
  const a = root({ subject: 'a', key: keyA })
  const b = root({ subject: 'b', key: keyB })
  const aByB = issue({ subject: 'a', key: keyA, issuer: b, ca: true, keyUsage: 0x06, usages: [] })
  const bByA = issue({ subject: 'b', key: keyB, issuer: a, ca: true, keyUsage: 0x06, usages: [] })
  const seal = await sealOf(zip, identityOf(issue({ issuer: a })), { place: 'detached' })
  const document = {
    kind: 'x509' as const,
    forms: ['cms' as const],
    purposes: ['seal'],
    rootsPem: [ca.pem],
    intermediatesPem: [aByB.pem, bByA.pem],
  }

  expect(judgeZip(zip, [publisher(document)], { detached: [seal] }).kind).toBe('untrusted')
})

const cache = new VerificationCache()

function parsing(certificate: TestCertificate): () => unknown {
  return () => parseCertificate(certificate.der, cache)
}

test.each<[string, CertificateSpec]>([
  [
    'another algorithm inside than outside',
    { innerAlgorithm: sequence(objectIdentifier('1.2.840.10045.4.3.3')) },
  ],
  ['an extension twice', { extensions: [{ oid: '2.5.29.19', value: sequence() }] }],
  ['version 1', { version: 0 }],
  [
    'a NUL in an alternative name',
    { altNames: [{ tag: 0x82, value: 'good.example\0.evil.example' }] },
  ],
  [
    'bytes after an extension value',
    {
      extensions: [
        {
          oid: '2.5.29.14',
          value: Buffer.concat([octetString(Buffer.from('a')), Buffer.from([0])]),
        },
      ],
    },
  ],
])('does not parse a certificate with %s', (_title, spec) => {
  expect(saying(parsing(issue(spec)))).toThrow(PlatformError)
})

test('refuses a key with explicit curve parameters, though they are those of P-256', () => {
  const explicit = sequence(
    objectIdentifier('1.2.840.10045.2.1'),
    sequence(smallInteger(1), sequence(objectIdentifier('1.2.840.10045.1.1'), smallInteger(7))),
  )
  const spki = sequence(explicit, encodeDer(TAG.bitString, Uint8Array.of(0, 4)))

  expect(saying(() => publisherFromPem(issue({ spki, usages: [CODE_SIGNING] }).pem))).toThrow(
    /cannot be read|explicit/,
  )
})

test('refuses a compressed point, which would be a second fingerprint for one key', () => {
  const key = keyPair()
  const spki = key.publicKey.export({ format: 'der', type: 'spki' })
  const point = spki.subarray(-65)
  const compressed = sequence(
    sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7')),
    encodeDer(TAG.bitString, Uint8Array.of(0, 2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33)),
  )

  expect(saying(() => publisherFromPem(issue({ key, spki: compressed }).pem))).toThrow(
    'uncompressed',
  )
})
