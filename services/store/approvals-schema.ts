/** Rows of approvals, break-glass and signers' owners (migration 0012). */
export interface ApprovalSchema {
  approval_request: ApprovalRequestTable
  approval: ApprovalTable
  break_glass: BreakGlassTable
  signer_owner: SignerOwnerTable
}

export interface ApprovalRequestTable {
  /** `apr-` and 32 hex digits, random. */
  id: string
  function_name: string
  alias: string
  version: string
  release: string
  /** What the release would get of the alias's calls: 0 < weight <= 1. */
  weight: number
  /** A principal's id: who alone may use it. */
  requester: string
  reason: string
  opened_at: number
  expires_at: number
  /** Past `expires_at` it stays `open`, and counts no more. */
  state: 'open' | 'used' | 'withdrawn' | 'void'
  settled_at: number | null
  /** The decision that used it or made it void, or the principal who took it back. */
  settled_by: string | null
}

export interface ApprovalTable {
  request_id: string
  principal_id: string
  approved_at: number
  comment: string
  revoked_at: number | null
}

/** From the request to the review, one row. */
export interface BreakGlassTable {
  /** `bg-` and 32 hex digits, random. */
  id: string
  function_name: string
  alias: string
  version: string
  release: string
  reason: string
  ticket: string
  /** JSON: ExceptionScope[] */
  scope: string
  ttl_ms: number
  requester: string
  requested_at: number
  /** How many persons the installation wanted when it was granted: 2, or 1 where it said so. */
  quorum: number | null
  second: string | null
  granted_at: number | null
  until: number | null
  ended_at: number | null
  ended: 'reverted' | 'unused' | 'replaced' | 'frozen' | 'withdrawn' | null
  /** A principal's id; `system` at expiry. */
  ended_by: string | null
  reviewed_by: string | null
  reviewed_at: number | null
  review_note: string | null
}

export interface SignerOwnerTable {
  /** `publisher:NAME`, `key:SPKI SHA-256` or `oidc:…` as SignerIdentity has it. */
  signer: string
  /** For people. */
  label: string
  principal_id: string
  mapped_at: number
  mapped_by: string
}
