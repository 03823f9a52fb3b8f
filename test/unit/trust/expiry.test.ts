import { expect, test } from 'vitest'

import type { PublisherDocument, TrustedPublisher } from '../../../services/model/index.ts'
import { parseCertificate, VerificationCache } from '../../../services/trust/index.ts'
import { checkExpiry } from '../../../services/trust/expiry.ts'
import { AT_MS, issue, keyPair, publicPem, publisher } from '../../support/pki.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const leaf = issue({ subject: 'leaf', fromMs: AT_MS - DAY_MS, untilMs: AT_MS + DAY_MS })
const certificate = parseCertificate(leaf.der, new VerificationCache())
/** Certificates name whole seconds, and are valid to the end of the last one. */
const CERTIFICATE_END_MS = AT_MS + DAY_MS + 999
const pem = publicPem(keyPair())

interface Spec {
  readonly notAfterMs?: number
  readonly kind?: 'seal' | 'vouch'
  readonly validityMs?: number
  readonly window?: { readonly notBeforeMs?: number; readonly notAfterMs?: number }
  readonly path?: boolean
  readonly timesMs?: readonly number[]
  readonly atMs?: number
  readonly managed?: boolean
  readonly createdAtMs?: number
}

function check(spec: Spec) {
  const { kind = 'seal', notAfterMs, validityMs, window, timesMs = [], atMs = AT_MS } = spec
  const key = publisher(pem).document
  const document = {
    ...key,
    ...(validityMs !== undefined && { signatureValidityMs: validityMs }),
    ...(spec.managed === true && { kind: 'managed' }),
  } as PublisherDocument
  const by: TrustedPublisher = publisher(document, { createdAtMs: spec.createdAtMs ?? AT_MS })
  const { findings, expiresAtMs, changesAtMs } = checkExpiry(
    by,
    {
      statement:
        notAfterMs === undefined && spec.kind === undefined
          ? undefined
          : { kind, predicate: notAfterMs === undefined ? {} : { notAfterMs } },
      window: window === undefined ? undefined : { publicKeyPem: pem, ...window },
      path: spec.path === true ? [certificate] : [],
      trustedTimesMs: timesMs,
    },
    atMs,
  )
  return {
    said: findings.map(({ status, reason, expected, got }) => [
      status === 'passed' ? status : (reason ?? status),
      expected,
      got,
    ]),
    expiresAtMs,
    changesAtMs,
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

test('says of what has no end that it has none', () => {
  expect(check({})).toEqual({
    said: [['passed', `a seal that is valid at ${iso(AT_MS)}`, 'valid without an end']],
    expiresAtMs: undefined,
    changesAtMs: [],
  })
})

test('takes the earliest of all ends, and names every change', () => {
  const found = check({
    notAfterMs: AT_MS + 5,
    validityMs: 7,
    window: { notBeforeMs: AT_MS - 3, notAfterMs: AT_MS + 9 },
    path: true,
  })

  expect(found).toEqual({
    said: [['passed', `a seal that is valid at ${iso(AT_MS)}`, `valid until ${iso(AT_MS + 5)}`]],
    expiresAtMs: AT_MS + 5,
    changesAtMs: [
      AT_MS + 5,
      AT_MS + 7,
      AT_MS + 9,
      CERTIFICATE_END_MS,
      AT_MS - 4,
      AT_MS - DAY_MS - 1,
    ],
  })
})

test('leaves out of a timed seal what held when it was signed', () => {
  const found = check({
    notAfterMs: AT_MS + 5,
    window: { notBeforeMs: AT_MS - DAY_MS, notAfterMs: AT_MS - 1 },
    path: true,
    timesMs: [AT_MS - HOUR_MS],
  })

  expect(found.said[0]?.[0]).toBe('passed')
  expect(found).toMatchObject({ expiresAtMs: AT_MS + 5, changesAtMs: [AT_MS + 5] })
})

test.each<[string, Spec, string[]]>([
  ['a seal at its last instant', { notAfterMs: AT_MS }, ['passed']],
  ['a seal after its end', { notAfterMs: AT_MS - 1 }, ['seal-expired']],
  ['a vouch after its end', { notAfterMs: AT_MS - 1, kind: 'vouch' }, ['vouch-expired']],
  ['a timed seal after its end', { notAfterMs: AT_MS - 1, timesMs: [AT_MS - 2] }, ['seal-expired']],
  ['the last instant of the validity', { validityMs: 5, atMs: AT_MS + 5 }, ['passed']],
  ['the end of the validity', { validityMs: 5, atMs: AT_MS + 6 }, ['signature-validity']],
  [
    'a validity from the first trusted time',
    { validityMs: 5, timesMs: [AT_MS + 9, AT_MS], atMs: AT_MS + 6, createdAtMs: AT_MS + 100 },
    ['signature-validity'],
  ],
  [
    'a validity from a trusted time rather than the version',
    { validityMs: 5, timesMs: [AT_MS], atMs: AT_MS + 5, createdAtMs: 0 },
    ['passed'],
  ],
  ['a key at its first instant', { window: { notBeforeMs: AT_MS } }, ['passed']],
  ['a key at its last instant', { window: { notAfterMs: AT_MS } }, ['passed']],
  ['a key before its window', { window: { notBeforeMs: AT_MS + 1 } }, ['key-not-yet-valid']],
  ['a key after its window', { window: { notAfterMs: AT_MS - 1 } }, ['key-expired']],
  [
    'a key of which one of two times is early',
    { window: { notBeforeMs: AT_MS }, timesMs: [AT_MS, AT_MS - 1] },
    ['key-not-yet-valid'],
  ],
  [
    'a key of which one of two times is late',
    { window: { notAfterMs: AT_MS }, timesMs: [AT_MS, AT_MS + 1], atMs: AT_MS + 2 },
    ['key-expired'],
  ],
  ['a certificate at its last instant', { path: true, atMs: CERTIFICATE_END_MS }, ['passed']],
  ['a certificate after it', { path: true, atMs: CERTIFICATE_END_MS + 1 }, ['certificate-expired']],
  ['a certificate at its first instant', { path: true, atMs: AT_MS - DAY_MS }, ['passed']],
  [
    'a certificate before it',
    { path: true, atMs: AT_MS - DAY_MS - 1 },
    ['certificate-not-yet-valid'],
  ],
  [
    'all at once',
    {
      notAfterMs: AT_MS - 1,
      validityMs: 5,
      createdAtMs: 0,
      window: { notAfterMs: AT_MS - 1 },
      path: true,
    },
    ['seal-expired', 'signature-validity', 'key-expired'],
  ],
])('%s', (_title, spec, reasons) => {
  expect(check(spec).said.map(([reason]) => reason)).toEqual(reasons)
})

test('says what ended or begins, and when', () => {
  expect(check({ notAfterMs: AT_MS - 1, validityMs: 5, createdAtMs: 0 }).said).toEqual([
    [
      'seal-expired',
      `the seal (notAfter in its predicate) valid at ${iso(AT_MS)}`,
      `it ended at ${iso(AT_MS - 1)}`,
    ],
    [
      'signature-validity',
      `the signature validity of the publisher \`team\` valid at ${iso(AT_MS)}`,
      `it ended at ${iso(5)}`,
    ],
  ])
  expect(
    check({ window: { notBeforeMs: AT_MS + 1 }, path: true, atMs: AT_MS - 2 * DAY_MS }).said,
  ).toEqual([
    [
      'key-not-yet-valid',
      `the window of the key in the publisher \`team\` valid at ${iso(AT_MS - 2 * DAY_MS)}`,
      `it begins at ${iso(AT_MS + 1)}`,
    ],
    [
      'certificate-not-yet-valid',
      `the certificate \`CN=leaf\` valid at ${iso(AT_MS - 2 * DAY_MS)}`,
      `it begins at ${iso(AT_MS - DAY_MS)}`,
    ],
  ])
})

test.each<[string, Spec, number | undefined]>([
  ['its own end', { managed: true, notAfterMs: AT_MS + 50, validityMs: 5 }, AT_MS + 50],
  ['the validity, for want of an end', { managed: true, validityMs: 5 }, AT_MS + 5],
  ['both, where it is not managed', { notAfterMs: AT_MS + 50, validityMs: 5 }, AT_MS + 5],
])('reckons for a seal of a managed publisher %s', (_title, spec, endMs) => {
  expect(check(spec).expiresAtMs).toBe(endMs)
})
