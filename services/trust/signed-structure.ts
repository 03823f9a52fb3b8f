import { type Sha256 } from '../model/index.ts'
import { parseSignatureAlgorithm, type Der } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import { publicKeyOf, type Certificate } from './certificate.ts'
import { verifySignature } from './signature.ts'
import { unlessRefused } from './refusals.ts'

/** What lists, responses and certificates have in common: a signed part, an algorithm, a signature. */
export interface SignedStructure {
  /** Of the whole structure. */
  readonly sha256: Sha256
  readonly tbs: Uint8Array
  readonly algorithm: Der
  readonly signature: Uint8Array
}

/** Whether this key signed the structure; a weak algorithm or key did not. */
export function isStructureSignedBy(
  structure: SignedStructure,
  signer: Certificate,
  cache: VerificationCache,
): boolean {
  const verify = (): boolean => {
    const scheme = parseSignatureAlgorithm(structure.algorithm)
    const key = publicKeyOf(signer, cache)
    return cache.result(`structure ${structure.sha256} ${key.spkiSha256}`, () =>
      verifySignature(scheme, key, structure.tbs, structure.signature),
    )
  }
  return unlessRefused(verify, () => false)
}
