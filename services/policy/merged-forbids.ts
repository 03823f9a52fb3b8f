import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

import type { Policy } from './policy-set.ts'

/** Policies merged at most: where one of a group forbids, or errs, all of the group are asked one by one. */
const GROUP_LIMIT = 16

/** Policies that can be asked as one together. */
export type Group = readonly [Policy, ...Policy[]]

/** Groups of what forbids under one head; policies that permit are alone: an `or` that is true hides what its later parts err. */
export function groupForbids(policies: readonly Policy[]): Group[] {
  const open = new Map<string, [Policy, ...Policy[]]>()
  const groups: Group[] = []
  for (const policy of policies) {
    const { effect, principal, action, resource } = policy.json
    const head = JSON.stringify([principal, action, resource])
    const group = effect === 'permit' ? undefined : open.get(head)
    if (group !== undefined && group.length < GROUP_LIMIT) {
      group.push(policy)
      continue
    }
    const fresh: [Policy, ...Policy[]] = [policy]
    groups.push(fresh)
    if (effect === 'forbid') open.set(head, fresh)
  }
  return groups
}

/**
 * One policy for a group, under the id of its first, by an `or` over what each says. Where it is false without an error,
 * so is each of them: an `or` is false only when every part of it was evaluated and is false. Where it is true, the part
 * that made it so is; which one, and what others would have erred, it does not say.
 */
export function mergeGroup(group: Group): readonly [id: string, policy: PolicyJson] {
  const [first, ...others] = group
  const { id, json } = first
  if (others.length === 0) return [id, json]
  const body = anyOf([allOf(first), ...others.map(allOf)])
  return [id, { ...json, annotations: {}, conditions: [{ kind: 'when', body }] }]
}

/** What a policy asks for beyond its head. */
function allOf({ json }: Policy): Expr {
  return json.conditions
    .map(({ kind, body }): Expr => (kind === 'when' ? body : { '!': { arg: body } }))
    .reduce<Expr>((left, right) => ({ '&&': { left, right } }), { Value: true })
}

/** A balanced tree: the engine follows it by recursion. */
function anyOf([first, ...others]: readonly [Expr, ...Expr[]]): Expr {
  const middle = others.length >> 1
  const [next, ...rest] = others.slice(middle)
  if (next === undefined) return first
  return {
    '||': { left: anyOf([first, ...others.slice(0, middle)]), right: anyOf([next, ...rest]) },
  }
}
