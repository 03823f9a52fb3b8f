import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'

import { sha256 } from '../model/index.ts'
import type { Policy, PolicySet, Request } from './policy-set.ts'
import { withCedar } from './cedar-engine.ts'
import { groupForbids, type Group } from './merged-forbids.ts'
import {
  ancestorsOf,
  nameOf,
  sliceSchema,
  type SchemaForm,
  type SchemaSlice,
} from './schema-slice.ts'

/** What of a set can have a say in requests of one kind. */
export interface PolicySlice {
  /** Another list of policies has another. */
  readonly key: string
  readonly policies: readonly Policy[]
  /** The same ones, those that can be asked as one together. */
  readonly groups: readonly Group[]
  /** `undefined` where the whole schema is needed, or there is none. */
  readonly schema: SchemaSlice | undefined
}

/** Kinds of requests (action, types of principal and resource) that are kept apart of a set at a time. */
const KINDS_LIMIT = 1_000
/** Schemas that are kept read at a time: that of each question, and those of cases and tests. */
const SCHEMAS_LIMIT = 4

const slicesOf = new WeakMap<PolicySet, Map<string, PolicySlice>>()
const schemas = new Map<string, SchemaForm>()

/**
 * Policies whose head fits no request of this kind are left out: they neither decide nor err, because a head is looked at
 * first and cannot err. An action's groups stand in the schema; without one they may stand in the request, and nothing is
 * left out.
 */
export function sliceFor(set: PolicySet, request: Request): PolicySlice {
  const slices = slicesOf.get(set) ?? new Map<string, PolicySlice>()
  slicesOf.set(set, slices)
  const { action, principal, resource } = request
  const kind = JSON.stringify([action.type, action.id, principal.type, resource.type])
  const known = slices.get(kind)
  if (known !== undefined) return known
  const made = makeSlice(set, request)
  if (slices.size >= KINDS_LIMIT) slices.clear()
  slices.set(kind, made)
  return made
}

function makeSlice({ policies, schema, digest }: PolicySet, request: Request): PolicySlice {
  const all = [...policies.values()]
  const form = schema === undefined ? undefined : readSchema(schema)
  const ancestors = form && ancestorsOf(form, request.action)
  if (form === undefined || ancestors === undefined)
    return { ...holding(digest, all), schema: undefined }
  const fitting = all.filter(({ json }) => canFit(json, request, ancestors))
  const others = fitting.some(({ json }) => comparesOthers(json.conditions))
  const needs = { reads: contextOf(fitting), actions: others ? 'all' : ancestors } as const
  return { ...holding(digest, fitting), schema: sliceSchema(form, request.action, needs) }
}

function holding(digest: string, policies: readonly Policy[]): Omit<PolicySlice, 'schema'> {
  return {
    key: sha256(digest, JSON.stringify(policies.map(({ id }) => id))),
    policies,
    groups: groupForbids(policies),
  }
}

function readSchema(text: string): SchemaForm | undefined {
  const known = schemas.get(text)
  if (known !== undefined) return known
  const answer = withCedar((cedar) => cedar.schemaToJson(text))
  if (answer.type === 'failure') return undefined
  const [oldest] = schemas.keys()
  if (schemas.size >= SCHEMAS_LIMIT && oldest !== undefined) schemas.delete(oldest)
  schemas.set(text, answer.json)
  return answer.json
}

function canFit(
  { principal, action, resource }: PolicyJson,
  request: Request,
  ancestors: ReadonlySet<string>,
): boolean {
  return (
    canBeAction(action, ancestors, request.action) &&
    canBeOfType(principal, request.principal.type) &&
    canBeOfType(resource, request.resource.type)
  )
}

function canBeAction(
  head: PolicyJson['action'],
  ancestors: ReadonlySet<string>,
  asked: TypeAndId,
): boolean {
  if (head.op === 'All') return true
  if (head.op === '==') return !('entity' in head) || uidOf(head.entity) === nameOf(asked)
  const named = 'entity' in head ? [head.entity] : head.entities
  return named.some((one) => ancestors.has(uidOf(one)))
}

/** What is `in` something may be of any type. */
function canBeOfType(head: PolicyJson['principal' | 'resource'], type: string): boolean {
  if (head.op === 'is') return head.entity_type === type
  if (head.op !== '==' || !('entity' in head)) return true
  return ('__entity' in head.entity ? head.entity.__entity : head.entity).type === type
}

function uidOf(uid: TypeAndId | { readonly __entity: TypeAndId }): string {
  return nameOf('__entity' in uid ? uid.__entity : uid)
}

function contextOf(policies: readonly Policy[]): 'all' | readonly string[] {
  const found: string[] = []
  for (const { looks } of policies) {
    if (looks.context === 'all') return 'all'
    found.push(...looks.context)
  }
  return [...new Set(found)]
}

/**
 * Whether something else than the request's own three is searched for in a hierarchy (`Action::"a" in …`, `context.one in
 * …`): it may be an action, and any of them.
 */
function comparesOthers(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false
  return Object.entries(node).some(
    ([name, operand]) =>
      ((name === 'in' || name === 'is') && !isVariable(operand)) || comparesOthers(operand),
  )
}

function isVariable(operation: unknown): boolean {
  if (typeof operation !== 'object' || operation === null || !('left' in operation)) return false
  const { left } = operation
  return typeof left === 'object' && left !== null && 'Var' in left
}
