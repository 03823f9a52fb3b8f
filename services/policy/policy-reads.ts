/** Of one variable of a request what policies look at: `all`, or these attributes besides its type. */
export type Looked = 'all' | readonly string[]

/** What of a request decides what a policy says of it. */
export interface PolicyReads {
  readonly principal: Looked
  readonly resource: Looked
  readonly context: Looked
}

/**
 * Reads Cedar's JSON form of a policy. An attribute counts where it is taken from the variable itself; wherever else the
 * variable stands (compared, searched for in a hierarchy, put into a set) all of it counts.
 */
export function readsOf(policy: {
  readonly principal: object
  readonly resource: object
  readonly conditions: readonly unknown[]
}): PolicyReads {
  const found = {
    principal: new Set<string>(),
    resource: new Set<string>(),
    context: new Set<string>(),
  }
  const whole = new Set<string>()
  const isVariable = (name: unknown): name is keyof PolicyReads =>
    typeof name === 'string' && Object.hasOwn(found, name)
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { Var: variable, '.': access, has, is } = node as Readonly<Record<string, unknown>>
    if (isVariable(variable)) whole.add(variable)
    const taken = takenFrom(access) ?? takenFrom(has)
    if (taken !== undefined && isVariable(taken.variable)) {
      found[taken.variable].add(taken.attribute)
      return
    }
    if (variableOf(is) !== undefined && memberOf(is, 'in') === undefined) return
    for (const child of Object.values(node)) visit(child)
  }
  for (const condition of policy.conditions) visit(condition)
  const looked = (name: keyof PolicyReads, head?: object): Looked =>
    whole.has(name) || (head !== undefined && !readsTypeAlone(head))
      ? 'all'
      : [...found[name]].toSorted()
  return {
    principal: looked('principal', policy.principal),
    resource: looked('resource', policy.resource),
    context: looked('context'),
  }
}

function takenFrom(access: unknown): { variable: unknown; attribute: string } | undefined {
  // `has a.b.c` names a path.
  const [attribute] = [memberOf(access, 'attr')].flat() as unknown[]
  return typeof attribute === 'string' ? { variable: variableOf(access), attribute } : undefined
}

function variableOf(operation: unknown): unknown {
  return memberOf(memberOf(operation, 'left'), 'Var')
}

function memberOf(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null && name in node
    ? node[name as keyof typeof node]
    : undefined
}

/** `principal`, or `principal is T`. */
function readsTypeAlone(head: object): boolean {
  return 'op' in head && (head.op === 'All' || (head.op === 'is' && !('in' in head)))
}
