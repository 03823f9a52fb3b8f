/**
 * Makes signatures with keys that the caller holds: in files, in PKCS#11 tokens, in a KMS. The one place of the CLI that
 * touches private keys and asks their holders; it knows no service of ours.
 */

/** Key and certificates by what the command line names; throws INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED. */
export {
  loadIdentity,
  loadSigner,
  type IdentityFiles,
  type SigningIdentity,
} from './signing-identity.ts'
/** What opening a key may need: environment, passphrase file, somebody to ask. */
export type { KeyAccess } from './open-key.ts'
/** Signs a zip in place or beside it; throws INVALID_ARTIFACT, INVALID_SEAL, INVALID_PARAMETER. */
export { placeSeal, sealFile, type SealRequest, type SealResult } from './seal-file.ts'
/** A seal as bytes; throws INVALID_PARAMETER, SIGNER_FAILED. */
export {
  makeAttestation,
  makeSeal,
  makeVouch,
  type SealMaker,
  type SealSubject,
} from './make-seal.ts'
/** Judges an attestation just made as whoever verifies will; throws INVALID_SEAL. */
export { confirmAttestation } from './confirm-attestation.ts'
/** A key declared another's successor, or signed so with its private half; throws INVALID_PARAMETER. */
export { makeSuccession } from './succession.ts'
/** Holders of keys, and those who vouch for a signature. */
export type { Attested, MadeSignature, Signer, Witness } from './signer.ts'
/** A signature that the public key has verified, and how each kind of key signs; throws SIGNER_FAILED. */
export { signWith, usualScheme } from './scheme.ts'
/** Asks RFC 3161 authorities for a time; throws INVALID_PARAMETER, SIGNER_FAILED. */
export { timestampWitness, type TimestampClientOptions } from './timestamp-client.ts'
/** A key in memory; throws INVALID_SEAL where it is weak. */
export { keySigner } from './key-signer.ts'
/** A new key pair in two new files; throws RESOURCE_CONFLICT. */
export { createKey, KEY_TYPES, type KeyType } from './create-key.ts'
/** Master keys of services, plain or wrapped by a KMS; throw RESOURCE_CONFLICT, SIGNER_FAILED, CONFIGURATION. */
export { createMasterKey, openedMasterKey } from './master-key.ts'
/** A key, certificate, seal or passphrase file, with a cap. */
export { readPassphrase, readSmallFile } from './read-file.ts'
/** Options of what asks services; the work itself is in `keyless/index.ts`, loaded when it is asked for. */
export {
  asksServices,
  isKeyless,
  withOnlineOptions,
  type OnlineOptions,
} from './keyless/options.ts'
