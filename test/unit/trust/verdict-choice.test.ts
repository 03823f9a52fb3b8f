import { expect, test } from 'vitest'

import type { PublisherDocument, TrustedPublisher } from '../../../services/model/index.ts'
import {
  AT_MS,
  identityOf,
  issue,
  keyPair,
  openZip,
  publicPem,
  publisher,
  root,
  sealOf,
  withSeals,
} from '../../support/pki.ts'
import { zipOf } from '../../support/zip-builder.ts'
import { judgeZip } from './told.ts'

const DAY_MS = 86_400_000
const zip = await openZip()
const [key, second] = [keyPair(), keyPair()]
const named = (name: string, spec: Partial<TrustedPublisher> = {}, pem = publicPem(key)) =>
  publisher(pem, { name, ...spec })
const withWindow = (name: string, window: object, checks?: object): TrustedPublisher => {
  const document = {
    ...publisher(publicPem(key)).document,
    keys: [{ publicKeyPem: publicPem(key), ...window }],
    ...(checks !== undefined && { checks }),
  } as PublisherDocument
  return publisher(document, { name })
}
const sealed = await withSeals(zip, [await sealOf(zip, identityOf(key))])
const ended = { notAfterMs: AT_MS - DAY_MS }

/** Whose the one seal is taken for. */
const chosen = (...publishers: TrustedPublisher[]): string | undefined =>
  judgeZip(sealed, publishers).seals[0]?.publisher?.name

test.each<[string, TrustedPublisher[], string]>([
  ['the first of equals', [named('a'), named('b')], 'a'],
  ['one that is allowed', [named('a', { allowed: false }), named('b')], 'b'],
  ['one that fails in less', [withWindow('a', ended), named('b')], 'b'],
  ['one that warns in less', [withWindow('a', ended, { expiry: 'log' }), named('b')], 'b'],
  ['the same the other way round', [named('b'), withWindow('a', ended, { expiry: 'log' })], 'b'],
  [
    'one that warns rather than one that fails',
    [withWindow('a', ended), withWindow('b', ended, { expiry: 'log' })],
    'b',
  ],
  [
    'one that warns rather than one that is not allowed',
    [named('a', { allowed: false }), withWindow('b', ended, { expiry: 'log' })],
    'b',
  ],
  [
    'one that is not revoked rather than one that is twice at fault',
    [{ ...withWindow('a', ended), status: 'Revoked' }, withWindow('b', ended)],
    'b',
  ],
])('takes a seal for that of %s', (_title, publishers, expected) => {
  expect(chosen(...publishers)).toBe(expected)
})

const other = named('second', {}, publicPem(second))
const reasons = (
  publishers: readonly TrustedPublisher[],
  ...seals: Parameters<typeof withSeals>[1]
) =>
  judgeZip(zip, publishers, { detached: seals }).findings.map(
    ({ rule, status, reason }) => `${rule} ${reason ?? status}`,
  )
const by = async (pair: typeof key, place: 'block' | 'detached' = 'detached') =>
  await sealOf(zip, identityOf(pair), { place })
const PASSED = ['integrity passed', 'mismatch passed', 'expiry passed', 'revocation passed']

test('tells of several seals the one that is trusted with the fewest warnings', async () => {
  const warned = withWindow('a', ended, { expiry: 'log' })
  const [one, two] = [await by(key), await by(second)]

  expect(reasons([warned, other], one, two)).toEqual(PASSED)
  expect(reasons([warned, other], two, one)).toEqual(PASSED)
  expect(reasons([warned], one)).toContain('expiry key-expired')
})

test('tells of several seals without trust the one that comes nearest', async () => {
  const late = withWindow('a', ended)
  const later = { ...withWindow('b', ended), status: 'Revoked' as const }
  const twice = {
    ...later,
    document: { ...other.document },
    name: 'second',
  }
  const [one, two, stranger] = [await by(key), await by(second), await by(keyPair())]

  expect(reasons([late], one, stranger)).toContain('expiry key-expired')
  expect(reasons([late], stranger, one)).toContain('expiry key-expired')
  expect(reasons([late], stranger, one)).not.toContain('mismatch unknown-signer')
  const found = reasons([{ ...late, status: 'Revoked' }, { ...twice }], one, two)
  expect(found).toEqual(reasons([{ ...late, status: 'Revoked' }, { ...twice }], two, one))
  expect(found).not.toContain('expiry key-expired')
})

test('tells of tampered seals every integrity, and of the others nothing', async () => {
  const elsewhere = await openZip(zipOf({ 'index.js': 'other' }))
  const moved = await sealOf(elsewhere, identityOf(key), { place: 'detached' })
  const again = await sealOf(elsewhere, identityOf(second), { place: 'detached' })
  const good = await by(key)
  const not = ['mismatch not-judged', 'expiry not-judged', 'revocation not-judged']

  expect(reasons([named('a')], moved, good)).toEqual(['integrity digest-mismatch', ...not])
  expect(reasons([named('a')], good, moved, again)).toEqual([
    'integrity digest-mismatch',
    ...not,
    'integrity digest-mismatch',
  ])
})

test('names of an unsigned artifact the publishers that are allowed, and the first as nearest', () => {
  const finding = (...publishers: TrustedPublisher[]) => {
    const found = judgeZip(zip, publishers).findings.find(({ rule }) => rule === 'mismatch')
    return [found?.expected, found?.nearest]
  }

  expect(finding(named('a', { allowed: false }), named('b'), named('c'))).toEqual([
    'a seal by `b` or `c` for `checkout`',
    'b',
  ])
  expect(finding(named('a', { allowed: false }))).toEqual([
    'a seal by a publisher for `checkout`',
    undefined,
  ])
})

test('names of a stranger’s seal the nearest of its kind, and the reason that came farthest', async () => {
  const ca = root()
  const leaf = issue({ issuer: ca })
  const of = (pem: string, name: string, spec: Partial<TrustedPublisher> = {}) =>
    publisher(pem, { name, ...spec })
  const far = of(root({ subject: 'else' }).pem, 'far')
  const near = of(root().pem, 'near', { allowed: false })
  const held = await sealOf(zip, identityOf(leaf), { place: 'detached' })
  const mismatch = (seal: Awaited<ReturnType<typeof by>>, ...publishers: TrustedPublisher[]) => {
    const { findings } = judgeZip(zip, publishers, { detached: [seal] })
    const found = findings.find(({ rule }) => rule === 'mismatch')
    return [found?.reason, found?.nearest]
  }

  expect(mismatch(held, far, near)).toEqual(['certificate-signature', 'far'])
  expect(mismatch(held, near, far)).toEqual(['certificate-signature', 'far'])
  expect(mismatch(held, far)).toEqual(['unknown-issuer', 'far'])
  expect(mismatch(held, named('a'), near)).toEqual(['certificate-signature', 'near'])
  expect(mismatch(await by(keyPair()), far, named('a'))).toEqual(['unknown-signer', 'a'])
  expect(mismatch(await by(keyPair()), far)[0]).toBe('unknown-signer')
})
