import type { SealFinding, TrustedPublisher } from '../model/index.ts'
import { isVexType, type AttestationStatement } from '../seal/index.ts'
import { failed } from './findings.ts'

/**
 * What keeps a sound attestation from counting for this publisher: it is not for that, does not list the builder, or the
 * report says nothing that can be counted. Nothing of it can be logged instead of enforced (RULES §5).
 */
export function checkAttestation(
  { predicateType, claim }: AttestationStatement,
  { document, name }: TrustedPublisher,
): SealFinding[] {
  const findings: SealFinding[] = []
  const purpose = purposeOf(predicateType)
  if (!document.purposes.includes(purpose))
    findings.push(
      failed('mismatch', 'purpose-not-listed', {
        expected: `a publisher with the purpose \`${purpose}\``,
        got: `\`${name}\` is for ${document.purposes.join(', ') || 'nothing'}`,
        fix: `add the purpose \`${purpose}\` in a new version of the publisher, or sign for another`,
      }),
    )
  if (claim.kind === 'provenance' && document.builders?.includes(claim.builder) !== true)
    findings.push(
      failed('mismatch', 'builder-not-listed', {
        expected: `a builder that \`${name}\` lists: ${document.builders?.join(', ') ?? 'it lists none'}`,
        got: `\`${claim.builder}\``,
        nearest: document.builders?.[0],
        fix: 'list the builder, exactly, in `builders` of a new version of the publisher',
      }),
    )
  if (claim.kind === 'scan' && claim.vulnerabilities === undefined)
    findings.push(
      failed('mismatch', 'results-not-read', {
        expected: "results as in-toto's list, or as Trivy's or Grype's JSON",
        got: 'a report whose results cannot be counted, which is not the same as none',
        fix: 'attest what the scanner wrote, with its results',
      }),
    )
  return findings
}

/** `attest:<predicateType>`; all formats of VEX share `attest:vex`. */
export function purposeOf(predicateType: string): string {
  return isVexType(predicateType) ? VEX_PURPOSE : `attest:${predicateType}`
}

export const VEX_PURPOSE = 'attest:vex'
