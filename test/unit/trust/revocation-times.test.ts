import { describe, expect, test } from 'vitest'

import type { Revocation, RevocationTarget } from '../../../services/model/index.ts'
import { VerificationCache } from '../../../services/trust/cache.ts'
import type { Evidence } from '../../../services/trust/evidence.ts'
import { checkRevocation } from '../../../services/trust/revocation.ts'
import {
  parseCertificate,
  parsePublicKey,
  revocationTargetsOf,
} from '../../../services/trust/index.ts'
import { AT_MS, issue, publisher, root } from '../../support/pki.ts'

const cache = new VerificationCache()
const ca = root()
const leaf = issue({ issuer: ca })
const certificate = parseCertificate(leaf.der, cache)
const team = publisher(ca.pem)
const evidence = {
  signer: {
    kind: 'x509',
    key: parsePublicKey(certificate.spki, cache),
    leaf: certificate,
    others: [],
  },
  targets: ['seal-digest'],
} as unknown as Evidence
const revoked = revocationTargetsOf(leaf.pem)
const EFFECTIVE_MS = AT_MS - 10_000

const targets: readonly (readonly [RevocationTarget, string])[] = [
  ['publisher', team.id],
  ['publisher-version', team.arn],
  ['certificate', revoked.certificates[0] ?? ''],
  ['key', revoked.key],
  ['seal', 'seal-digest'],
]
const judged = (
  [targetKind, target]: readonly [RevocationTarget, string],
  trustedTimesMs: readonly number[],
  atMs = AT_MS,
) => {
  const one: Revocation = {
    targetKind,
    target,
    effectiveAtMs: EFFECTIVE_MS,
    recordedAtMs: AT_MS,
    reason: 'lost',
  }
  const path = [certificate, parseCertificate(ca.der, cache)]
  const facts = { publisher: team, path, revocations: [one], trustedTimesMs, atMs }
  return checkRevocation(evidence, facts, cache).findings[0]?.status
}

describe.each(targets)('a revoked %s', (kind, target) => {
  test('leaves good what every trusted time shows to be older', () => {
    expect(judged([kind, target], [EFFECTIVE_MS - 1])).toBe('passed')
    expect(judged([kind, target], [EFFECTIVE_MS - 2, EFFECTIVE_MS - 1])).toBe('passed')
  })

  test('takes all else: no trusted time, one at the effective time, one of two after it', () => {
    expect(judged([kind, target], [])).toBe('failed')
    expect(judged([kind, target], [EFFECTIVE_MS])).toBe('failed')
    expect(judged([kind, target], [EFFECTIVE_MS - 1, EFFECTIVE_MS + 1])).toBe('failed')
  })

  test('takes nothing before it has effect', () => {
    expect(judged([kind, target], [], EFFECTIVE_MS - 1)).toBe('passed')
  })
})
