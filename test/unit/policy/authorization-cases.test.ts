import { expect, test } from 'vitest'

import type { Json } from '../../../services/model/index.ts'
import { mayDo, parseAccessCases, runCases } from '../../../services/policy/index.ts'
import { toAccessRequest } from '../../../services/policy/authorization.ts'
import { shippedRoleFor } from '../../../services/policy/shipped-roles.ts'
import { authorizationSet } from '../../support/authorization.ts'

const one = (more: Record<string, Json> = {}): Record<string, Json> => ({
  name: 'a case',
  action: 'lambda:GetAlias',
  resource: { type: 'Alias', function: 'checkout', name: 'prod' },
  expect: 'allow',
  ...more,
})
const parsed = (more: Record<string, Json> = {}) => parseAccessCases({ cases: [one(more)] })[0]

test('takes who asks for a person called alice without roles or claims, and things as untagged, where a case says nothing of it', () => {
  expect(parsed()).toEqual({
    name: 'a case',
    expect: 'allow',
    determining: undefined,
    request: {
      principal: { type: 'Lacre::User', id: 'alice' },
      action: { type: 'Lacre::Action', id: 'lambda:GetAlias' },
      resource: { type: 'Lacre::Alias', id: 'checkout:prod' },
      context: {},
      entities: [
        {
          uid: { type: 'Lacre::User', id: 'alice' },
          attrs: { name: 'alice' },
          parents: [],
          tags: {},
        },
        {
          uid: { type: 'Lacre::Alias', id: 'checkout:prod' },
          attrs: { name: 'prod', functionName: 'checkout' },
          parents: [{ type: 'Lacre::Function', id: 'checkout' }],
          tags: {},
        },
        {
          uid: { type: 'Lacre::Function', id: 'checkout' },
          attrs: { name: 'checkout' },
          parents: [],
          tags: {},
        },
      ],
    },
  })
})

test('takes a workload with its roles and claims, the tags of the thing, and who is to decide', () => {
  const claims = { iss: 'https://ci.example', sub: 'repo:a/b', team: 'x' }
  const found = parsed({
    principal: { kind: 'workload', id: 'ci', roles: ['deployer', 'auditor'], claims },
    resource: { type: 'Function', name: 'checkout' },
    tags: { team: 'payments' },
    expect: 'deny',
    determining: ['b', 'a'],
  })

  expect(found).toMatchObject({ expect: 'deny', determining: ['b', 'a'] })
  expect(found?.request.entities).toEqual([
    {
      uid: { type: 'Lacre::Workload', id: 'ci' },
      attrs: { name: 'ci', issuer: 'https://ci.example', subject: 'repo:a/b' },
      parents: ['deployer', 'auditor'].map((id) => ({ type: 'Lacre::Role', id })),
      tags: claims,
    },
    {
      uid: { type: 'Lacre::Function', id: 'checkout' },
      attrs: { name: 'checkout' },
      parents: [],
      tags: { team: 'payments' },
    },
  ])
})

test('a person may be called one, and a workload that shows no claims has neither issuer nor subject', () => {
  const [person, workload] = (['user', 'workload'] as const).map(
    (kind) => parsed({ principal: { kind, id: 'x' } })?.request.entities[0],
  )

  expect(person).toMatchObject({ uid: { type: 'Lacre::User', id: 'x' }, attrs: { name: 'x' } })
  expect(workload).toEqual({
    uid: { type: 'Lacre::Workload', id: 'x' },
    attrs: { name: 'x', issuer: '', subject: '' },
    parents: [],
    tags: {},
  })
})

const list = '`cases` is not a list of 1 to 5000 cases'
const at = (more: Record<string, Json>): Json => ({ cases: [one(), one(more)] })

test.each([
  ['no mapping', [], 'the cases file is not a mapping'],
  ['nothing', null, 'the cases file is not a mapping'],
  ['an unknown member', { cases: [one()], more: 1 }, 'the cases file has the unknown member `more`'],
  ['no list', { cases: {} }, list],
  ['no case', { cases: [] }, list],
  ['too many cases', { cases: Array(5_001).fill(null) }, list],
  ['a case that is a text', { cases: ['a case'] }, 'case 1 is not a mapping'],
  ['a fact that nobody knows', at({ context: {} }), 'case 2 has the unknown member `context`'],
  ['another expectation', at({ expect: 'warn' }), 'case 2: `expect` is `allow` or `deny`'],
  ['no name', at({ name: '' }), 'case 2: `name` is not a text'],
  ['an action that is no text', at({ action: 3 }), 'case 2: `action` is not a text'],
  ['deciding ids that are no list', at({ determining: 'all' }), 'case 2: `determining` is not a list'],
  ['a deciding id that is no text', at({ determining: ['a', 1] }), 'case 2: an id in `determining` is not a text'],
  ['a principal that is a text', at({ principal: 'alice' }), 'case 2: `principal` is not a mapping'],
  ['a principal with more', at({ principal: { name: 'a' } }), 'case 2: `principal` has the unknown member `name`'],
  ['the service itself as the principal', at({ principal: { kind: 'system' } }), 'case 2: `principal`: `kind` is `user` or `workload`'],
  ['a principal without an id', at({ principal: { id: '' } }), 'case 2: `principal`: `id` is not a text'],
  ['roles that are no list', at({ principal: { roles: 'admin' } }), 'case 2: `principal`'],
  ['a claim that is no text', at({ principal: { claims: { iss: 1 } } }), 'case 2: `principal` is not a text'],
  ['no resource', at({ resource: null }), 'case 2: `resource` is not a mapping'],
  ['a resource with more', at({ resource: { type: 'Layer', name: 'l', version: 1 } }), 'case 2: `resource` has the unknown member `version`'],
  ['a resource of another type', at({ resource: { type: 'User', name: 'a' } }), 'case 2: `resource`: `type` is one of Function, Alias, Layer, Publisher, PolicySet, CodeSigningConfig, Object'],
  ['a resource without a name', at({ resource: { type: 'Layer' } }), 'case 2: `resource`: `name` is not a text'],
  ['an alias of no function', at({ resource: { type: 'Alias', name: 'prod' } }), 'case 2: `resource`: `function` is not a text'],
  ['tags that are a list', at({ tags: ['a'] }), 'case 2: `tags` is not a mapping'],
  ['a tag that is no text', at({ tags: { team: null } }), 'case 2: `tags` is not a text'],
] as [string, Json, string][])('refuses cases with %s, and says which and what', (_what, document, message) => {
  const refusal = { code: 'INVALID_PARAMETER', message: expect.stringContaining(message) as string }
  expect(() => parseAccessCases(document)).toThrow(expect.objectContaining(refusal))
}) // prettier-ignore

test('takes as many cases as there may be', () => {
  expect(parseAccessCases({ cases: Array(5_000).fill(one()) })).toHaveLength(5_000)
})

/** What a schema knows of a thing: neither more nor less, or the request is refused. */
const THINGS: readonly [type: string, more: Record<string, Json>, action: string, condition: string][] = [
  ['Function', {}, 'lambda:GetFunction', 'resource.name == "x" && resource.getTag("team") == "t"'],
  ['Alias', { function: 'f' }, 'lambda:GetAlias', 'resource.name == "x" && resource.functionName == "f" && resource.getTag("team") == "t"'],
  ['Layer', {}, 'lambda:GetLayerVersion', 'resource.name == "x"'],
  ['Publisher', {}, 'signer:GetSigningProfile', 'resource.name == "x" && resource.getTag("team") == "t"'],
  ['CodeSigningConfig', {}, 'lambda:GetCodeSigningConfig', 'resource.getTag("team") == "t"'],
] // prettier-ignore

test.each(THINGS)(
  'a %s is what the schema knows of it, tags and all',
  (type, more, action, condition) => {
    const set = authorizationSet(`@id("it") permit (principal, action, resource is Lacre::${type})
      when { ${condition.replace('resource.getTag', 'resource.hasTag("team") && resource.getTag')} };`)
    const document = {
      cases: [
        one({
          action,
          resource: { type, name: 'x', ...more },
          tags: { team: 't' },
          determining: ['it'],
        }),
      ],
    }

    expect(runCases(set, parseAccessCases(document)).results).toEqual([
      { name: 'a case', passed: true, expected: 'allow by it', got: 'allow by it' },
    ])
  },
)

const who = (kind: 'user' | 'workload' | 'system', ...roles: string[]) => ({ kind, roles })

test.each([
  ['a role that gives it', who('user', 'auditor'), 'lambda:GetAlias', 'auditor'],
  ['the first of his roles that gives it', who('user', 'invoker', 'deployer', 'admin'), 'lambda:UpdateAlias', 'deployer'],
  ['no role that gives it', who('user', 'invoker', 'nobody'), 'lambda:GetAlias', undefined],
  ['no role', who('user'), 'lambda:GetAlias', undefined],
  ['nothing to show for it, where everybody may', who('workload'), 'lacre:WhoAmI', 'everybody'],
  ['a role, where everybody may', who('user', 'admin'), 'lacre:WhoAmI', 'everybody'],
  ['a role that approves', who('user', 'approver'), 'lacre:Approve', 'approver'],
  ['a role that approves, but being a workload', who('workload', 'approver'), 'lacre:Approve', undefined],
  ['a role that activates, being a workload', who('workload', 'deployer'), 'lambda:UpdateAlias', 'deployer'],
  ['every right, being the service itself', who('system', 'admin'), 'lambda:GetAlias', undefined],
  ['the service itself, where everybody may', who('system'), 'lacre:WhoAmI', undefined],
  ['every right, of an action that nobody knows', who('user', 'admin'), 'lacre:Invented', undefined],
] as const)('by the built-in table who has %s', (_what, principal, action, role) => {
  expect(shippedRoleFor(principal, action)).toBe(role)
}) // prettier-ignore

const alice = { id: 'a', kind: 'user', name: 'alice', roles: ['admin'], claims: {} } as const
const prod = { kind: 'Alias', name: 'checkout', alias: 'prod' } as const
const facts = { principal: alice, action: 'lambda:GetAlias', resource: prod, tags: {} }

test('without a set the table says which role allowed it, and never of another kind of thing', () => {
  const no = { allowed: false, determining: [] }

  expect(mayDo(undefined, facts)).toEqual({ allowed: true, determining: ['admin'] })
  expect(mayDo(undefined, { ...facts, resource: { kind: 'Publisher', name: 'ci' } })).toEqual(no)
  expect(mayDo(undefined, { ...facts, action: 'lacre:Invented' })).toEqual(no)
  expect(mayDo(undefined, { ...facts, principal: { ...alice, roles: [] } })).toEqual(no)
  expect(mayDo(undefined, { ...facts, principal: { ...alice, kind: 'system' } })).toEqual(no)
})

test('a set says which policies allowed or forbade it', () => {
  const set = authorizationSet(`@id("all") permit (principal, action, resource);
    @id("not prod") forbid (principal, action, resource == Lacre::Alias::"checkout:prod");`)
  const other = { ...facts, resource: { ...prod, alias: 'test' } }

  expect(mayDo(set, facts)).toEqual({ allowed: false, determining: ['not prod'] })
  expect(mayDo(set, other)).toEqual({ allowed: true, determining: ['all'] })
})

test('an alias of no name is no alias of another, and of its function', () => {
  const set = authorizationSet(
    `@id("f") permit (principal, action, resource in Lacre::Function::"checkout")
       unless { resource == Lacre::Alias::"checkout:prod" };`,
  )

  const nameless = { ...facts, resource: { kind: 'Alias', name: 'checkout' } } as const

  expect(toAccessRequest(nameless).resource).toEqual({ type: 'Lacre::Alias', id: 'checkout:' })
  expect(toAccessRequest(nameless).entities[1]?.attrs).toEqual({
    name: '',
    functionName: 'checkout',
  })
  expect(mayDo(set, nameless).allowed).toBe(true)
  expect(mayDo(set, { ...facts, resource: { kind: 'Alias', name: 'refund' } }).allowed).toBe(false)
})

test('what the set cannot be asked is a no; a set that cannot be asked at all is a fault of the service', () => {
  const set = authorizationSet('permit (principal, action, resource);')
  const misfit = { ...facts, resource: { kind: 'Publisher', name: 'ci' } } as const

  expect(mayDo(set, misfit)).toEqual({ allowed: false, determining: [] })
  expect(() => mayDo({ ...set, digest: 'other', schema: 'entity ;' }, facts)).toThrow(
    expect.objectContaining({ code: 'INTERNAL' }),
  )
})

test('the service itself may nothing, whatever a set says', () => {
  const set = authorizationSet('permit (principal, action, resource);')

  expect(mayDo(set, { ...facts, principal: { ...alice, kind: 'system' } }).allowed).toBe(false)
  expect(mayDo(set, facts).allowed).toBe(true)
})
