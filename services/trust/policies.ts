import { isSelfIssued, type Certificate } from './certificate.ts'

const ANY_POLICY = '2.5.29.32.0'

/** What whoever asks wants of the policies (RFC 5280 §6.1.1). */
export interface PolicyInput {
  /** Where a policy is required, one of these must hold over the whole path; `undefined` where any will do. */
  readonly acceptable?: readonly string[] | undefined
  readonly requireExplicit?: boolean
  readonly inhibitMapping?: boolean
  readonly inhibitAny?: boolean
}

/** A policy that holds down to a certificate: what is expected below it, and which policies of the top it comes from. */
interface Node {
  readonly expected: ReadonlySet<string>
  /** The policies, in the top authority's terms, under which this one holds. */
  readonly roots: ReadonlySet<string>
}
type Level = Map<string, Node>

interface State {
  /** `undefined` where no policy holds any more. */
  level: Level | undefined
  /** Certificates until it takes effect; 0: it has. */
  explicit: number
  mapping: number
  any: number
}

const ANY_SET: ReadonlySet<string> = new Set([ANY_POLICY])

/**
 * RFC 5280 §6.1 with the graph of RFC 9618 in place of the tree, whose size was not bounded. `path` is leaf first,
 * without the anchor; the anchor's own constraints, if any, bind as well. Words for what fails, or `undefined`.
 */
export function findPolicyFault(
  path: readonly Certificate[],
  anchor: Certificate | undefined,
  input: PolicyInput,
): string | undefined {
  const free = path.length + 1
  const state: State = {
    level: new Map([[ANY_POLICY, { expected: ANY_SET, roots: ANY_SET }]]),
    explicit: input.requireExplicit === true ? 0 : free,
    mapping: input.inhibitMapping === true ? 0 : free,
    any: input.inhibitAny === true ? 0 : free,
  }
  if (anchor !== undefined) constrain(state, anchor)
  const downwards = path.toReversed()
  for (const [i, certificate] of downwards.entries()) {
    const last = i === downwards.length - 1
    state.level = nextLevel(state, certificate, last)
    if (state.explicit === 0 && state.level === undefined)
      return `no certificate policy holds down to \`${certificate.name}\``
    if (last) break
    const fault = applyMappings(state, certificate)
    if (fault !== undefined) return fault
    if (!isSelfIssued(certificate)) skip(state)
    constrain(state, certificate)
  }
  return wrapUp(state, downwards.at(-1), input.acceptable)
}

function constrain(state: State, { extensions }: Certificate): void {
  const { requireExplicit, inhibitMapping, inhibitAny } = extensions.policy
  state.explicit = Math.min(state.explicit, requireExplicit ?? Infinity)
  state.mapping = Math.min(state.mapping, inhibitMapping ?? Infinity)
  state.any = Math.min(state.any, inhibitAny ?? Infinity)
}

function skip(state: State): void {
  state.explicit = Math.max(0, state.explicit - 1)
  state.mapping = Math.max(0, state.mapping - 1)
  state.any = Math.max(0, state.any - 1)
}

/** §6.1.3 (d), (e). */
function nextLevel(state: State, certificate: Certificate, last: boolean): Level | undefined {
  const { policies } = certificate.extensions.policy
  const above = state.level
  if (policies === undefined || above === undefined) return undefined
  const level: Level = new Map()
  for (const policy of policies) {
    if (policy !== ANY_POLICY) addChild(level, above, policy)
  }
  const anyCounts = state.any > 0 || (!last && isSelfIssued(certificate))
  if (policies.includes(ANY_POLICY) && anyCounts) {
    const expected = new Set([...above.values()].flatMap((node) => [...node.expected]))
    for (const policy of expected) if (!level.has(policy)) addChild(level, above, policy)
  }
  return level.size === 0 ? undefined : level
}

function addChild(level: Level, above: Level, policy: string): void {
  const parents = [...above].filter(([, node]) => node.expected.has(policy))
  const any = above.get(ANY_POLICY)
  const from: [string, Node][] =
    parents.length > 0 ? parents : any === undefined ? [] : [[ANY_POLICY, any]]
  if (from.length === 0) return
  level.set(policy, { expected: new Set([policy]), roots: rootsBelow(from, policy) })
}

/** A policy granted by anyPolicy is one of the top's own; all others come from what they were mapped from. */
function rootsBelow(parents: readonly [string, Node][], policy: string): ReadonlySet<string> {
  return new Set(
    parents.flatMap(([parent, node]) => (parent === ANY_POLICY ? [policy] : [...node.roots])),
  )
}

/** §6.1.4 (a), (b). */
function applyMappings(state: State, { extensions, subjectText }: Certificate): string | undefined {
  const { mappings } = extensions.policy
  if (mappings.some(({ issuer, subject }) => issuer === ANY_POLICY || subject === ANY_POLICY))
    return `\`${subjectText}\` maps a policy to or from any policy`
  const { level } = state
  if (level === undefined) return undefined
  const byIssuer = new Map<string, Set<string>>()
  for (const { issuer, subject } of mappings)
    byIssuer.set(issuer, (byIssuer.get(issuer) ?? new Set()).add(subject))
  for (const [policy, expected] of byIssuer) {
    const node = level.get(policy)
    if (state.mapping === 0) level.delete(policy)
    else if (node !== undefined) level.set(policy, { ...node, expected })
    else if (level.has(ANY_POLICY)) level.set(policy, { expected, roots: new Set([policy]) })
  }
  if (level.size === 0) state.level = undefined
  return undefined
}

/** §6.1.5 (a), (b), (g). */
function wrapUp(
  state: State,
  leaf: Certificate | undefined,
  acceptable: readonly string[] | undefined,
): string | undefined {
  if (Math.max(0, state.explicit - 1) > 0 && leaf?.extensions.policy.requireExplicit !== 0)
    return undefined
  const roots = new Set([...(state.level?.values() ?? [])].flatMap((node) => [...node.roots]))
  const holds =
    acceptable === undefined
      ? roots.size > 0
      : roots.has(ANY_POLICY) || acceptable.some((policy) => roots.has(policy))
  if (holds) return undefined
  return acceptable === undefined
    ? 'no certificate policy holds over the whole path, though a certificate on it demands one'
    : `none of the policies ${acceptable.join(', ')} holds over the whole path`
}
