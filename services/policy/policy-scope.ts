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
  /** The kind of principals that its head is about, or the one of them. */
  readonly only: { readonly type: string; readonly id: string | undefined } | undefined
  /** Whether its conditions look at the principal, were it only at his kind. */
  readonly asksWho: boolean
  /** Roles that an `unless` lets past, whatever else is. */
  readonly exempt: readonly string[]
  /** Keys of the tags that it reads of things; `all` where one is not told by its text. */
  readonly tags: 'all' | readonly string[]
}

/** `All`, `==`, `in` or `is`, and what it is held against. */
interface Head {
  readonly op: string
}

/** Members of Cedar's JSON form of a policy that are looked at. */
interface PolicyJson {
  readonly principal: Head
  readonly action: Head
  readonly resource: Head
  readonly conditions: readonly { readonly kind: string; readonly body: object }[]
}

export function toScope({ principal, action, resource, conditions }: PolicyJson): PolicyScope {
  const inRole = entitiesOf('Lacre::Role', principal)
  return {
    principal: principal.op === 'All' ? 'all' : inRole.length > 0 ? 'role' : 'other',
    roles: [...new Set([...inRole, ...entitiesOf('Lacre::Role', conditions)])],
    actions: action.op === 'All' ? 'all' : entitiesOf('Lacre::Action', action),
    resource: resource.op === 'All' ? 'all' : 'some',
    conditional: conditions.length > 0 || principal.op === 'is',
    only: onlyOf(principal),
    asksWho: namesPrincipal(conditions),
    tags: tagsRead(conditions),
    exempt: conditions.flatMap(({ kind, body }) => (kind === 'unless' ? rolesThatDo(body) : [])),
  }
}

function tagsRead(node: unknown): PolicyScope['tags'] {
  if (typeof node !== 'object' || node === null) return []
  const own = Object.entries(node).flatMap(([name, value]) =>
    name === 'getTag' || name === 'hasTag' ? [tagRead(value as TagRead)] : [],
  )
  const found = [...own, ...Object.values(node).map(tagsRead)]
  return found.includes('all') ? 'all' : [...new Set(found.flat())]
}

interface TagRead {
  readonly left: object
  readonly right: object
}

/** Tags of a principal are his claims. */
function tagRead({ left, right }: TagRead): PolicyScope['tags'] {
  if ('Var' in left && left.Var === 'principal') return []
  return 'Value' in right && typeof right.Value === 'string' ? [right.Value] : 'all'
}

function onlyOf(head: Head): PolicyScope['only'] {
  if ('entity_type' in head && typeof head.entity_type === 'string')
    return { type: head.entity_type, id: undefined }
  if (head.op !== '==' || !('entity' in head)) return undefined
  const { type, id } = head.entity as { readonly type: string; readonly id: string }
  return { type, id }
}

function namesPrincipal(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false
  return ('Var' in node && node.Var === 'principal') || Object.values(node).some(namesPrincipal)
}

/** Each role that makes a condition true by itself: `principal in ROLE`, alone or beside others by `||`. */
function rolesThatDo(body: object): string[] {
  if ('||' in body) return Object.values(body['||'] as object).flatMap(rolesThatDo)
  if (!('in' in body)) return []
  const { left, right } = body.in as { readonly left: object; readonly right: object }
  return 'Var' in left && left.Var === 'principal' ? entitiesOf('Lacre::Role', right) : []
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
