import { sha256 } from '../model/index.ts'
import { parseAttestationStatement, type AttestationStatement } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'

/** Claims with more single findings than this are read again each time instead of being remembered. */
const REMEMBERED_ITEMS_LIMIT = 200

/**
 * What a payload says is a function of its bytes, so it is read once; long lists of vulnerabilities are not kept.
 * @throws PlatformError INVALID_SEAL
 */
export function readAttestation(
  payload: Uint8Array,
  cache: VerificationCache,
): AttestationStatement {
  let heavy: AttestationStatement | undefined
  const { light } = cache.parsed('attestation', sha256(payload), () => {
    const statement = parseAttestationStatement(payload)
    if (itemsOf(statement) <= REMEMBERED_ITEMS_LIMIT) return { light: statement }
    heavy = statement
    return { light: undefined }
  })
  return light ?? heavy ?? parseAttestationStatement(payload)
}

function itemsOf({ claim, subjects }: AttestationStatement): number {
  if (claim.kind === 'scan') return subjects.length + (claim.vulnerabilities?.length ?? 0)
  if (claim.kind === 'vex') return subjects.length + claim.statements.length
  return subjects.length + (claim.kind === 'sbom' ? claim.vex.length + claim.licences.length : 0)
}
