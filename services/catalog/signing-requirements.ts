import type { SigningRequirements } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** What a code signing config demands beside AWS's one signer; `undefined` where it demands nothing. */
export async function findSigningRequirements(
  reader: Reader,
  configId: string,
): Promise<SigningRequirements | undefined> {
  const row = await reader
    .selectFrom('signing_requirement')
    .selectAll()
    .where('config_id', '=', configId)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { minSigners: row.min_signers, minPublishers: row.min_publishers }
}

/** In place of what was demanded before. */
export async function putSigningRequirements(
  tx: Writer,
  configId: string,
  at: SigningRequirements & { readonly atMs: number },
): Promise<TouchedRow> {
  const values = {
    min_signers: at.minSigners,
    min_publishers: at.minPublishers,
    last_modified: at.atMs,
  }
  await tx
    .insertInto('signing_requirement')
    .values({ config_id: configId, ...values })
    .onConflict((conflict) => conflict.column('config_id').doUpdateSet(values))
    .execute()
  return { table: 'signing_requirement', key: { config_id: configId } }
}

/** With the config it belongs to. */
export async function deleteSigningRequirements(
  tx: Writer,
  configId: string,
): Promise<TouchedRow[]> {
  if ((await findSigningRequirements(tx, configId)) === undefined) return []
  await tx.deleteFrom('signing_requirement').where('config_id', '=', configId).execute()
  return [{ table: 'signing_requirement', key: { config_id: configId } }]
}
