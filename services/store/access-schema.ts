/** By what a token of an OIDC issuer is known to be a principal's. */
export interface OidcIdentityTable {
  principal_id: string
  /** Exactly the `iss` of the token. */
  issuer: string
  /** A person's exactly; a workload's may hold `*`, which stays within one segment. */
  subject: string
  /** JSON object: claims that must be there, with their texts. */
  claims: string
}

/** When a principal got a role; a role without a row is as old as its principal. */
export interface RoleGrantTable {
  principal_id: string
  role: string
  granted_at: number
  /** A principal's id. */
  granted_by: string
}

/** A link that signs in to the console once. */
export interface ConsoleLinkTable {
  /** SHA-256 of the secret, hex. */
  secret_hash: string
  principal_id: string
  /** By which it was asked for. */
  access_key_id: string
  expires_at: number
}

/** Somebody who is signed in to the console. */
export interface ConsoleSessionTable {
  /** SHA-256 of the secret, hex. */
  secret_hash: string
  principal_id: string
  /** A session ends with the key that began it. */
  access_key_id: string
  began_at: number
  /** Written once a minute at most. */
  seen_at: number
}
