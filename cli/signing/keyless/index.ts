/**
 * Signing without a key of one's own: an identity token, a certificate for a one-time key, transparency logs. All of
 * it asks services over the network, none that was not named. It is loaded only when something of it is asked for.
 */

/** A one-time key and its certificate, both checked; throws INVALID_PARAMETER, SIGNER_FAILED. */
export {
  keylessIdentity,
  type KeylessIdentity,
  type KeylessOptions,
  type KeylessSurroundings,
} from './keyless-identity.ts'
/** Options and signing config to services; throws INVALID_PARAMETER. */
export { chooseServices, type ServiceOptions, type SigningServices } from './signing-services.ts'
/** Who vouches for a signature: timestamp authorities and logs; throws INVALID_PARAMETER, its witness SIGNER_FAILED. */
export { witnessOf } from './witnesses.ts'
/** A target of a TUF repository; throws INVALID_SEAL, UNAVAILABLE, INVALID_PARAMETER. */
export { fetchTarget, type TrustRepository } from './trust-repository.ts'
/** Who stands in a trusted root; throws INVALID_PARAMETER. */
export { summarizeRoot, type RootMember } from './root-summary.ts'
/** What --trusted-root asks of a new seal; throws INVALID_PARAMETER, INVALID_SEAL. */
export { checkTrustedRoot, expectKey, expectKeyless } from './expectation.ts'
