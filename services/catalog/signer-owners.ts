import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** Whose a signer is. */
export interface SignerOwner {
  /** `publisher:NAME`, `key:SPKI SHA-256` or `oidc:…`, as SignerIdentity names it. */
  readonly signer: string
  /** For people. */
  readonly label: string
  /** A principal's id. */
  readonly owner: string
  readonly mappedAtMs: number
  readonly mappedBy: string
}

export async function listSignerOwners(reader: Reader): Promise<SignerOwner[]> {
  const rows = await reader.selectFrom('signer_owner').selectAll().orderBy('signer').execute()
  return rows.map((row) => ({
    signer: row.signer,
    label: row.label,
    owner: row.principal_id,
    mappedAtMs: row.mapped_at,
    mappedBy: row.mapped_by,
  }))
}

/** In place of who it was before. */
export async function putSignerOwner(tx: Writer, mapping: SignerOwner): Promise<TouchedRow> {
  const values = {
    label: mapping.label,
    principal_id: mapping.owner,
    mapped_at: mapping.mappedAtMs,
    mapped_by: mapping.mappedBy,
  }
  await tx
    .insertInto('signer_owner')
    .values({ signer: mapping.signer, ...values })
    .onConflict((conflict) => conflict.column('signer').doUpdateSet(values))
    .execute()
  return { table: 'signer_owner', key: { signer: mapping.signer } }
}

export async function deleteSignerOwner(tx: Writer, signer: string): Promise<TouchedRow> {
  await tx.deleteFrom('signer_owner').where('signer', '=', signer).execute()
  return { table: 'signer_owner', key: { signer } }
}
