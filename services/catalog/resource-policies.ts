import type { Reader, ResourcePolicyTable, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** Where a policy hangs. */
export interface PolicyPlace {
  /** A function's id, or a layer version's ARN. */
  readonly owner: string
  /** A version or alias; empty for the function itself and for a layer version. */
  readonly qualifier: string
}

export interface ResourcePolicy extends PolicyPlace {
  /** The policy as AWS answers it, JSON text. */
  readonly document: string
  /** A layer version's policy has a revision of its own; a function's answers that of what it hangs on. */
  readonly revisionId: string
  readonly decisionId: string
}

export async function findResourcePolicy(
  reader: Reader,
  place: PolicyPlace,
): Promise<ResourcePolicy | undefined> {
  const row = await reader
    .selectFrom('resource_policy')
    .selectAll()
    .where('owner', '=', place.owner)
    .where('qualifier', '=', place.qualifier)
    .executeTakeFirst()
  return row === undefined ? undefined : toPolicy(row)
}

/** In place of the one that is there, if any. */
export async function putResourcePolicyRow(
  tx: Writer,
  policy: ResourcePolicy,
): Promise<TouchedRow> {
  const values = {
    document: policy.document,
    revision_id: policy.revisionId,
    decision_id: policy.decisionId,
  }
  await tx
    .insertInto('resource_policy')
    .values({ owner: policy.owner, qualifier: policy.qualifier, ...values })
    .onConflict((conflict) => conflict.columns(['owner', 'qualifier']).doUpdateSet(values))
    .execute()
  return policyRow(policy)
}

export async function deleteResourcePolicyRow(
  tx: Writer,
  place: PolicyPlace,
): Promise<TouchedRow[]> {
  if ((await findResourcePolicy(tx, place)) === undefined) return []
  await tx
    .deleteFrom('resource_policy')
    .where('owner', '=', place.owner)
    .where('qualifier', '=', place.qualifier)
    .execute()
  return [policyRow(place)]
}

/** Everything that hangs on one owner, at most `limit` rows. */
export async function deleteSomePoliciesOf(
  tx: Writer,
  owner: string,
  limit: number,
): Promise<TouchedRow[]> {
  const rows = await tx
    .selectFrom('resource_policy')
    .select(['owner', 'qualifier'])
    .where('owner', '=', owner)
    .orderBy('qualifier')
    .limit(limit)
    .execute()
  const touched: TouchedRow[] = []
  for (const row of rows) touched.push(...(await deleteResourcePolicyRow(tx, row)))
  return touched
}

function policyRow({ owner, qualifier }: PolicyPlace): TouchedRow {
  return { table: 'resource_policy', key: { owner, qualifier } }
}

function toPolicy(row: ResourcePolicyTable): ResourcePolicy {
  return {
    owner: row.owner,
    qualifier: row.qualifier,
    document: row.document,
    revisionId: row.revision_id,
    decisionId: row.decision_id,
  }
}
