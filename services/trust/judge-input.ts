import type {
  ArtifactIdentity,
  ByteSource,
  FetchedRevocationList,
  Revocation,
  SealInput,
  SigningRequirements,
  TrustedPublisher,
} from '../model/index.ts'

/** All that a verdict is a function of. */
export interface JudgeInput {
  readonly artifact: ArtifactIdentity
  /** The bytes that are signed; `artifact.sha256` is their digest. */
  readonly unsealed: ByteSource
  /** The bytes as uploaded: only to tell a signature over the sealed file from a wrong one. */
  readonly sealed?: ByteSource
  readonly kind: 'function' | 'layer'
  /** The function's or layer's name, which a seal may bind. */
  readonly name: string
  readonly account: string
  readonly seals: readonly SealInput[]
  /** What was found in the zip that is no seal (`describeAwsSignature`). */
  readonly unchecked?: readonly string[]
  readonly publishers: readonly TrustedPublisher[]
  readonly revocations: readonly Revocation[]
  /** The lists of the URLs that publishers name, as far as they have been fetched. */
  readonly revocationLists?: readonly FetchedRevocationList[]
  readonly atMs: number
  /** Of the function that takes the layer: what a vouch's scope is matched with. Unknown: no vouch counts. */
  readonly functionName?: string | undefined
  /** Whether the zip carries AWS Signer's own, unframed signature: reported, trusted by nobody (RULES §4). */
  readonly awsSigned?: boolean
  readonly requirements?: SigningRequirements | undefined
  /** What is asked: whether it is sealed, or what is attested of it; one is never the other (RULES §4). */
  readonly asks?: 'seal' | 'attestation'
}
