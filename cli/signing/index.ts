/**
 * Makes signatures with keys that the caller holds: PEM, PKCS#12. The one place of the CLI that touches private keys;
 * it knows files and formats and no service.
 */

/** Key and certificates from files; throws INVALID_PARAMETER. */
export { loadIdentity, type IdentityFiles, type SigningIdentity } from './signing-identity.ts'
/** Signs a zip in place or beside it; throws INVALID_ARTIFACT, INVALID_SEAL, INVALID_PARAMETER. */
export { sealFile, type SealRequest, type SealResult } from './seal-file.ts'
/** A seal as bytes; throws INVALID_PARAMETER, SIGNER_FAILED. */
export { makeSeal, type SealMaker, type SealSubject } from './make-seal.ts'
/** Holders of keys, and those who vouch for a signature. */
export type { Attested, MadeSignature, Signer, Witness } from './signer.ts'
/** Asks RFC 3161 authorities for a time; throws INVALID_PARAMETER, SIGNER_FAILED. */
export { timestampWitness, type TimestampClientOptions } from './timestamp-client.ts'
/** A key in memory; throws INVALID_SEAL where it is weak. */
export { keySigner } from './key-signer.ts'
/** A new key pair in two new files; throws RESOURCE_CONFLICT. */
export { createKey, KEY_TYPES, type KeyType } from './create-key.ts'
/** A key, certificate, seal or passphrase file, with a cap. */
export { readPassphrase, readSmallFile } from './read-file.ts'
/** Options of what asks services; the work itself is in `keyless/index.ts`, loaded when it is asked for. */
export {
  asksServices,
  isKeyless,
  withOnlineOptions,
  type OnlineOptions,
} from './keyless/options.ts'
