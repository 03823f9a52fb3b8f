import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
import type { JudgeInput } from './judge-input.ts'
import type { PublicKey } from './public-key.ts'
import type { KnownPublisher } from './publisher-material.ts'

/** Who made the signature, as far as mathematics tells. */
export type Signer =
  | { readonly kind: 'key'; readonly key: PublicKey | undefined; readonly hint: string }
  | {
      readonly kind: 'x509'
      readonly key: PublicKey
      readonly leaf: Certificate
      readonly others: readonly Certificate[]
    }

/** What every look at a seal needs. */
export interface EvidenceContext {
  readonly input: JudgeInput
  readonly known: readonly KnownPublisher[]
  readonly cache: VerificationCache
}
