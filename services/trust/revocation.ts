import {
  sha256,
  toIsoTime,
  type Revocation,
  type SealFinding,
  type TrustedPublisher,
} from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import { revocationTargets, type Certificate } from './certificate.ts'
import type { Evidence } from './evidence.ts'
import { failed, passed } from './findings.ts'

export interface RevocationResult {
  readonly findings: readonly SealFinding[]
  readonly changesAtMs: readonly number[]
}

export interface RevocationFacts {
  readonly publisher: TrustedPublisher | undefined
  readonly path: readonly Certificate[]
  readonly revocations: readonly Revocation[]
  readonly trustedTimesMs: readonly number[]
  readonly atMs: number
}

/** Everything about a seal that may be revoked: texts by kind of target. */
interface Targets {
  readonly publisher: readonly string[]
  readonly 'publisher-version': readonly string[]
  readonly certificate: readonly string[]
  readonly key: readonly string[]
  readonly seal: readonly string[]
}

/**
 * A seal counts as made before a revocation only where every trusted time of it lies before the effective time; without
 * a trusted time it counts as made after all that have taken effect (RULES §4). Certificates and keys are looked up over the whole path: a revoked issuer revokes what it issued.
 */
export function checkRevocation(
  evidence: Evidence,
  facts: RevocationFacts,
  cache: VerificationCache,
): RevocationResult {
  const { publisher, revocations, trustedTimesMs, atMs } = facts
  const isBefore = (effectiveAtMs: number): boolean =>
    trustedTimesMs.length > 0 && trustedTimesMs.every((signedAtMs) => signedAtMs < effectiveAtMs)
  const targets = toTargets(evidence, facts.publisher, facts.path, cache)
  const hits = revocations.filter(
    ({ targetKind, target, effectiveAtMs }) =>
      targets[targetKind].includes(target) && !isBefore(effectiveAtMs),
  )
  const findings = hits.filter(({ effectiveAtMs }) => effectiveAtMs <= atMs).map(toFinding)
  if (publisher?.status === 'Revoked') findings.push(revokedVersion(publisher))
  return {
    findings:
      findings.length > 0
        ? findings
        : [
            passed(
              'revocation',
              'nothing revoked',
              `none of ${revocations.length} revocations applies`,
            ),
          ],
    changesAtMs: hits.map(({ effectiveAtMs }) => effectiveAtMs - 1),
  }
}

function toTargets(
  evidence: Evidence,
  publisher: TrustedPublisher | undefined,
  path: readonly Certificate[],
  cache: VerificationCache,
): Targets {
  const { signer, targets } = evidence
  const chain = path.length === 0 && signer.kind === 'x509' ? [signer.leaf] : path
  return {
    publisher: publisher === undefined ? [] : [publisher.id],
    'publisher-version': publisher === undefined ? [] : [publisher.arn],
    certificate: chain.flatMap((one, i) => revocationTargets(one, chain[i + 1], cache)),
    key: [
      ...(signer.key === undefined ? [] : [signer.key.spkiSha256]),
      ...chain.map(({ spki }) => sha256(spki)),
    ],
    seal: targets,
  }
}

function toFinding({ targetKind, target, effectiveAtMs, reason }: Revocation): SealFinding {
  return failed('revocation', `${targetKind}-revoked`, {
    expected: `the ${targetKind.replace('-', ' ')} not revoked`,
    got: `\`${target}\` is revoked from ${toIsoTime(effectiveAtMs)}: ${reason}`,
    fix: 'sign again with a key and publisher that are not revoked; a revocation is final',
  })
}

function revokedVersion({ arn }: TrustedPublisher): SealFinding {
  return failed('revocation', 'publisher-version-revoked', {
    expected: 'a publisher version that is not revoked',
    got: `\`${arn}\` is revoked`,
    fix: 'sign again for a version of the publisher that is active',
  })
}
