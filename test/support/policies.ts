import type { Deps } from '../../services/operations/index.ts'
import type { PolicyInForce } from '../../services/policy/index.ts'

/** Has the gate ask this set, whatever is kept; answers what takes that back. */
export function askInstead(owner: { readonly deps: Deps }, set: PolicyInForce): () => void {
  const deps = owner.deps as { policies: Deps['policies'] }
  const before = deps.policies
  deps.policies = new Proxy(before, {
    get(kept, name) {
      const member: unknown = Reflect.get(kept, name, kept)
      const own: unknown = typeof member === 'function' ? member.bind(kept) : member
      if (name !== 'inForce' && name !== 'deciding') return own
      // Who may do what is asked of the set that is kept.
      return async (...asked: unknown[]) =>
        asked.includes('authorization') && typeof own === 'function'
          ? ((await own(...asked)) as unknown)
          : set
    },
  })
  return () => {
    deps.policies = before
  }
}
