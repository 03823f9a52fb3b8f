import type { ApplySpec, SchemaJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'

import { sha256 } from '../model/index.ts'
import type { Request } from './policy-set.ts'
import { isOfType, type TypeForm } from './context-type.ts'

type Context = Request['context']
export type SchemaForm = SchemaJson<string>

/** A schema with no more in it than a request for one action needs. */
export interface SchemaSlice {
  /** What makes it another than that of another action. */
  readonly key: string
  readonly schema: SchemaForm
  /** What of a context is held against it; `undefined` where the rest might not be of its type: the whole schema says. */
  readonly cut: (context: Context) => Context | undefined
}

/** The action itself and every group that it is in; `undefined` where the schema has no such action. */
export function ancestorsOf(schema: SchemaForm, action: TypeAndId): Set<string> | undefined {
  const found = new Set<string>()
  const open = [action]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const form = actionForm(schema, next)
    if (form === undefined) return undefined
    const key = nameOf(next)
    if (found.has(key)) continue
    found.add(key)
    const own = next.type
    open.push(...(form.memberOf ?? []).map(({ id, type = own }) => ({ id, type })))
  }
  return found
}

export function nameOf({ type, id }: TypeAndId): string {
  return `${type}::${JSON.stringify(id)}`
}

/** What of a schema a slice of a set needs. */
export interface SchemaNeeds {
  /** Members of the context that policies look at. */
  readonly reads: 'all' | readonly string[]
  /** Actions as `nameOf` has them. */
  readonly actions: 'all' | ReadonlySet<string>
}

/**
 * Entity types stay as they are. Of the context stay the members that are read; that the others are of their types is
 * found here, for each request.
 */
export function sliceSchema(
  schema: SchemaForm,
  action: TypeAndId,
  { reads, actions }: SchemaNeeds,
): SchemaSlice | undefined {
  const form = actionForm(schema, action)
  if (form?.appliesTo === undefined) return undefined
  const sliced: SchemaForm = {}
  for (const [namespace, definition] of Object.entries(schema)) {
    const kept = Object.entries(definition.actions).filter(
      ([id]) => actions === 'all' || actions.has(nameOf({ type: typeIn(namespace), id })),
    )
    sliced[namespace] = { ...definition, actions: Object.fromEntries(kept) }
  }
  const key = sha256(JSON.stringify([schema, action, actions === 'all', reads]))
  const members = membersOf(schema, action)
  const own = sliced[namespaceOf(action)]
  if (reads === 'all' || members === undefined || own === undefined)
    return { key, schema: sliced, cut: (context) => context }
  const [read, unread] = divide(members, reads)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- members as the schema has them
  const context = { type: 'Record', attributes: read } as ApplySpec<string>['context'] & object
  own.actions[action.id] = { ...form, appliesTo: { ...form.appliesTo, context } }
  const types = { schema, own }
  return {
    key,
    schema: sliced,
    cut: (whole) => {
      const [sent, others] = divide(whole, reads)
      return isOfType(others, { type: 'Record', attributes: unread }, types) ? sent : undefined
    },
  }
}

/** What has one of these names, and what has not. */
function divide<T>(
  from: Readonly<Record<string, T>>,
  names: readonly string[],
): readonly [named: Record<string, T>, others: Record<string, T>] {
  const all = Object.entries(from)
  return [
    Object.fromEntries(all.filter(([name]) => names.includes(name))),
    Object.fromEntries(all.filter(([name]) => !names.includes(name))),
  ]
}

/** Members of an action's context, where they are written there or in a type of the same namespace. */
function membersOf(
  schema: SchemaForm,
  action: TypeAndId,
): Readonly<Record<string, TypeForm>> | undefined {
  const context = actionForm(schema, action)?.appliesTo?.context as TypeForm | undefined
  const form =
    context?.type === 'Record'
      ? context
      : (own(schema[namespaceOf(action)]?.commonTypes, context?.type ?? '') as TypeForm | undefined)
  return form?.type === 'Record' && form.additionalAttributes !== true ? form.attributes : undefined
}

function actionForm(schema: SchemaForm, action: TypeAndId) {
  return typeIn(namespaceOf(action)) === action.type
    ? own(own(schema, namespaceOf(action))?.actions, action.id)
    : undefined
}

function own<T>(from: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return from !== undefined && Object.hasOwn(from, name) ? from[name] : undefined
}

function namespaceOf({ type }: TypeAndId): string {
  return type.replace(/(?:^|::)Action$/, '')
}

function typeIn(namespace: string): string {
  return namespace === '' ? 'Action' : `${namespace}::Action`
}
