import type { RowRef } from '../audit/index.ts'
import { settleApprovalRequest, voidApprovalRequests } from '../catalog/index.ts'
import type { Decision, Facts } from '../model/index.ts'
import type { Writer } from '../store/index.ts'
import { RowsMoved } from './change.ts'
import { raiseWorld } from './commit.ts'

/**
 * In the transaction of a move: the requests that named it are used, and those for a release that leaves the alias by
 * break-glass, by the return at its end, or because what is served violates, are void (RULES §5). Whoever comes second with one decides again.
 * @throws RowsMoved
 */
export async function useApprovals(
  tx: Writer,
  { facts, decision }: { readonly facts: Facts; readonly decision: Decision },
  atMs: number,
): Promise<RowRef[]> {
  const settled = { by: decision.id, atMs }
  const touched: RowRef[] = []
  for (const { id } of facts.approvals ?? []) {
    const row = await settleApprovalRequest(tx, id, { state: 'used', ...settled })
    if (row === undefined) throw new RowsMoved()
    touched.push(row)
  }
  if (facts.move !== undefined && isForced(facts, decision)) {
    for (const release of facts.move.leaves)
      touched.push(...(await voidApprovalRequests(tx, { ...facts.move, release }, settled)))
  }
  if (touched.length > 0) await raiseWorld(tx)
  return touched
}

function isForced({ action, stage }: Facts, { checks }: Decision): boolean {
  return (
    action === 'lacre:EndBreakGlass' ||
    (stage?.leaving ?? null) !== null ||
    checks.some((check) => check.exceptions !== undefined)
  )
}
