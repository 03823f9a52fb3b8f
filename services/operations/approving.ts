import { approversOf, openRequests, type Approves, type StagePlace } from '../catalog/index.ts'
import { functionRef, type ApprovalFacts } from '../model/index.ts'
import { isUsable, mayDo } from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import { resolveThing } from './access/thing.ts'
import type { Deps } from './context.ts'

/** What the word of a second person is given by. */
type ApprovingAction = 'lacre:Approve' | 'lacre:GrantBreakGlass'

/**
 * Asks the authorization set as of the reader's snapshot, as it is asked at the door: roles count by what they permit and
 * not by how they are called. Claims of a token are not kept, and none are supposed.
 */
export async function approvesBy(
  deps: Pick<Deps, 'place' | 'policies'>,
  reader: Reader,
  action: ApprovingAction,
): Promise<Approves> {
  const { set } = await deps.policies.inForce(reader, 'authorization')
  const usable = isUsable(set) ? set : undefined
  return async ({ functionName, alias }, holder) => {
    const thing = await resolveThing(reader, deps.place, functionRef(functionName, alias))
    return mayDo(usable, { ...thing, principal: { ...holder, claims: {} }, action }).allowed
  }
}

/** Requests for approval that are open, with what is known of whoever approved. */
export async function approvalFacts(
  deps: Pick<Deps, 'place' | 'policies'>,
  reader: Reader,
  of: {
    readonly place: (StagePlace & { readonly requester: string }) | undefined
    readonly atMs: number
  },
): Promise<ApprovalFacts[]> {
  const requests = await openRequests(reader, of.place, of.atMs)
  if (requests.length === 0) return []
  const approves = await approvesBy(deps, reader, 'lacre:Approve')
  const facts: ApprovalFacts[] = []
  for (const request of requests)
    facts.push({ ...request, approvers: await approversOf(reader, request, approves) })
  return facts
}
