import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs'

import type { Facts, SubjectFacts } from '../model/index.ts'
import { approvalContext } from './approvals.ts'
import { attestedContext } from './attested.ts'
import type { Request } from './policy-set.ts'
import { stageContext } from './stage-context.ts'

type EntityId = Request['principal']

const VERDICTS = ['tampered', 'untrusted', 'unsigned', 'trusted'] as const

/** The facts as the shipped schema names them: the context of an admission request. */
export function toAdmissionRequest(facts: Facts): Request {
  const resource = toResource(facts.resource)
  const principal = toPrincipal(facts)
  return {
    principal: principal.uid,
    action: entityId('Action', facts.action),
    resource: resource.id,
    context: toContext(facts),
    entities: [...principal.entities, ...resource.entities],
  }
}

function entityId(type: string, id: string): EntityId {
  return { type: `Lacre::${type}`, id }
}

function toPrincipal({ principal }: Facts): { uid: EntityId; entities: EntityJson[] } {
  const uid = entityId(principal.kind === 'workload' ? 'Workload' : 'User', principal.id)
  // Roles have neither attributes nor parents: a parent's name is all that a policy can ask for.
  const parents = principal.roles.map((role) => entityId('Role', role))
  return { uid, entities: [{ uid, attrs: { name: principal.name }, parents }] }
}

interface Resource {
  readonly id: EntityId
  readonly entities: readonly EntityJson[]
}

/** Lambda's and Signer's ARNs become what they stand for; everything else is an object by its whole name. */
export function toResource(arn: string): Resource {
  const [, , service, , , kind, name, qualifier] = arn.split(':')
  if (service === 'lambda' && kind === 'function' && name !== undefined)
    return isAlias(qualifier) ? aliasOf(name, qualifier) : functionOf(name)
  if (service === 'lambda' && kind === 'layer' && name !== undefined)
    return named('Layer', name, { name })
  if (service === 'lambda' && kind === 'code-signing-config' && name !== undefined)
    return named('CodeSigningConfig', name, {})
  const profile = service === 'signer' ? /^\/signing-profiles\/(\w{2,64})/.exec(kind ?? '') : null
  if (profile?.[1] !== undefined) return named('Publisher', profile[1], { name: profile[1] })
  const policies = /^lacre:policy-set\/(\w+)$/.exec(arn)
  if (policies?.[1] !== undefined) return named('PolicySet', policies[1], { kind: policies[1] })
  return named('Object', arn, {})
}

/** Versions are numbers and `$LATEST`; what else qualifies a function is an alias. */
function isAlias(qualifier: string | undefined): qualifier is string {
  return qualifier !== undefined && !/^(?:\d+|\$LATEST)$/.test(qualifier)
}

function functionOf(name: string): Resource {
  return named('Function', name, { name })
}

function aliasOf(functionName: string, name: string): Resource {
  const owner = functionOf(functionName)
  const id = entityId('Alias', `${functionName}:${name}`)
  const alias = { uid: id, attrs: { name, functionName }, parents: [owner.id] }
  return { id, entities: [alias, ...owner.entities] }
}

function named(type: string, name: string, attrs: Readonly<Record<string, string>>): Resource {
  const id = entityId(type, name)
  return { id, entities: [{ uid: id, attrs, parents: [] }] }
}

function toContext(facts: Facts): Record<string, CedarValueJson> {
  const { subjects, change } = facts
  return {
    now: { __extn: { fn: 'datetime', arg: facts.at } },
    verdict: worstVerdict(subjects),
    untrusted: unique(
      subjects.filter(({ verdict }) => verdict.kind !== 'trusted').map(({ arn }) => arn),
    ),
    publishers: behindAll(subjects, (one) => trustedMatches(one).map(({ name }) => name)),
    publisherVersions: behindAll(subjects, (one) => trustedMatches(one).map(({ arn }) => arn)),
    signers:
      subjects.length === 0 ? 0 : Math.min(...subjects.map(({ verdict }) => verdict.signers ?? 0)),
    signing: {
      attached: facts.signingConfig !== null,
      enforced: facts.signingConfig?.policy === 'Enforce',
    },
    change: {
      ...(change.from !== null && { from: change.from }),
      ...(change.to !== null && { to: change.to }),
      ...(change.weight !== undefined && {
        weight: { __extn: { fn: 'decimal', arg: change.weight.toFixed(4) } },
      }),
      exposes: { __extn: { fn: 'decimal', arg: (facts.stage?.exposes ?? 0).toFixed(4) } },
    },
    ...approvalContext(facts),
    attested: attestedContext(subjects),
    isolation: facts.isolation,
    loaderVariables: [...facts.loaderVariables],
    ...(facts.egress !== undefined && { egress: [...facts.egress] }),
    noteworthyPaths: [...facts.noteworthyPaths],
    ...stageContext(facts),
  }
}

function worstVerdict(subjects: readonly SubjectFacts[]): string {
  return VERDICTS.find((kind) => subjects.some(({ verdict }) => verdict.kind === kind)) ?? 'none'
}

function trustedMatches({ verdict }: SubjectFacts): { name: string; arn: string }[] {
  return verdict.seals.flatMap(({ outcome, publisher }) =>
    outcome === 'trusted' && publisher !== undefined ? [publisher] : [],
  )
}

/** What is behind every one of function and layers: what stands behind one of them alone vouches for that one. */
function behindAll(
  subjects: readonly SubjectFacts[],
  namesOf: (subject: SubjectFacts) => readonly string[],
): string[] {
  const [first, ...others] = subjects.map(namesOf)
  return unique((first ?? []).filter((name) => others.every((names) => names.includes(name))))
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].toSorted()
}
