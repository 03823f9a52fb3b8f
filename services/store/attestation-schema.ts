/** One attestation beside an artifact; `document` names the bundle as it came. */
export interface AttestationTable {
  /** Of the unsealed bytes: what is signed. */
  artifact_sha256: string
  /** Of what was signed and by which signature: one attestation is kept once, however it is wrapped. */
  digest: string
  predicate_type: string
  document: string
  size_bytes: number
  created_at: number
}
