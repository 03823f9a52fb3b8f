import { canonicalJson, type Json } from '../model/index.ts'
import type { Evaluation, Policy, PolicySet, Request } from './policy-set.ts'
import type { Looked } from './policy-reads.ts'

/** How a set is asked: `authorize`, or what stands before it. */
export type Ask = (set: PolicySet, request: Request) => Evaluation

/** Answers remembered at most; each is some hundred bytes. */
const REMEMBERED_LIMIT = 50_000

/**
 * Asks a set once for all requests that it cannot tell apart: for whoever supposes much at a time. An evaluation is a pure
 * function of set and request; what is made of it (subjects, values shown) is made anew for each.
 */
export function remembering(ask: Ask): Ask {
  const keys = new Map<PolicySet, (request: Request) => string>()
  const answers = new Map<string, Evaluation>()
  return (set, request) => {
    const keyOf = keys.get(set) ?? requestKey(set)
    keys.set(set, keyOf)
    const key = `${set.digest} ${keyOf(request)}`
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = ask(set, request)
    if (answers.size >= REMEMBERED_LIMIT) answers.clear()
    answers.set(key, answer)
    return answer
  }
}

/** Requests of one key are answered alike by the set: it looks at nothing in which they differ. */
function requestKey(set: PolicySet): (request: Request) => string {
  const policies: readonly Policy[] = [...set.policies.values()]
  const principal = union(policies.map(({ looks }) => looks.principal))
  const resource = union(policies.map(({ looks }) => looks.resource))
  const context = union(policies.map(({ looks }) => looks.context))
  const needsEntities = principal === 'all' || resource === 'all'
  return (request) =>
    canonicalJson([
      request.action,
      entityPart(request, request.principal, principal),
      entityPart(request, request.resource, resource),
      context === 'all' ? request.context : pick(request.context, context),
      needsEntities ? request.entities : null,
    ] as unknown as Json)
}

function entityPart(request: Request, uid: Request['principal'], looked: Looked): unknown {
  if (looked === 'all') return uid
  if (looked.length === 0) return uid.type
  const entity = request.entities.find((one) => isUid(one.uid, uid))
  const attributes = pick(entity?.attrs ?? {}, looked)
  // What leads on to another entity is looked at as a whole.
  const leadsOn = Object.values(attributes).some((value) => typeof value === 'object')
  return leadsOn ? [uid, request.entities] : [uid.type, attributes]
}

function isUid(one: unknown, uid: Request['principal']): boolean {
  return (
    typeof one === 'object' &&
    one !== null &&
    'type' in one &&
    'id' in one &&
    one.type === uid.type &&
    one.id === uid.id
  )
}

function pick(
  from: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]]),
  )
}

function union(all: readonly Looked[]): Looked {
  const attributes: string[] = []
  for (const one of all) {
    if (one === 'all') return 'all'
    attributes.push(...one)
  }
  return [...new Set(attributes)].toSorted()
}
