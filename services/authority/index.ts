/**
 * A private Sigstore: a Fulcio-compatible certificate authority, an RFC 3161 timestamp authority and a
 * Rekor-v2-compatible log, over a directory of its own. It shares no key, tree or table with the service, judges no
 * artifact, and knows nothing of publishers.
 */
/** Opens or makes the authority; throws CONFIGURATION, LEDGER_BROKEN, OUT_OF_SPACE. */
export { openAuthority, type Authority, type AuthorityOptions } from './authority.ts'
/** Its listener, not listening yet. */
export {
  buildAuthorityServer,
  type AuthorityLog,
  type AuthorityServerParts,
} from './http/server.ts'
/** The identity providers in the options of `lacre authority serve`; throws CONFIGURATION. */
export { parseIssuers, type Issuer, type IssuerOptions } from './fulcio/issuers.ts'
/** How documents of issuers are fetched: by address checks, caps, and no redirects. */
export { documentFetcher } from './fulcio/fetch-document.ts'
/** What to hand out; throws CONFIGURATION where the authority was never started. */
export { signingConfig, trustedRoot } from './trusted-root.ts'
/** Where clients reach it, kept for what is handed out. */
export { writePlace } from './place.ts'
/** A new key and certificate in one role; throws CONFIGURATION without the root's key. */
export { ensureKeys, rotateKey, type RotatedRole } from './identity.ts'
