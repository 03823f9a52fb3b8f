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
  createAccessKey,
  disableAccessKey,
  listAccessKeys,
  newAccessKeyPair,
  withDisabled,
  type AccessKey,
  type AccessKeyPair,
  type SecretBox,
} from './access-keys.ts'
/** People and workloads, their roles and by which tokens they come; writes stand inside the gate. */
export {
  deleteGrant,
  getPrincipal,
  insertGrant,
  insertPrincipal,
  listPrincipals,
  setDisabled,
  type PrincipalRecord,
  type RoleGrant,
} from './principals.ts'
/** Throws INVALID_PARAMETER for an identity that says too little. */
export { checkIdentity, matchesIdentity, type OidcIdentity } from './identities.ts'
/** Throws RESOURCE_CONFLICT where nobody could administer any more. */
export { checkAdministered } from './administrators.ts'
/** Who is signed in to the console, by secrets of which only hashes are kept. */
export { CONSOLE_LINK_MS, ConsoleSessions, type ConsoleSession } from './console-sessions.ts'
export { SESSION_IDLE_MS, SESSION_LIFETIME_MS } from './session-times.ts'
/** Signing in by an identity provider; throws ACCESS_DENIED, INVALID_PARAMETER, TOO_MANY_REQUESTS, ISSUER_FAILED. */
export { ConsoleSignIn } from './sign-in/console-sign-in.ts'
export { SIGN_IN_MS } from './sign-in/flows.ts'
/** Why a provider's message signed nobody out. */
export { logoutRefused } from './sign-in/sign-in-error.ts'
export type { ProviderHttp } from './sign-in/provider.ts'
/** By which provider, and as whom; throws CONFIGURATION. */
export { parseSignInSettings, type SignInSettings } from './sign-in/settings.ts'
/** Tokens of OIDC issuers as principals; throws INVALID_TOKEN, TOKEN_EXPIRED, UNKNOWN_ACCESS_KEY, UNAVAILABLE. */
export { openBearerTokens, type BearerTokens } from './tokens/bearer.ts'
/** Whose tokens, and for whom; throws CONFIGURATION. */
export { parseTokenSettings, readJwksOption, type TokenSettings } from './tokens/issuers.ts'
/** Keys of issuers, kept and asked for anew; what a document of keys holds. */
export { IssuerKeys, readKeySet } from './tokens/jwks.ts'
export type { FetchDocument } from './tokens/discovery.ts'
/** One token against configured issuers, or its form and signature alone. */
export { verifySignedToken, verifyToken, type VerifiedToken } from './tokens/token.ts'
