import { expect, test } from 'vitest'

import {
  canonicalJson,
  type Json,
  type Revocation,
  type SealInput,
  type TrustedPublisher,
} from '../../services/model/index.ts'
import {
  DerCursor,
  decodeBundle,
  decodeCms,
  encodeBundle,
  encodeCms,
  encodeDer,
  encodePem,
  lowerTwin,
  otherTwin,
  readDer,
  sequence,
  TAG,
} from '../../services/seal/index.ts'
import {
  AT_MS,
  identityOf,
  intermediate,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publicPem,
  publisher,
  reasonsOf,
  root,
  sealOf,
} from '../support/pki.ts'

const zip = await openZip()
const key = keyPair()
const team = publisher(publicPem(key))
const ca = root()
const issuing = intermediate(ca)
const leaf = issue({ issuer: issuing })
const acme = publisher(ca.pem)

function revoked(targetKind: Revocation['targetKind'], target: string): Revocation[] {
  return [{ targetKind, target, effectiveAtMs: AT_MS, recordedAtMs: AT_MS, reason: 'stolen' }]
}

function digestOfSeal(seal: SealInput, by: TrustedPublisher): string {
  return judgeZip(zip, [by], { seals: [seal] }).seals[0]?.digest ?? ''
}

const statement = await sealOf(zip, identityOf(key))
const bundle = decodeBundle(statement.bytes, 'block')
const loose = JSON.stringify(JSON.parse(Buffer.from(statement.bytes).toString('utf8')), null, 2)

test.each<[string, SealInput]>([
  [
    'the twin of its signature',
    {
      ...statement,
      bytes: encodeBundle({
        ...bundle,
        content: { ...bundle.content, signature: otherTwin(bundle.content.signature, 'P-256') },
      }),
    },
  ],
  [
    'no hint',
    { ...statement, bytes: encodeBundle({ ...bundle, signer: { kind: 'key', hint: '' } }) },
  ],
  [
    'white space, beside the zip',
    { format: 'bundle', place: 'detached', bytes: Buffer.from(loose) },
  ],
])('keeps a statement revoked when it comes back with %s', (_title, again) => {
  const entries = revoked('seal', digestOfSeal(statement, team))

  expect(judgeZip(zip, [team], { seals: [again] }).kind).toBe('trusted')
  expect(reasonsOf(judgeZip(zip, [team], { seals: [again], revocations: entries }))).toEqual([
    'seal-revoked',
  ])
})

const cmsSeal = await sealOf(zip, identityOf(leaf, [issuing]))
const cms = decodeCms(cmsSeal.bytes, 'block')
const withDocument = {
  ...acme,
  document: { ...acme.document, intermediatesPem: [issuing.pem] },
} as TrustedPublisher

test.each<[string, SealInput]>([
  [
    'the twin of its signature',
    { ...cmsSeal, bytes: encodeCms({ ...cms, signature: otherTwin(cms.signature, 'P-256') }) },
  ],
  ['fewer certificates', { ...cmsSeal, bytes: encodeCms({ ...cms, certificates: [leaf.der] }) }],
  [
    'a PEM wrapping',
    { format: 'cms', place: 'detached', bytes: Buffer.from(encodePem('CMS', cmsSeal.bytes)) },
  ],
])('keeps a CMS revoked when it comes back with %s', (_title, again) => {
  const entries = revoked('seal', digestOfSeal(cmsSeal, acme))

  expect(judgeZip(zip, [withDocument], { seals: [again] }).kind).toBe('trusted')
  expect(
    reasonsOf(judgeZip(zip, [withDocument], { seals: [again], revocations: entries })),
  ).toEqual(['seal-revoked'])
})

/** The same certificate with its issuer's signature turned into the other valid one: other bytes, other SHA-256. */
function twinCertificate(): typeof leaf {
  const cursor = new DerCursor(readDer(leaf.der), TAG.sequence, 'certificate')
  const [tbs, algorithm, signature] = [...cursor.rest()]
  const twin = otherTwin((signature?.content ?? new Uint8Array()).subarray(1), 'P-256')
  const der = sequence(
    tbs?.bytes ?? Buffer.alloc(0),
    algorithm?.bytes ?? Buffer.alloc(0),
    encodeDer(TAG.bitString, Uint8Array.of(0), twin),
  )
  return { ...leaf, der, pem: encodePem('CERTIFICATE', der) }
}

test('keeps a certificate revoked by its SHA-256 when it comes back with the twin of its signature', async () => {
  const original =
    judgeZip(zip, [acme], { seals: [cmsSeal] }).seals[0]?.signer?.certificateSha256 ?? ''
  const again = await sealOf(zip, identityOf(twinCertificate(), [issuing]))

  expect(judgeZip(zip, [acme], { seals: [again] }).kind).toBe('trusted')
  expect(
    reasonsOf(
      judgeZip(zip, [acme], { seals: [again], revocations: revoked('certificate', original) }),
    ),
  ).toEqual(['certificate-revoked'])
})

test('refuses another certificate of the same key in the place of the one that was bound', async () => {
  const other = issue({ issuer: issuing, key: leaf.key, subject: 'board of directors' })
  const parsed = decodeCms((await sealOf(zip, identityOf(other, [issuing]))).bytes, 'block')
  const swapped = encodeCms({ ...cms, signer: parsed.signer, certificates: parsed.certificates })

  const verdict = judgeZip(zip, [acme], { seals: [{ ...cmsSeal, bytes: swapped }] })

  expect(reasonsOf(verdict)[0]).toBe('signing-certificate')
})

test.each<[string, Uint8Array, string]>([
  [
    'a certificate off the path',
    encodeCms({ ...cms, certificates: [...cms.certificates, issue({ subject: 'stray' }).der] }),
    'certificate-unused',
  ],
  [
    'no certificate of the signer',
    encodeCms({ ...cms, certificates: [issuing.der] }),
    'no-signer-certificate',
  ],
  ['no signed attributes', encodeCms({ ...cms, signed: undefined }), 'no-signed-attributes'],
  ['bytes after it', Buffer.concat([cmsSeal.bytes, Buffer.from([0])]), 'der-trailing'],
  ['a PEM wrapping', Buffer.from(encodePem('CMS', cmsSeal.bytes)), 'der-truncated'],
])('refuses in a block a CMS with %s', (_title, bytes, reason) => {
  const verdict = judgeZip(zip, [acme], { seals: [{ ...cmsSeal, bytes }] })

  expect(verdict.kind).toBe('tampered')
  expect([reason, 'der-tag', 'der-length', 'der-form']).toContain(reasonsOf(verdict)[0])
})

test('refuses in a block a bundle that is not the canonical form of itself', () => {
  const inBlock: SealInput = { ...statement, bytes: Buffer.from(loose) }

  expect(reasonsOf(judgeZip(zip, [team], { seals: [inBlock] }))[0]).toBe('not-canonical')
})

test('refuses an empty member in a block that says nothing', () => {
  const text = JSON.parse(Buffer.from(statement.bytes).toString('utf8')) as {
    verificationMaterial: Record<string, Json>
  }
  text.verificationMaterial['tlogEntries'] = []
  const seal: SealInput = {
    ...statement,
    bytes: Buffer.from(canonicalJson(text as unknown as Json)),
  }

  expect(reasonsOf(judgeZip(zip, [team], { seals: [seal] }))[0]).toBe('not-canonical')
  expect(judgeZip(zip, [team], { detached: [seal] }).kind).toBe('trusted')
})

test('knows the two forms of one ECDSA signature for one', () => {
  const { signature } = bundle.content

  expect(lowerTwin(otherTwin(signature, 'P-256'), 'P-256')).toEqual(lowerTwin(signature, 'P-256'))
})
