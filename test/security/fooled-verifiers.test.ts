import { expect, test } from 'vitest'

import { unsealedSource } from '../../services/artifact/index.ts'
import type { SealInput } from '../../services/model/index.ts'
import {
  parsePublisherDocument,
  publisherFromPem,
  timestampAuthorityFromPem,
} from '../../services/trust/index.ts'
import { makeSeal } from '../../cli/signing/index.ts'
import {
  AT_MS,
  identityOf,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publicPem,
  publisher,
  readAll,
  reasonsOf,
  root,
  sealOf,
} from '../support/pki.ts'
import { listPem, revocationList } from '../support/revocation-data.ts'
import { detached, IDENTITY, ISSUER, TestSigstore } from '../support/sigstore.ts'
import { authority, makeToken, timeText, type TestAuthority } from '../support/timestamp-token.ts'
import { zipOf } from '../support/zip-builder.ts'

// How verifiers in the field were fooled: one test each, through the whole judgement.

const DAY_MS = 86_400_000
const zip = await openZip()
const ca = root()
const sigstore = new TestSigstore()

function keyless(value: string) {
  return publisher(
    parsePublisherDocument({
      kind: 'oidc',
      trustedRoot: sigstore.trustedRoot(),
      issuer: ISSUER,
      identity: { type: 'uri', value },
    }),
  )
}

test('wrong digest under a valid bundle', async () => {
  const other = await openZip(zipOf({ 'index.js': 'exports.handler = () => 2\n' }))
  const seal = detached(sigstore.sign(readAll(unsealedSource(zip))).bundle)

  expect(judgeZip(zip, [keyless(IDENTITY)], { detached: [seal] }).kind).toBe('trusted')
  const moved = judgeZip(other, [keyless(IDENTITY)], { detached: [seal] })
  expect(moved.kind).toBe('tampered')
  expect(reasonsOf(moved)[0]).toBe('digest-mismatch')
})

test('unanchored identity', () => {
  const owner = 'https://github.com/acme/'
  const evil = IDENTITY.replace(owner, 'https://github.com/acme/checkout/evil-')
  const bytes = readAll(unsealedSource(zip))
  const by = (value: string): SealInput =>
    detached(sigstore.sign(bytes, { identity: { tag: 0x86, value } }).bundle)

  for (const signer of [`${IDENTITY}-evil`, `https://evil.example/?${IDENTITY}`, evil]) {
    const verdict = judgeZip(zip, [keyless(IDENTITY)], { detached: [by(signer)] })
    expect(verdict.kind).toBe('untrusted')
    expect(reasonsOf(verdict)).toEqual(['identity'])
  }
})

test('same key twice for a threshold', async () => {
  const key = keyPair()
  const names = ['build', 'audit']
  const publishers = names.map((name) => publisher(publicPem(key), { name }))
  const seals = [
    await sealOf(zip, identityOf(key), { predicate: { counter: '1' } }),
    await sealOf(zip, identityOf(key), { predicate: { counter: '2' } }),
  ]

  const verdict = judgeZip(zip, publishers, {
    seals,
    requirements: { minSigners: 2, minPublishers: 1 },
  })

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['threshold'])
})

test('revoked certificate', async () => {
  const seals = [await sealOf(zip, identityOf(issue({ issuer: ca, serial: 9 })))]
  const judged = (serial: number) => {
    const lists = [{ pem: listPem(revocationList(ca, { revoked: [{ serial }] })) }]
    const revocation = { lists, onFailure: 'closed' as const }
    const document = { ...publisherFromPem(ca.pem), revocation }
    return judgeZip(zip, [publisher(document)], { seals })
  }

  expect(judged(10).kind).toBe('trusted')
  expect(judged(9).kind).toBe('untrusted')
  expect(reasonsOf(judged(9))).toEqual(['certificate-revoked'])
})

/** A CMS of before, with a timestamp by this authority over its signature. */
async function stamped(by: TestAuthority, atMs: number): Promise<SealInput> {
  const signer = issue({ issuer: ca, fromMs: AT_MS - 9 * DAY_MS, untilMs: AT_MS + 9 * DAY_MS })
  const subject = { name: 'f.zip', sha256: zip.sha256, unsealed: unsealedSource(zip) }
  const witness = ({ signature }: { signature: Uint8Array }) =>
    Promise.resolve({
      timestamps: [makeToken(by, signature, { time: timeText(atMs) })],
      logEntries: [],
    })
  const bytes = await makeSeal('cms', { identity: identityOf(signer), witness }, subject, {})
  return { format: 'cms', place: 'block', bytes }
}

const tsa = authority()
const stamping = publisher({
  ...publisherFromPem(ca.pem),
  timestampAuthorities: [timestampAuthorityFromPem(tsa.root.pem)],
})

test('expired at signing', async () => {
  const later = { atMs: AT_MS + 20 * DAY_MS }
  const good = judgeZip(zip, [stamping], { seals: [await stamped(tsa, AT_MS)], ...later })
  const late = await stamped(tsa, AT_MS + 10 * DAY_MS)

  expect(good.kind).toBe('trusted')
  const verdict = judgeZip(zip, [stamping], { seals: [late], ...later })
  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['certificate-expired'])
})

test('timestamp by a stranger', async () => {
  const seals = [await stamped(authority('stranger'), AT_MS)]

  const verdict = judgeZip(zip, [stamping], { seals, atMs: AT_MS + 20 * DAY_MS })

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['certificate-expired'])
  expect(verdict.seals[0]?.trustedTimesMs).toEqual([])
})

test('SHA-1', async () => {
  const old = root({ key: keyPair('rsa2048') })
  const seals = [await sealOf(zip, identityOf(issue({ issuer: old, hash: 'sha1' })))]

  const verdict = judgeZip(zip, [publisher(old.pem)], { seals })

  expect(verdict.kind).not.toBe('trusted')
  expect(reasonsOf(verdict)).toContain('weak-algorithm')
})

test('RSA-1024', () => {
  const weak = keyPair('rsa1024')

  expect(() => publisher(publicPem(weak))).toThrow('1024 bits')
  expect(() => identityOf(issue({ issuer: ca, key: weak }))).toThrow('1024 bits')
})

test('trailing bytes', async () => {
  const leaf = issue({ issuer: ca })
  const key = keyPair()
  const cms = await sealOf(zip, identityOf(leaf))
  const bundle = await sealOf(zip, identityOf(key))
  const publishers = [publisher(ca.pem), publisher(publicPem(key), { name: 'key' })]

  for (const seal of [cms, bundle]) {
    for (const place of ['block', 'detached'] as const) {
      const seals = (more: number[]): SealInput[] => [
        { ...seal, place, bytes: Buffer.concat([seal.bytes, Buffer.from(more)]) },
      ]
      expect(judgeZip(zip, publishers, { seals: seals([]) }).kind).toBe('trusted')
      expect(judgeZip(zip, publishers, { seals: seals([0]) }).kind).toBe('tampered')
    }
  }
})
