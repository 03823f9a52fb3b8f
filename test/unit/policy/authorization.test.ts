import { readFileSync } from 'node:fs'

import { schemaToJson } from '@cedar-policy/cedar-wasm/nodejs'
import { describe, expect, it, test } from 'vitest'
import { parse } from 'yaml'

import {
  API_ACTIONS,
  functionRef,
  refOfArn,
  systemPrincipal,
  type Json,
  type Principal,
  type ResourceKind,
  type ResourceRef,
} from '../../../services/model/index.ts'
import {
  actionsOfRole,
  compilePolicySet,
  exceeding,
  knownRoles,
  lacking,
  mayDo,
  mightDo,
  parseAccessCases,
  readsTag,
  runCases,
} from '../../../services/policy/index.ts'
import { shippedPolicies } from '../../../services/shipped-policies.ts'
import { authorizationSchema, authorizationSet } from '../../support/authorization.ts'

const shipped = authorizationSet()
const ROLES = ['admin', 'approver', 'auditor', 'deployer', 'invoker', 'publisher-admin']

const who = (...roles: string[]): Principal => ({
  id: 'usr-a',
  kind: 'user',
  name: 'a',
  roles,
  claims: {},
})
const job = (...roles: string[]): Principal => ({
  id: 'wkl-a',
  kind: 'workload',
  name: 'ci',
  roles,
  claims: { iss: 'https://ci.example', sub: 'repo:a/b', repository: 'a/b' },
})
const thing = (kind: ResourceKind): ResourceRef =>
  kind === 'Alias' ? { kind, name: 'checkout', alias: 'prod' } : { kind, name: 'checkout' }
const may = (principal: Principal, action: string, resource: ResourceRef, tags = {}): boolean =>
  mayDo(shipped, { principal, action, resource, tags }).allowed

test('every shipped set is validated here, and its digest listed', () => {
  const file = new URL('../../../policies/validated.sha256', import.meta.url)
  const { admission, authorization } = shippedPolicies()
  const lines = [admission, authorization].flatMap(({ schema, sets }) =>
    [...sets].map(([name, { files }]) => {
      const set = compilePolicySet(files, schema)
      expect(set.warnings).toEqual([])
      return `${set.digest}  ${name}\n`
    }),
  )

  expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  for (const { sets, validated } of [admission, authorization])
    for (const name of sets.keys()) expect(lines).toContain(`${validated.get(name)}  ${name}\n`)
})

test('the shipped set passes its cases, and a case exercises every policy', () => {
  const file = new URL('../../../policies/authorization/cases.yaml', import.meta.url)
  const report = runCases(shipped, parseAccessCases(parse(readFileSync(file, 'utf8')) as Json))

  expect(report.results.filter(({ passed }) => !passed)).toEqual([])
  expect(report.results.length).toBeGreaterThan(50)
  expect(report.unexercised).toEqual([])
  expect(report.absences).toEqual([])
})

test('the schema and the table of actions say the same of every action', () => {
  const parsed = schemaToJson(authorizationSchema)
  if (parsed.type === 'failure') throw new Error('the schema cannot be read')
  const actions = Object.entries(parsed.json['Lacre']?.actions ?? {}).filter(
    ([, { appliesTo }]) => (appliesTo?.resourceTypes ?? []).length > 0,
  )
  const bySchema = actions.map(([name, { memberOf, appliesTo }]) => ({
    name,
    group: memberOf?.[0]?.id,
    on: appliesTo?.resourceTypes,
    people: !appliesTo?.principalTypes.includes('Workload'),
  }))
  const byTable = [...API_ACTIONS.values()].map(({ name, group, on }) => ({
    name,
    group,
    on,
    people: group === 'approve',
  }))
  const order = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)

  expect(bySchema.toSorted(order)).toEqual(byTable.toSorted(order))
})

test('the built-in table and the shipped set agree over every role and action', () => {
  const disagree: string[] = []
  let asked = 0
  for (const role of [undefined, 'nobody', ...ROLES]) {
    for (const make of [who, job]) {
      const principal = role === undefined ? make() : make(role)
      for (const { name, on } of API_ACTIONS.values()) {
        for (const kind of on) {
          const facts = { principal, action: name, resource: thing(kind), tags: {} }
          asked += 1
          if (mayDo(shipped, facts).allowed !== mayDo(undefined, facts).allowed)
            disagree.push(`${principal.kind} ${role ?? '-'} ${name} ${kind}`)
        }
      }
    }
  }

  expect(disagree).toEqual([])
  expect(asked).toBeGreaterThan(2_000)
  expect(knownRoles(shipped)).toEqual(ROLES)
  expect(knownRoles(undefined)).toEqual(ROLES)
  for (const role of ROLES)
    expect(actionsOfRole(shipped, role)).toEqual(actionsOfRole(undefined, role))
}, 60_000)

describe('who may do what', () => {
  const prod = functionRef('checkout', 'prod')

  it('lets no workload approve, whatever its role', () => {
    expect(may(who('admin'), 'lacre:Approve', prod)).toBe(true)
    expect(may(job('admin'), 'lacre:Approve', prod)).toBe(false)
    expect(may(job('approver'), 'lacre:Approve', prod)).toBe(false)
  })

  it('refuses what the schema does not know, and what does not fit it', () => {
    expect(may(who('admin'), 'lacre:Invented', prod)).toBe(false)
    expect(may(who('admin'), 'lambda:UpdateAlias', thing('Publisher'))).toBe(false)
    expect(may({ ...systemPrincipal, roles: ['admin'] }, 'lambda:GetAlias', prod)).toBe(false)
  })

  it('denies where a policy errs, also where another one permits', () => {
    const set = authorizationSet(`
      @id("all") permit (principal, action, resource);
      @id("sum") forbid (principal, action == Lacre::Action::"lambda:GetAlias", resource)
        when { 9223372036854775807 + 1 == 0 };`)
    const facts = (action: string) => ({ principal: who(), action, resource: prod, tags: {} })

    expect(mayDo(set, facts('lambda:GetFunction')).allowed).toBe(true)
    expect(mayDo(set, facts('lambda:GetAlias')).allowed).toBe(false)
  })

  it('reads claims of workloads and tags of functions, those of an alias being its function’s', () => {
    const set = authorizationSet(`
      @id("own") permit (
        principal is Lacre::Workload, action in Lacre::Action::"activate", resource in Lacre::Function::"checkout"
      ) when { principal.issuer == "https://ci.example" && principal.hasTag("repository") &&
        principal.getTag("repository") == "a/b" && resource has functionName };
      @id("tagged") permit (principal, action == Lacre::Action::"lambda:InvokeFunction", resource is Lacre::Alias)
        when { resource.hasTag("team") && resource.getTag("team") == "payments" };`)
    const ask = (principal: Principal, action: string, resource: ResourceRef, tags = {}) =>
      mayDo(set, { principal, action, resource, tags }).allowed
    const other = { ...job(), claims: { ...job().claims, repository: 'a/c' } }

    expect(ask(job(), 'lambda:UpdateAlias', prod)).toBe(true)
    expect(ask(other, 'lambda:UpdateAlias', prod)).toBe(false)
    expect(ask(job(), 'lambda:UpdateAlias', functionRef('refund', 'prod'))).toBe(false)
    expect(ask(who(), 'lambda:InvokeFunction', prod, { team: 'payments' })).toBe(true)
    expect(ask(who(), 'lambda:InvokeFunction', prod, { team: 'search' })).toBe(false)
  })

  it('takes ARNs and qualifiers for what they name', () => {
    const at = 'arn:aws:lambda:us-east-1:000000000000'

    expect(refOfArn(`${at}:function:f:prod`)).toEqual({ kind: 'Alias', name: 'f', alias: 'prod' })
    expect(refOfArn(`${at}:function:f:7`)).toEqual({ kind: 'Function', name: 'f' })
    expect(refOfArn(`${at}:function:f:$LATEST`)).toEqual({ kind: 'Function', name: 'f' })
    expect(refOfArn(`${at}:layer:l:1`)).toEqual({ kind: 'Layer', name: 'l' })
    expect(
      refOfArn('arn:aws:signer:us-east-1:000000000000:/signing-profiles/ci/AAAAAAAAAA'),
    ).toEqual({ kind: 'Publisher', name: 'ci' })
    expect(refOfArn('principal/usr-a')).toEqual({ kind: 'Object', name: 'principal/usr-a' })
  })
})

describe('no one grants more than he has', () => {
  it.each([
    ['an admin grants every role', ['admin'], 'deployer', true],
    ['an admin makes an admin', ['admin'], 'admin', true],
    ['who has a role may pass it on', ['deployer'], 'deployer', true],
    ['a deployer grants what is in his own: reading', ['deployer'], 'auditor', true],
    ['a deployer makes no admin', ['deployer'], 'admin', false],
    ['a deployer makes no invoker', ['deployer'], 'invoker', false],
    ['an auditor makes no approver', ['auditor'], 'approver', false],
    ['two roles together cover a third', ['auditor', 'approver'], 'approver', true],
  ])('%s', (_name, roles, role, allowed) => {
    expect(exceeding(shipped, who(...roles), role).length === 0).toBe(allowed)
    expect(exceeding(undefined, who(...roles), role).length === 0).toBe(allowed)
  })

  const lead = (text: string): readonly string[] =>
    exceeding(
      authorizationSet(`
        @id("lead") permit (principal in Lacre::Role::"lead", action, resource);
        ${text}`),
      who('lead'),
      'other',
    )
  const small =
    '@id("o") permit (principal in Lacre::Role::"other", action == Lacre::Action::"lambda:GetAlias", resource);'

  it('counts nothing that the granter has only under a condition, for some things, or under a forbid', () => {
    const conditional = authorizationSet(`
      @id("lead") permit (principal in Lacre::Role::"lead", action, resource) when { resource == Lacre::Function::"f" };
      ${small}`)
    const some = authorizationSet(`
      @id("lead") permit (principal in Lacre::Role::"lead", action, resource in Lacre::Function::"f");
      ${small}`)

    expect(lead(small)).toEqual([])
    expect(exceeding(conditional, who('lead'), 'other')).toEqual(['lambda:GetAlias'])
    expect(exceeding(some, who('lead'), 'other')).toEqual(['lambda:GetAlias'])
    expect(
      lead(`${small} @id("no") forbid (principal in Lacre::Role::"lead", action, resource);`),
    ).toEqual(['lambda:GetAlias'])
    expect(
      lead(
        '@id("lift") forbid (principal, action == Lacre::Action::"lambda:GetAlias", resource) unless { principal in Lacre::Role::"other" };',
      ),
    ).toEqual(['lambda:GetAlias'])
    expect(
      lead(
        '@id("hid") permit (principal, action == Lacre::Action::"lambda:GetAlias", resource) when { principal in Lacre::Role::"other" };',
      ),
    ).toEqual([])
  })

  const GET = 'lambda:GetAlias'
  const forbid = (head: string, rest = ''): string =>
    `@id("no") forbid (${head}, action == Lacre::Action::"${GET}", resource) ${rest};`

  it.each([
    ['everybody', 'principal', '', false],
    ['everybody, in some cases', 'principal', 'unless { resource has name }', false],
    ['who carries no claim', 'principal', 'unless { principal.hasTag("mfa") }', true],
    ['one kind, by its condition', 'principal', 'when { principal is Lacre::User }', true],
    ['one kind', 'principal is Lacre::User', '', true],
    ['the other kind', 'principal is Lacre::Workload', '', false],
    ['this one', 'principal == Lacre::User::"usr-a"', '', true],
    ['somebody else', 'principal == Lacre::User::"usr-b"', '', false],
    ['a role of his', 'principal in Lacre::Role::"lead"', '', true],
    ['a role that he lacks', 'principal in Lacre::Role::"intern"', '', false],
    [
      'all but a role of his',
      'principal',
      'unless { principal in Lacre::Role::"x" || principal in [Lacre::Role::"lead"] }',
      false,
    ],
    [
      'all but a role of his under a condition',
      'principal',
      'unless { principal in Lacre::Role::"lead" && resource has name }',
      true,
    ],
    [
      'a role of his, by its condition',
      'principal',
      'when { principal in Lacre::Role::"lead" }',
      true,
    ],
    ['all but another role', 'principal', 'unless { principal in Lacre::Role::"other" }', true],
  ])('counts a forbid of %s: %s %s', (_name, head, rest, counts) => {
    const set = authorizationSet(`
      @id("lead") permit (principal in Lacre::Role::"lead", action, resource);
      ${small} ${forbid(head, rest)}`)

    expect(exceeding(set, who('lead'), 'other')).toEqual(counts ? [GET] : [])
    expect(lacking(set, who('lead'))).toEqual(counts ? [GET] : [])
  })

  it('passes a role on under what forbids it to all who have it, and under nothing else', () => {
    const held = (head: string, rest?: string): readonly string[] =>
      exceeding(authorizationSet(small + forbid(head, rest)), who('other', 'intern'), 'other')

    expect(held('principal in Lacre::Role::"other"', 'when { resource has name }')).toEqual([])
    expect(held('principal in Lacre::Role::"intern"')).toEqual([GET])
    expect(held('principal in Lacre::Role::"other"', 'when { principal.hasTag("x") }')).toEqual([GET]) // prettier-ignore
    expect(held('principal is Lacre::User in Lacre::Role::"other"')).toEqual([GET])
    expect(held('principal == Lacre::User::"usr-a"')).toEqual([GET])
  })

  it('asks of things named in the body whether anything might permit it', () => {
    const set = authorizationSet(`
      @id("team") permit (principal in Lacre::Role::"team", action in Lacre::Action::"deploy", resource in Lacre::Function::"a");`)

    expect(mightDo(set, who('team'), 'lambda:CreateFunction')).toBe(true)
    expect(mightDo(set, who('team'), 'lambda:UpdateAlias')).toBe(false)
    expect(mightDo(set, who('auditor'), 'lambda:CreateFunction')).toBe(false)
    expect(mightDo(shipped, job('admin'), 'lacre:Approve')).toBe(false)
    expect(mightDo(undefined, who('deployer'), 'lambda:CreateFunction')).toBe(true)
    expect(mightDo(undefined, who('auditor'), 'lambda:CreateFunction')).toBe(false)
  })
})

describe('which tags a set reads of things', () => {
  const reading = (condition: string) =>
    authorizationSet(
      `permit (principal, action, resource is Lacre::Function) when { ${condition} };`,
    )

  test.each<[string, string, boolean]>([
    ['the one it names', 'resource.hasTag("team") && resource.getTag("team") == "a"', true],
    ['one that it asks for alone', 'resource.hasTag("team")', true],
    ['no other', 'resource.hasTag("stage")', false],
    ['none that is a claim', 'principal.hasTag("team")', false],
    ['any, where its name is not in the text', 'principal.hasTag("x") && resource.hasTag(principal.getTag("x"))', true],
  ])('%s', (_what, condition, reads) => {
    expect(readsTag(reading(condition), 'team')).toBe(reads)
  }) // prettier-ignore

  test('none by the shipped roles, nor by the built-in table', () => {
    expect([readsTag(shipped, 'team'), readsTag(undefined, 'team')]).toEqual([false, false])
  })
})
