import { API_ACTIONS, GOVERN_GROUPS, type ApiAction, type Principal } from '../model/index.ts'
import type { Policy, PolicySet } from './policy-set.ts'
import { SHIPPED_ROLES } from './shipped-roles.ts'

type Holder = Pick<Principal, 'id' | 'kind' | 'roles'>

/** As the schema names the kinds of principals. */
const TYPES: Readonly<Record<Principal['kind'], string | undefined>> = {
  user: 'Lacre::User',
  workload: 'Lacre::Workload',
  system: undefined,
}

/** Every role that a policy names, or of the built-in table: no other can be granted. */
export function knownRoles(set: PolicySet | undefined): readonly string[] {
  if (set === undefined) return [...SHIPPED_ROLES.keys()].toSorted()
  const found = [...set.policies.values()].flatMap(({ scope }) => [...scope.roles])
  return [...new Set(found)].toSorted()
}

/**
 * The actions that permits of this role speak of, whatever the thing. What policies give to everybody is not among them.
 */
export function actionsOfRole(set: PolicySet | undefined, role: string): readonly string[] {
  if (set === undefined) {
    const groups = SHIPPED_ROLES.get(role)
    return allActions(({ group }) => groups?.has(group) === true)
  }
  const permits = [...set.policies.values()].filter(
    ({ effect, scope }) => effect === 'permit' && scope.roles.includes(role),
  )
  return allActions((action) => permits.some((policy) => speaksOf(policy, action)))
}

/**
 * Actions that a role may give and that whoever grants it lacks (RULES §5: no one grants more than he has); empty where
 * he may grant it. Told from the text of the policies, on the safe side: he holds the role himself, or has for every one of its
 * actions a permit without any condition on thing or circumstance; and no policy forbids it to him that may not forbid it
 * to whoever gets the role.
 */
export function exceeding(
  set: PolicySet | undefined,
  granter: Holder,
  role: string,
): readonly string[] {
  const holds = granter.roles.includes(role)
  if (set === undefined) {
    const has = new Set(granter.roles.flatMap((own) => [...actionsOfRole(set, own)]))
    return actionsOfRole(set, role).filter((name) => !has.has(name))
  }
  const policies = [...set.policies.values()]
  // A forbid that names the role may be lifted by it, and so gives something too.
  const given = policies.filter(({ scope }) => scope.roles.includes(role))
  return allActions((action) => {
    if (!given.some((policy) => speaksOf(policy, action))) return false
    const about = policies.filter((policy) => speaksOf(policy, action))
    const free = about.some((policy) => policy.effect === 'permit' && isFreeFor(policy, granter))
    const stopped = about.some((policy) => mayStop(policy, granter) && !isFor(policy, role))
    return (!holds && !free) || stopped
  })
}

/**
 * Actions that this one may not do for certain, whatever the thing and the circumstance: without a permit that wants nothing
 * else, or under a forbid that may be his and is not everybody's.
 */
export function lacking(set: PolicySet | undefined, who: Holder): readonly string[] {
  if (set === undefined) {
    const has = new Set(who.roles.flatMap((role) => [...actionsOfRole(set, role)]))
    return allActions(({ name }) => !has.has(name))
  }
  const policies = [...set.policies.values()]
  return allActions((action) => {
    const about = policies.filter((policy) => speaksOf(policy, action))
    const free = about.some((policy) => policy.effect === 'permit' && isFreeForAny(policy, who))
    return !free || about.some((policy) => mayStop(policy, who) && !isForEverybody(policy))
  })
}

/**
 * Whether some permit might let this principal do this to something: asked where the thing is only named in the body,
 * which is read after it; the whole question follows then.
 */
export function mightDo(set: PolicySet | undefined, who: Holder, action: string): boolean {
  const known = API_ACTIONS.get(action)
  if (known === undefined || who.kind === 'system') return false
  if (known.group === 'approve' && who.kind !== 'user') return false
  if (set === undefined) {
    return who.roles.some((role) => SHIPPED_ROLES.get(role)?.has(known.group) === true)
  }
  return [...set.policies.values()].some(
    (policy) => policy.effect === 'permit' && speaksOf(policy, known) && mayMean(policy, who),
  )
}

/** Whether any policy reads this tag of a thing; the built-in table reads none. */
export function readsTag(set: PolicySet | undefined, key: string): boolean {
  return [...(set?.policies.values() ?? [])].some(
    ({ scope: { tags } }) => tags === 'all' || tags.includes(key),
  )
}

function allActions(wanted: (action: ApiAction) => boolean): string[] {
  const found = [...API_ACTIONS.values()].filter(wanted)
  return found.map(({ name }) => name).toSorted()
}

function speaksOf({ scope }: Policy, { name, group }: ApiAction): boolean {
  if (scope.actions === 'all') return true
  const names = [name, group, ...(GOVERN_GROUPS.includes(group) ? ['govern'] : [])]
  return scope.actions.some((one) => names.includes(one))
}

/** A permit of anybody's or of a role of his, that wants nothing else. */
function isFreeForAny(policy: Policy, who: Holder): boolean {
  const { principal, conditional, resource } = policy.scope
  if (principal === 'all') return !conditional && resource === 'all'
  return isFreeFor(policy, who)
}

/** A permit that is this one's for certain and wants nothing else: by a role of his, no condition, every thing. */
function isFreeFor({ scope }: Policy, { roles }: Holder): boolean {
  if (scope.conditional || scope.resource !== 'all') return false
  return scope.principal === 'role' && scope.roles.every((role) => roles.includes(role))
}

/** May this policy be about this one? Only one whose head names another role, another kind or somebody else is surely not. */
function mayMean({ scope: { principal, roles, only } }: Policy, who: Holder): boolean {
  if (principal === 'role' && !roles.some((role) => who.roles.includes(role))) return false
  if (only === undefined) return true
  return only.type === TYPES[who.kind] && (only.id === undefined || only.id === who.id)
}

/** A forbid that may be this one's, and that none of his roles lifts for certain. */
function mayStop(policy: Policy, who: Holder): boolean {
  if (policy.effect !== 'forbid' || !mayMean(policy, who)) return false
  return !policy.scope.exempt.some((role) => who.roles.includes(role))
}

/** Whether it says the same of everybody, since neither head nor conditions ask who it is. */
function isForEverybody({ scope }: Policy): boolean {
  return scope.principal === 'all' && !scope.asksWho
}

/** Whether it says of whoever has this role what it says of others: of everybody, or of all who have it. */
function isFor(policy: Policy, role: string): boolean {
  const { principal, roles, only, asksWho } = policy.scope
  const byRole = principal === 'role' && only === undefined && !asksWho
  return isForEverybody(policy) || (byRole && roles.every((one) => one === role))
}
