import type { Deps } from '../../services/operations/index.ts'
import type { PolicyInForce } from '../../services/policy/index.ts'

/** Has the gate ask this set, whatever is kept; answers what takes that back. */
export function askInstead(owner: { readonly deps: Deps }, set: PolicyInForce): () => void {
  const deps = owner.deps as { policies: Deps['policies'] }
  const before = deps.policies
  deps.policies = new Proxy(before, {
    get(kept, name) {
      if (name === 'inForce' || name === 'deciding') return () => Promise.resolve(set)
      const member: unknown = Reflect.get(kept, name, kept)
      return typeof member === 'function' ? (member.bind(kept) as unknown) : member
    },
  })
  return () => {
    deps.policies = before
  }
}
