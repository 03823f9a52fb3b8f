import { expect, test } from 'vitest'

import type { PublisherDocument, Revocation } from '../../../services/model/index.ts'
import { parsePublisherDocument, publisherFromPem } from '../../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  issue,
  keyPair,
  openZip,
  publicPem,
  publisher,
  reasonsOf,
  root,
  sealOf,
  withSeals,
} from '../../support/pki.ts'
import { judgeZip, saying } from './told.ts'

const zip = await openZip()
const key = keyPair()
const expired = await withSeals(zip, [
  await sealOf(zip, identityOf(key), { predicate: { notAfter: '2026-01-01T00:00:00Z' } }),
])
const base = publisherFromPem(publicPem(key))
const revoked: Revocation = {
  targetKind: 'publisher',
  target: 'pub-team',
  effectiveAtMs: AT_MS - 1,
  recordedAtMs: AT_MS - 1,
  reason: 'lost',
}
const statusOf = (verdict: ReturnType<typeof judgeZip>, reason: string): string | undefined =>
  verdict.findings.find((finding) => finding.reason === reason)?.status

test('makes a warning of a logged check that failed, with all that a refusal says', () => {
  const document = parsePublisherDocument({ ...base, checks: { expiry: 'log' } })

  const verdict = judgeZip(expired, [publisher(document)])

  expect(verdict.kind).toBe('trusted')
  expect(verdict.findings.find(({ rule }) => rule === 'expiry')).toMatchObject({
    status: 'warned',
    reason: 'seal-expired',
    got: expect.stringContaining('ended') as string,
    fix: expect.any(String) as string,
  })
})

test('enforces what is not named, whatever else is logged', () => {
  const document = parsePublisherDocument({ ...base, checks: { expiry: 'log' } })

  const verdict = judgeZip(expired, [publisher(document)], { revocations: [revoked] })

  expect(verdict.kind).toBe('untrusted')
  expect(statusOf(verdict, 'publisher-revoked')).toBe('failed')
  expect(statusOf(verdict, 'seal-expired')).toBe('warned')
})

test('enforces what was revoked here, though the publisher logs revocation', () => {
  const document = parsePublisherDocument({ ...base, checks: { expiry: 'log', revocation: 'log' } })

  const verdict = judgeZip(expired, [publisher(document)], { revocations: [revoked] })

  expect(verdict.kind).toBe('untrusted')
  expect(statusOf(verdict, 'publisher-revoked')).toBe('failed')
  expect(statusOf(verdict, 'seal-expired')).toBe('warned')
})

test('logs an unnamed subject under `authenticity`, and nothing that a seal binds', async () => {
  const ca = root()
  const signer = issue({ subject: 'stranger', issuer: ca })
  const document = {
    ...publisherFromPem(ca.pem),
    subjects: ['CN=nobody'],
    forms: ['statement'],
    checks: { authenticity: 'log' },
  } as PublisherDocument
  const sealed = async (predicate: Record<string, string>) =>
    await withSeals(zip, [await sealOf(zip, identityOf(signer), { format: 'bundle', predicate })])

  const fine = judgeZip(await sealed({}), [publisher(document)])
  const bound = judgeZip(await sealed({ kind: 'layer' }), [publisher(document)])

  expect(fine.kind).toBe('trusted')
  expect(statusOf(fine, 'subject')).toBe('warned')
  expect(reasonsOf(bound)).toEqual(['kind-binding'])
})

test('never softens integrity, nor a publisher that the config does not name', async () => {
  const all = { authenticity: 'log', timestamp: 'log', expiry: 'log', revocation: 'log' }
  const document = parsePublisherDocument({ ...base, checks: all })
  const moved = await sealOf(await openZip(), identityOf(keyPair()))
  const other = await openZip((await import('../../support/zip-builder.ts')).zipOf({ b: 'b' }))

  expect(judgeZip(other, [publisher(document)], { seals: [moved] }).kind).toBe('tampered')
  expect(reasonsOf(judgeZip(expired, [publisher(document, { allowed: false })]))).toEqual([
    'publisher-not-allowed',
  ])
})

test.each([
  ['integrity', { integrity: 'log' }],
  ['an unknown mode', { expiry: 'off' }],
  ['a list', ['expiry']],
  ['null', null],
])('refuses %s among the checks', (_title, checks) => {
  expect(saying(() => parsePublisherDocument({ ...base, checks }))).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }) as Error,
  )
})
