/** What a policy's head and its literals say of whom and what it is about; what conditions weigh is not looked into. */
export interface PolicyScope {
  /** `role`: its head names one role; `all`: anybody; `other`: one principal, one kind of them. */
  readonly principal: 'all' | 'role' | 'other'
  /** Every role that it names, in head and conditions. */
  readonly roles: readonly string[]
  /** Actions and groups of its head. */
  readonly actions: 'all' | readonly string[]
  readonly resource: 'all' | 'some'
  /** Whether it asks for more than its head: a condition, or a kind of principal. */
  readonly conditional: boolean
}

/** Members of Cedar's JSON form of a policy that are looked at. */
interface PolicyJson {
  readonly principal: object
  readonly action: object
  readonly resource: object
  readonly conditions: readonly unknown[]
}

export function toScope({ principal, action, resource, conditions }: PolicyJson): PolicyScope {
  const inRole = entitiesOf('Lacre::Role', principal)
  const head = opOf(principal)
  return {
    principal: head === 'All' ? 'all' : inRole.length > 0 ? 'role' : 'other',
    roles: [...new Set([...inRole, ...entitiesOf('Lacre::Role', conditions)])],
    actions: opOf(action) === 'All' ? 'all' : entitiesOf('Lacre::Action', action),
    resource: opOf(resource) === 'All' ? 'all' : 'some',
    conditional: conditions.length > 0 || head === 'is',
  }
}

function opOf(node: object): unknown {
  return 'op' in node ? node.op : undefined
}

/** Ids of the entities of a type, wherever they stand. */
function entitiesOf(type: string, node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const own =
    'type' in node && node.type === type && 'id' in node && typeof node.id === 'string'
      ? [node.id]
      : []
  return [...own, ...Object.values(node).flatMap((value) => entitiesOf(type, value))]
}
