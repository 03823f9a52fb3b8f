import type { Json } from '../../model/index.ts'
import type { Claim } from './claim.ts'
import { parseOpenVex } from './open-vex.ts'
import { parseProvenanceV02, parseProvenanceV1 } from './provenance.ts'
import { parseSummary, parseTestResult } from './results.ts'
import { parseCycloneDx, parseSpdx, summarizeSbom } from './sbom.ts'
import { parseScan } from './scan.ts'

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
  ['https://cyclonedx.org/bom', cycloneDxBom],
  ['https://cyclonedx.org/vex', cycloneDxVex],
  ['https://spdx.dev/Document', spdxBom],
]

/**
 * What the predicate says, strictly in what is used and tolerant of the rest. A type that is not known is `other`.
 * @throws PlatformError INVALID_SEAL
 */
export function parsePredicateOf(predicateType: string, predicate: Json | undefined): Claim {
  const found = READERS.find(
    ([type]) =>
      predicateType === type ||
      (/^https:\/\/(?:openvex\.dev|cyclonedx\.org|spdx\.dev)\//.test(type) &&
        predicateType.startsWith(`${type}/v`)),
  )
  return found === undefined ? { kind: 'other' } : found[1](predicate ?? null)
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
