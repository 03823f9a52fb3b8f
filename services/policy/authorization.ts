import type { EntityJson } from '@cedar-policy/cedar-wasm/nodejs'

import { API_ACTIONS, type Principal, type ResourceRef } from '../model/index.ts'
import { authorizeOr } from './cedar.ts'
import type { PolicySet, Request } from './policy-set.ts'
import { shippedRoleFor } from './shipped-roles.ts'

type Tags = Readonly<Record<string, string>>

/** The first of the two questions (RULES §5): may this principal do this to that? */
export interface AccessFacts {
  readonly principal: Principal
  /** `lambda:UpdateAlias`, of `API_ACTIONS`. */
  readonly action: string
  readonly resource: ResourceRef
  /** Of the resource; of an alias, its function's. */
  readonly tags: Tags
}

export interface AccessAnswer {
  readonly allowed: boolean
  /** Ids of the policies that made it so; where the built-in table answered, the role. */
  readonly determining: readonly string[]
}

const NO: AccessAnswer = { allowed: false, determining: [] }

/**
 * Without a set the built-in table of the shipped roles answers. What the set cannot be asked (an action or a thing that
 * its schema does not know) and a policy that errs are a no.
 */
export function mayDo(set: PolicySet | undefined, facts: AccessFacts): AccessAnswer {
  // The service itself asks nobody, and nobody can come as it.
  if (facts.principal.kind === 'system' || !API_ACTIONS.has(facts.action)) return NO
  if (set === undefined) return byTable(facts)
  const answer = authorizeOr(set, toAccessRequest(facts), () => undefined)
  if (answer === undefined) return NO
  return { allowed: answer.decision === 'allow', determining: answer.determining }
}

function byTable({ principal, action, resource }: AccessFacts): AccessAnswer {
  const fits = API_ACTIONS.get(action)?.on.includes(resource.kind) === true
  const role = fits ? shippedRoleFor(principal, action) : undefined
  return role === undefined ? NO : { allowed: true, determining: [role] }
}

/** As `policies/authorization/schema.cedarschema` names it. */
export function toAccessRequest(facts: AccessFacts): Request {
  const principal = principalEntity(facts.principal)
  const resource = resourceEntities(facts.resource, facts.tags)
  return {
    principal: principal.uid as Request['principal'],
    action: entityId('Action', facts.action),
    resource: resource.id,
    context: {},
    entities: [principal, ...resource.entities],
  }
}

function entityId(type: string, id: string): Request['principal'] {
  return { type: `Lacre::${type}`, id }
}

function principalEntity({ id, kind, name, roles, claims }: Principal): EntityJson {
  const workload = kind === 'workload'
  const { iss = '', sub = '' } = claims
  return {
    uid: entityId(workload ? 'Workload' : 'User', id),
    attrs: workload ? { name, issuer: iss, subject: sub } : { name },
    parents: roles.map((role) => entityId('Role', role)),
    tags: { ...claims },
  }
}

function resourceEntities(
  { kind, name, alias = '' }: ResourceRef,
  tags: Tags,
): { readonly id: Request['resource']; readonly entities: readonly EntityJson[] } {
  const entity = (type: string, id: string, attrs: EntityJson['attrs']): EntityJson => ({
    uid: entityId(type, id),
    attrs,
    parents: [],
  })
  if (kind === 'Alias') {
    const owner = { ...entity('Function', name, { name }), tags }
    const id = entityId('Alias', `${name}:${alias}`)
    const attrs = { name: alias, functionName: name }
    return { id, entities: [{ uid: id, attrs, parents: [owner.uid], tags }, owner] }
  }
  const nameless = kind === 'Object' || kind === 'CodeSigningConfig'
  const tagged = kind === 'Function' || kind === 'Publisher' || kind === 'CodeSigningConfig'
  const found = { ...entity(kind, name, nameless ? {} : { name }), ...(tagged && { tags }) }
  return { id: entityId(kind, name), entities: [found] }
}
