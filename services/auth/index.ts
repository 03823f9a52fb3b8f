/**
 * Who asks: AWS Signature Version 4 by access keys of our own, replay protection, OIDC tokens. What he may is asked of
 * an authorizer that is handed in. It knows nothing of HTTP servers or of policies; secrets reach it sealed.
 */
/** Builds the one authenticator of a service: access keys from the store, derived signing keys in memory. */
export {
  openAuthenticator,
  type Admission,
  type Authenticator,
  type AuthenticatorOptions,
  type Expectation,
} from './authenticator.ts'
/** Who may do what: handed in. */
export type { Authorizer } from './authorizer.ts'
/** SigV4 in header form, in two steps; throws INVALID_SIGNATURE, SIGNATURE_EXPIRED, MISSING_AUTHENTICATION. */
export {
  beginVerification,
  type BegunRequest,
  type SignedRequest,
  type VerifierRules,
} from './verifier.ts'
/** One secret with its derived signing keys. */
export { credentialOf, type Credential } from './credentials.ts'
/** Rows of access keys; a secret is shown once, by who made it. Throws RESOURCE_NOT_FOUND, RESOURCE_CONFLICT. */
export {
  checkDisabling,
  createAccessKey,
  disableAccessKey,
  listAccessKeys,
  newAccessKeyPair,
  type AccessKey,
  type AccessKeyPair,
  type SecretBox,
} from './access-keys.ts'
