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
