import type { Json } from '../../model/index.ts'
import type { Claim, SbomPackage } from './claim.ts'
import { parseOpenVex } from './open-vex.ts'
import { parseProvenanceV02, parseProvenanceV1 } from './provenance.ts'
import { parseSummary, parseTestResult } from './results.ts'
import { parseCycloneDx, parseSpdx, summarizeSbom } from './sbom.ts'
import { parseScan } from './scan.ts'

const CYCLONE_DX = 'https://cyclonedx.org/bom'
const SPDX = 'https://spdx.dev/Document'

/** Predicate types whose content is read, without the version that some append after a slash. */
const READERS: readonly (readonly [string, (predicate: Json) => Claim])[] = [
  ['https://slsa.dev/provenance/v1', parseProvenanceV1],
  ['https://slsa.dev/provenance/v0.2', parseProvenanceV02],
  ['https://slsa.dev/verification_summary/v1', parseSummary],
  ['https://cosign.sigstore.dev/attestation/vuln/v1', parseScan],
  ['https://in-toto.io/attestation/vulns/v0.1', parseScan],
  ['https://in-toto.io/attestation/vulns/v0.2', parseScan],
  ['https://in-toto.io/attestation/test-result/v0.1', parseTestResult],
  ['https://openvex.dev/ns', parseOpenVex],
  [CYCLONE_DX, cycloneDxBom],
  ['https://cyclonedx.org/vex', cycloneDxVex],
  [SPDX, spdxBom],
]

/**
 * What the predicate says, strictly in what is used and tolerant of the rest. A type that is not known is `other`.
 * @throws PlatformError INVALID_SEAL
 */
export function parsePredicateOf(predicateType: string, predicate: Json | undefined): Claim {
  const found = READERS.find(([type]) => isOfType(predicateType, type))
  return found === undefined ? { kind: 'other' } : found[1](predicate ?? null)
}

/** What an SBOM lists; empty for what is none. @throws PlatformError INVALID_SEAL */
export function parsePackagesOf(
  predicateType: string,
  predicate: Json | undefined,
): readonly SbomPackage[] {
  if (isOfType(predicateType, CYCLONE_DX)) return parseCycloneDx(predicate ?? null).packages
  return isOfType(predicateType, SPDX) ? parseSpdx(predicate ?? null) : []
}

function isOfType(predicateType: string, type: string): boolean {
  return (
    predicateType === type ||
    (/^https:\/\/(?:openvex\.dev|cyclonedx\.org|spdx\.dev)\//.test(type) &&
      predicateType.startsWith(`${type}/v`))
  )
}

function cycloneDxBom(predicate: Json): Claim {
  const { packages, vex } = parseCycloneDx(predicate)
  return summarizeSbom('CycloneDX', packages, vex)
}

function cycloneDxVex(predicate: Json): Claim {
  return { kind: 'vex', statements: parseCycloneDx(predicate).vex }
}

function spdxBom(predicate: Json): Claim {
  return summarizeSbom('SPDX', parseSpdx(predicate), [])
}
