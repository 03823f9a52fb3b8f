import { PlatformError } from '../services/model/index.ts'

/** cosign's short names where it has them, and ours for the rest. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['slsaprovenance', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance02', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance1', 'https://slsa.dev/provenance/v1'],
  ['cyclonedx', 'https://cyclonedx.org/bom'],
  ['spdx', 'https://spdx.dev/Document'],
  ['spdxjson', 'https://spdx.dev/Document'],
  ['vuln', 'https://cosign.sigstore.dev/attestation/vuln/v1'],
  ['vulns', 'https://in-toto.io/attestation/vulns/v0.2'],
  ['openvex', 'https://openvex.dev/ns/v0.2.0'],
  ['cyclonedx-vex', 'https://cyclonedx.org/vex'],
  ['test-result', 'https://in-toto.io/attestation/test-result/v0.1'],
  ['vsa', 'https://slsa.dev/verification_summary/v1'],
])

/** A short name, or a URI as it is. @throws PlatformError INVALID_PARAMETER */
export function predicateTypeOf(text: string): string {
  const known = TYPES.get(text)
  if (known !== undefined) return known
  if (/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(text)) return text
  throw new PlatformError(
    'INVALID_PARAMETER',
    `--type is a URI or one of ${[...TYPES.keys()].join(', ')}`,
  )
}
