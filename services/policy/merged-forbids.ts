import type { Expr, Policy, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

/**
 * Makes one policy of all that forbid under the same head, by an `or` over what each says. Where Cedar answers "allow"
 * without an error over the merged set, it does so over the set itself: an `or` is false only when every part of it was
 * evaluated and is false. Any other answer says nothing (which of them forbade, what others would have erred), and the set
 * itself is asked. Policies that permit stay as they are: an `or` that is true hides what its later parts err.
 * @returns `undefined` where no two share a head
 */
export function mergeForbids(
  policies: Readonly<Record<string, PolicyJson>>,
): Record<string, Policy> | undefined {
  const alike = new Map<string, [string, PolicyJson][]>()
  for (const [id, policy] of Object.entries(policies)) {
    const { effect, principal, action, resource } = policy
    const key = effect === 'permit' ? id : JSON.stringify([principal, action, resource])
    const known = alike.get(`${effect} ${key}`) ?? []
    known.push([id, policy])
    alike.set(`${effect} ${key}`, known)
  }
  if ([...alike.values()].every(({ length }) => length === 1)) return undefined
  return Object.fromEntries([...alike.values()].map(mergeGroup))
}

function mergeGroup(group: readonly [string, PolicyJson][]): [string, Policy] {
  const [first] = group
  if (first === undefined) throw new RangeError('a group holds a policy')
  const [id, policy] = first
  if (group.length === 1) return first
  const body = anyOf(group.map(([, { conditions }]) => allOf(conditions)))
  return [id, { ...policy, annotations: {}, conditions: [{ kind: 'when', body }] }]
}

/** What a policy asks for beyond its head. */
function allOf(conditions: PolicyJson['conditions']): Expr {
  return conditions
    .map(({ kind, body }): Expr => (kind === 'when' ? body : { '!': { arg: body } }))
    .reduce<Expr>((left, right) => ({ '&&': { left, right } }), { Value: true })
}

/** A balanced tree: the engine follows it by recursion. */
function anyOf(exprs: readonly Expr[]): Expr {
  const [only] = exprs
  if (exprs.length <= 1) return only ?? { Value: false }
  const middle = exprs.length >> 1
  return { '||': { left: anyOf(exprs.slice(0, middle)), right: anyOf(exprs.slice(middle)) } }
}
