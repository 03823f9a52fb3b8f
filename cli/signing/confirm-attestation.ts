import {
  PlatformError,
  systemClock,
  type ArtifactIdentity,
  type AttestationReport,
  type PublisherDocument,
} from '../../services/model/index.ts'
import { encodePem, parseAttestationStatement } from '../../services/seal/index.ts'
import { attested, publisherFromPem, purposeOf } from '../../services/trust/index.ts'
import type { SigningIdentity } from './signing-identity.ts'

/**
 * Judges the new attestation as a service will whose publisher is this signer, before anything is written.
 * @throws PlatformError INVALID_SEAL with the first reason
 */
export function confirmAttestation(
  artifact: ArtifactIdentity,
  made: { readonly bundle: Uint8Array; readonly payload: Uint8Array },
  by: { readonly identity: SigningIdentity; readonly expected?: PublisherDocument | undefined },
): AttestationReport {
  const { predicateType, claim } = parseAttestationStatement(made.payload)
  const document = by.expected ?? ownDocument(by.identity)
  const atMs = systemClock.nowMs()
  const expected =
    document === undefined
      ? []
      : [
          {
            ...document,
            purposes: [purposeOf(predicateType)],
            ...(claim.kind === 'provenance' && { builders: [claim.builder] }),
          },
        ]
  const { reports } = attested({
    artifact,
    attestations: [made.bundle],
    publishers: expected.map((one) => ({
      id: 'expected',
      name: 'expected',
      version: 'expected',
      arn: 'expected',
      status: 'Active',
      createdAtMs: atMs,
      document: one,
      allowed: true,
    })),
    revocations: [],
    revocationLists: [],
    atMs,
  })
  const [report] = reports
  // Without a publisher to hold it against it is at least sound.
  const good =
    report !== undefined &&
    (report.outcome === 'counts' || (expected.length === 0 && report.outcome === 'ignored'))
  if (good) return report
  const failed = report?.findings.find(({ status }) => status === 'failed')
  throw new PlatformError(
    'INVALID_SEAL',
    `the attestation would not count, so nothing was written: ${failed?.got ?? 'it does not verify'}`,
    { detail: { rule: failed?.reason ?? 'not-verified' } },
  )
}

/** A certificate of one's own says nothing of the roots that others trust. */
function ownDocument({ leaf, publicKey }: SigningIdentity): PublisherDocument | undefined {
  return leaf === undefined ? publisherFromPem(encodePem('PUBLIC KEY', publicKey.spki)) : undefined
}
