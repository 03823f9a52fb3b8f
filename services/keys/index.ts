/**
 * Keys the service keeps: encrypted at rest under one master key, one key to one purpose. With `cli/signing`, the only
 * place where private keys are used. It signs the bytes it is given and does not know what they say.
 */
/** The master key: configured, or a file in the data directory; throws CONFIGURATION. */
export {
  loadMasterKey,
  type MasterKey,
  type MasterKeyOptions,
  type MasterKeySource,
} from './master-key.ts'
/** Sealed secrets and signers over the store; throws CONFIGURATION for a wrong master key. */
export { openKeys, type Keys, type KeysOptions } from './keys.ts'
/** Secrets of access keys, bound to their ids; throws CONFIGURATION, INTERNAL. */
export { accessKeyBox } from './access-key-box.ts'
/** Secrets of webhooks, bound to their ids; throws CONFIGURATION, INTERNAL. */
export { webhookSecretBox } from './webhook-secret-box.ts'
/** Keys of managed publishers: P-384, made with the publisher. */
export { MANAGED_PREFIX, type ManagedKey, type NewManagedKey } from './managed.ts'
export { type KeyAlgorithm, type Signer } from './key-algorithm.ts'
/** A key in a sealed file of its own, that can lie elsewhere while it is not needed; throws CONFIGURATION. */
export { createKeyFile, openKeyFile } from './key-file.ts'
/** By which master keys the secrets in a database were sealed, and which of them one does not open. */
export { findUnopenable, sealingKeys } from './sealed.ts'
