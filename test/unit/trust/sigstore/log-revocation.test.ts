import { expect, test } from 'vitest'

import { sha256, type Revocation } from '../../../../services/model/index.ts'
import { parseCertificate, VerificationCache } from '../../../../services/trust/index.ts'
import { findFulcioPath } from '../../../../services/trust/sigstore/fulcio-path.ts'
import {
  logRevocationsAfter,
  withoutRevokedLogs,
} from '../../../../services/trust/sigstore/log-revocation.ts'
import { isWithin, parseTrustedRoot } from '../../../../services/trust/sigstore/trusted-root.ts'
import { AT_MS, root } from '../../../support/pki.ts'
import { SIGNED_AT_MS, TestSigstore, type TestLog } from '../../../support/sigstore.ts'

const sigstore = new TestSigstore()
const { ctLog, rekor, rekor2 } = sigstore
const cache = new VerificationCache()
const trusted = parseTrustedRoot(sigstore.trustedRoot(), cache)

const spkiSha256 = ({ key }: TestLog): string =>
  sha256(key.publicKey.export({ format: 'der', type: 'spki' }))
const revoked = (
  log: TestLog,
  effectiveAtMs: number,
  targetKind: Revocation['targetKind'] = 'key',
): Revocation =>
  ({ targetKind, target: spkiSha256(log), effectiveAtMs, reason: 'lost' }) as Revocation
const urls = (logs: readonly { readonly baseUrl: string }[]): string[] =>
  logs.map(({ baseUrl }) => baseUrl)

test.each<[string, Revocation[]]>([
  ['none', []],
  ['one to come', [revoked(rekor, AT_MS + 1)]],
  ['one of something else', [revoked(rekor, AT_MS, 'certificate')]],
  ['one of another key', [{ ...revoked(rekor, AT_MS), target: 'f'.repeat(64) }]],
])('leaves the root as it is with %s revoked', (_title, revocations) => {
  expect(withoutRevokedLogs(trusted, revocations, AT_MS)).toBe(trusted)
})

test('leaves a log out from the instant at which its key is revoked', () => {
  const left = withoutRevokedLogs(trusted, [revoked(rekor, AT_MS)], AT_MS)

  expect(urls(left.logs)).toEqual(['https://log2026.rekor.test'])
  expect(left.ctLogs).toEqual(trusted.ctLogs)
  expect(left.certificateAuthorities).toBe(trusted.certificateAuthorities)
  const others = withoutRevokedLogs(trusted, [revoked(rekor2, AT_MS - 1)], AT_MS)
  expect(urls(others.logs)).toEqual(['https://rekor.test'])
})

test('keeps a revoked log of certificates, in which no instant lies', () => {
  const left = withoutRevokedLogs(trusted, [revoked(ctLog, AT_MS)], AT_MS)

  expect(urls(left.logs)).toEqual(urls(trusted.logs))
  expect(urls(left.ctLogs)).toEqual(['https://ct.test'])
  const [log] = left.ctLogs
  expect([-1, 0, 1, 2, AT_MS].map((ms) => log !== undefined && isWithin(log.window, ms))).toEqual(
    [-1, 0, 1, 2, AT_MS].map(() => false),
  )
})

test('tells after which instants logs are revoked', () => {
  const revocations = [
    revoked(rekor, AT_MS + 5),
    revoked(rekor, AT_MS),
    revoked(rekor2, AT_MS - 1),
    revoked(rekor2, AT_MS + 9, 'certificate'),
    revoked(ctLog, AT_MS + 1),
    { ...revoked(ctLog, AT_MS + 7), target: 'f'.repeat(64) },
  ]

  expect(logRevocationsAfter(trusted, revocations, AT_MS)).toEqual([AT_MS + 4, AT_MS])
})

test('counts both ends of a window', () => {
  const within = (untilMs: number | undefined) =>
    [4, 5, 7, 8].map((ms) => isWithin({ fromMs: 5, untilMs }, ms))

  expect(within(7)).toEqual([false, true, true, false])
  expect(within(undefined)).toEqual([false, true, true, true])
})

const leaf = parseCertificate(sigstore.certificate().der, cache)
const raw = (der: Uint8Array) => ({ rawBytes: Buffer.from(der).toString('base64') })

/** A root with these authorities, each with the window that it was trusted in. */
function rootOf(...authorities: readonly (readonly [Uint8Array, string, string | undefined])[]) {
  const text = sigstore.trustedRoot((json) => {
    json['certificateAuthorities'] = authorities.map(([der, start, end]) => ({
      certChain: { certificates: [raw(der)] },
      validFor: { start, ...(end !== undefined && { end }) },
    }))
  })
  return parseTrustedRoot(text, cache)
}

const fulcio = sigstore.ca.der
const EARLY = '2020-01-01T00:00:00Z'
const CLOSED: [Uint8Array, string, string] = [fulcio, EARLY, '2021-01-01T00:00:00Z']
const OPEN: [Uint8Array, string, undefined] = [fulcio, EARLY, undefined]
const other = root({ subject: 'fulcio', fromMs: 0 }).der
const stranger = root({ subject: 'stranger' }).der

test.each<[string, (readonly [Uint8Array, string, string | undefined])[], number[], string]>([
  ['the one that is open', [CLOSED, OPEN], [SIGNED_AT_MS], 'open'],
  ['the first where both are', [OPEN, CLOSED], [SIGNED_AT_MS], 'open'],
  ['a closed one for want of others', [CLOSED], [SIGNED_AT_MS], 'closed'],
  [
    'the one that is open at every time',
    [CLOSED, OPEN],
    [Date.UTC(2020, 5, 1), SIGNED_AT_MS],
    'open',
  ],
  ['none of another key', [[other, EARLY, undefined]], [SIGNED_AT_MS], 'certificate-signature'],
  ['none of another name', [[stranger, EARLY, undefined]], [SIGNED_AT_MS], 'unknown-issuer'],
  [
    'the refusal that came farther',
    [
      [stranger, EARLY, undefined],
      [other, EARLY, undefined],
    ],
    [SIGNED_AT_MS],
    'certificate-signature',
  ],
  [
    'the same the other way round',
    [
      [other, EARLY, undefined],
      [stranger, EARLY, undefined],
    ],
    [SIGNED_AT_MS],
    'certificate-signature',
  ],
])('chooses of authorities %s', (_title, authorities, timesMs, expected) => {
  const found = findFulcioPath(leaf, rootOf(...authorities), timesMs, cache)

  if (found.kind === 'none') expect(found.refusal?.reason).toBe(expected)
  else expect(found.authority.window.untilMs === undefined ? 'open' : 'closed').toBe(expected)
})

test('finds no authority in a root without any', () => {
  expect(findFulcioPath(leaf, rootOf(), [SIGNED_AT_MS], cache)).toEqual({
    kind: 'none',
    refusal: undefined,
  })
})
