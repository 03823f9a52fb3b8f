import type { PolicyKind } from '../model/index.ts'

/** What policies are kept in (migration 0009). */
export interface PolicySchema {
  policy_set: PolicySetTable
}

/** Written once; of each kind the row with the highest version is in force. */
export interface PolicySetTable {
  kind: PolicyKind
  /** Rises by one in each kind, from 1. */
  version: number
  name: string
  /** As decisions name it: SHA-256 over the schema and the policies. */
  digest: string
  /** The schema's own, so that a newer program sees that it has another. */
  schema_sha256: string
  /** document.sha256 of `{v, files, cases}`. */
  document: string
  /** By the service at its start, through the gate, or back to `of_version`. */
  how: 'shipped' | 'applied' | 'rolled-back'
  of_version: number | null
  applied_at: number
  principal_id: string
  /** Absent where the service put it in force by itself. */
  decision_id: string | null
}
