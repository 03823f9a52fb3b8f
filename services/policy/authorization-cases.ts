import type { Json, Principal, ResourceKind, ResourceRef } from '../model/index.ts'
import { toAccessRequest } from './authorization.ts'
import { CASES_LIMIT, refuse, toMembers, toText, toTexts, type PolicyCase } from './cases.ts'

const KINDS: readonly ResourceKind[] = [
  'Function',
  'Alias',
  'Layer',
  'Publisher',
  'PolicySet',
  'CodeSigningConfig',
  'Object',
]

/**
 * Cases beside an authorization set.
 * @param document `{cases: [{name, principal: {kind?, id?, roles?, claims?}, action, resource: {type, name, function?},
 * tags?, expect, determining?}]}` @throws PlatformError INVALID_PARAMETER
 */
export function parseAccessCases(document: Json): readonly PolicyCase[] {
  const { cases } = toMembers(document, ['cases'], 'the cases file')
  if (!Array.isArray(cases) || cases.length === 0 || cases.length > CASES_LIMIT)
    throw refuse(`\`cases\` is not a list of 1 to ${CASES_LIMIT} cases`)
  return (cases as readonly Json[]).map(parseCase)
}

function parseCase(value: Json, index: number): PolicyCase {
  const what = `case ${index + 1}`
  const known = ['name', 'principal', 'action', 'resource', 'tags', 'expect', 'determining']
  const members = toMembers(value, known, what)
  const { expect, determining } = members
  if (expect !== 'allow' && expect !== 'deny')
    throw refuse(`${what}: \`expect\` is \`allow\` or \`deny\``)
  return {
    name: toText(members['name'], `${what}: \`name\``),
    expect,
    determining: determining === undefined ? undefined : toTexts(determining, what),
    request: toAccessRequest({
      principal: toPrincipal(members['principal'] ?? {}, what),
      action: toText(members['action'], `${what}: \`action\``),
      resource: toRef(members['resource'], what),
      tags: toTextMap(members['tags'] ?? {}, `${what}: \`tags\``),
    }),
  }
}

function toPrincipal(value: Json, what: string): Principal {
  const place = `${what}: \`principal\``
  const { kind, id, roles, claims } = toMembers(value, ['kind', 'id', 'roles', 'claims'], place)
  if (kind !== undefined && kind !== 'user' && kind !== 'workload')
    throw refuse(`${place}: \`kind\` is \`user\` or \`workload\``)
  const name = toText(id ?? 'alice', `${place}: \`id\``)
  const held = roles === undefined ? [] : toTexts(roles, place)
  return {
    id: name,
    kind: kind ?? 'user',
    name,
    roles: held,
    claims: toTextMap(claims ?? {}, place),
  }
}

function toRef(value: Json | undefined, what: string): ResourceRef {
  const place = `${what}: \`resource\``
  const { type, name, function: owner } = toMembers(value, ['type', 'name', 'function'], place)
  const kind = KINDS.find((one) => one === type)
  if (kind === undefined) throw refuse(`${place}: \`type\` is one of ${KINDS.join(', ')}`)
  const text = toText(name, `${place}: \`name\``)
  return kind === 'Alias'
    ? { kind, name: toText(owner, `${place}: \`function\``), alias: text }
    : { kind, name: text }
}

function toTextMap(value: Json, what: string): Readonly<Record<string, string>> {
  const members = Object.entries(toMembers(value, undefined, what))
  return Object.fromEntries(members.map(([name, text]) => [name, toText(text, what)]))
}
