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
 * not by how they are called. Claims of a token are not kept, and none are supposed. Of one snapshot the same question has one
 * answer, and is asked once: a person may have approved very many open requests.
 */
export async function approvesBy(
  deps: Pick<Deps, 'place' | 'policies'>,
  reader: Reader,
  action: ApprovingAction,
): Promise<Approves> {
  const { set } = await deps.policies.inForce(reader, 'authorization')
  const usable = isUsable(set) ? set : undefined
  const things = new Map<string, ReturnType<typeof resolveThing>>()
  const answers = new Map<string, boolean>()
  return async ({ functionName, alias }, holder) => {
    const asked = functionRef(functionName, alias)
    const of = JSON.stringify(asked)
    const thing = things.get(of) ?? resolveThing(reader, deps.place, asked)
    things.set(of, thing)
    const { resource, tags } = await thing
    const question = JSON.stringify([resource, holder])
    const known = answers.get(question)
    if (known !== undefined) return known
    const principal = { ...holder, claims: {} }
    const { allowed } = mayDo(usable, { resource, tags, principal, action })
    answers.set(question, allowed)
    return allowed
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
