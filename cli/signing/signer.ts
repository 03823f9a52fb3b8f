import type { Json } from '../../services/model/index.ts'
import type { SignatureScheme } from '../../services/seal/index.ts'
import type { PublicKey } from '../../services/trust/index.ts'

/** Whatever holds the private key: a file, a token, a KMS. */
export interface Signer {
  readonly publicKey: PublicKey
  /** The one scheme that the holder makes, where it is not the usual one of the key's kind (an RSA key for PSS alone). */
  readonly scheme?: SignatureScheme
  /** Whether an EC key signs with any digest, and not with that of its curve alone (as AWS, Google and Azure have it). */
  readonly anyDigest?: boolean
  /**
   * A signature over exactly these bytes in this scheme; ECDSA in DER. Whoever uses it verifies it first (`signWith`).
   * @throws PlatformError INVALID_PARAMETER where the key makes no such signature, SIGNER_FAILED where its holder refuses
   */
  sign(scheme: SignatureScheme, bytes: Uint8Array): Promise<Uint8Array>
  /** Lets go of the holder: logs out of a token, forgets a one-time key. */
  close?(): Promise<void>
}

/** A signature just made, for others to vouch for: what a timestamp authority or a log is asked about. */
export interface MadeSignature {
  readonly signature: Uint8Array
  readonly publicKey: PublicKey
  /** DER of the signing certificate, where there is one. */
  readonly certificate: Uint8Array | undefined
  /** The DSSE payload (in-toto statement); absent for a CMS. */
  readonly payload?: Uint8Array
}

/** What others said of it. */
export interface Attested {
  /** RFC 3161 tokens in DER; a CMS holds them so, a bundle each in a response that grants it. */
  readonly timestamps: readonly Uint8Array[]
  readonly logEntries: readonly Json[]
}

/** Asks timestamp authorities and logs. @throws PlatformError SIGNER_FAILED */
export type Witness = (made: MadeSignature) => Promise<Attested>
