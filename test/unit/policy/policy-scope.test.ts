import { describe, expect, test } from 'vitest'

import { compilePolicySet, type Policy } from '../../../services/policy/index.ts'

function policyOf(head: string, rest = ''): Policy {
  const set = compilePolicySet([{ name: 'a', text: `@id("x") forbid (${head}) ${rest};` }])
  const policy = set.policies.get('x')
  if (policy === undefined) throw new Error('the policy has no id')
  return policy
}
const ANY = 'principal, action, resource'
const role = (id: string): string => `Lacre::Role::"${id}"`
const act = (id: string): string => `Lacre::Action::"${id}"`

describe('what a head says', () => {
  const open = {
    principal: 'all',
    roles: [],
    actions: 'all',
    resource: 'all',
    conditional: false,
    only: undefined,
    asksWho: false,
    exempt: [],
    tags: [],
  }

  test.each([
    ['anybody', ANY, {}],
    ['who is in a role', `principal in ${role('a')}, action, resource`, { principal: 'role', roles: ['a'] }],
    ['who is in a team', 'principal in Team::"a", action, resource', { principal: 'other' }],
    ['one', 'principal == Lacre::User::"u", action, resource', { principal: 'other', only: { type: 'Lacre::User', id: 'u' } }],
    ['one kind', 'principal is Lacre::User, action, resource', { principal: 'other', conditional: true, only: { type: 'Lacre::User', id: undefined } }],
    ['one kind in a role', `principal is Lacre::User in ${role('a')}, action, resource`, { principal: 'role', roles: ['a'], conditional: true, only: { type: 'Lacre::User', id: undefined } }],
    ['one action', `principal, action == ${act('a')}, resource`, { actions: ['a'] }],
    ['a group of actions', `principal, action in ${act('a')}, resource`, { actions: ['a'] }],
    ['groups of actions', `principal, action in [${act('a')}, ${act('b')}], resource`, { actions: ['a', 'b'] }],
    ['an action of another product', 'principal, action == Action::"a", resource', { actions: [] }],
    ['one thing', 'principal, action, resource == Box::"b"', { resource: 'some' }],
    ['one kind of things', 'principal, action, resource is Box', { resource: 'some' }],
  ])('of %s', (_what, head, more) => {
    expect(policyOf(head).scope).toEqual({ ...open, ...more })
  }) // prettier-ignore

  test.each([
    ['a condition', 'when { true }', {}],
    ['who is in a role by a condition', `when { principal in ${role('a')} }`, { roles: ['a'], asksWho: true }],
    ['a role in a list', `when { principal in [${role('a')}, ${role('b')}, ${role('a')}] }`, { roles: ['a', 'b'], asksWho: true }],
    ['who is of a kind', 'when { principal is Lacre::User }', { asksWho: true }],
    ['what somebody is called', 'when { resource.owner == principal.name }', { asksWho: true }],
    ['something else', 'when { context.a == resource.b }', {}],
    ['all but a role', `unless { principal in ${role('a')} }`, { roles: ['a'], asksWho: true, exempt: ['a'] }],
    ['all but roles', `unless { principal in ${role('a')} || (context.c || principal in [${role('b')}]) }`, { roles: ['a', 'b'], asksWho: true, exempt: ['a', 'b'] }],
    ['all but a role where more is asked', `unless { principal in ${role('a')} && context.c }`, { roles: ['a'], asksWho: true }],
    ['all but who is in no role', `unless { !(principal in ${role('a')}) }`, { roles: ['a'], asksWho: true }],
    ['things of a role', `unless { resource in ${role('a')} }`, { roles: ['a'] }],
    ['members of a role', `unless { context.who in ${role('a')} }`, { roles: ['a'] }],
    ['all but a team', 'unless { principal in Team::"a" }', { asksWho: true }],
  ])('and a condition of %s', (_what, rest, more) => {
    expect(policyOf(ANY, rest).scope).toEqual({ ...open, conditional: true, ...more })
  }) // prettier-ignore

  test.each([
    ['a tag', 'resource.hasTag("a") && resource.getTag("a") == "x"', ['a']],
    ['two', 'resource.hasTag("a") || resource.hasTag("b")', ['a', 'b']],
    ['a tag of the resource named by a claim', 'resource.hasTag(principal.getTag("a"))', 'all'],
    ['a tag named by the context', 'resource.hasTag("b") && resource.getTag(context.a) == "x"', 'all'],
    ['a claim', 'principal.hasTag("a") && principal.getTag("a") == "x"', []],
    ['a claim named by the context', 'principal.hasTag(context.a)', []],
    ['a tag of something else', 'context.who.hasTag("a")', ['a']],
    ['a tag in a list', '[resource.getTag("a")].contains("x")', ['a']],
    ['no tag', 'resource.tag == "a"', []],
  ])('reads %s', (_what, condition, tags) => {
    expect(policyOf(ANY, `when { ${condition} }`).scope.tags).toEqual(tags)
  }) // prettier-ignore
})

describe('what a policy looks at', () => {
  const nothing = { principal: [], resource: [], context: [] }

  test.each([
    ['nothing', ANY, 'true', {}],
    ['one kind', 'principal is User, action, resource is Box', 'true', {}],
    ['kinds, by a condition', ANY, 'principal is User && resource is Box', {}],
    ['one', 'principal == User::"u", action, resource', 'true', { principal: 'all' }],
    ['a thing in another', 'principal, action, resource in Box::"b"', 'true', { resource: 'all' }],
    ['one kind in a team', 'principal is User in Team::"t", action, resource', 'true', { principal: 'all' }],
    ['one kind in a team, by a condition', ANY, 'principal is User in Team::"t"', { principal: 'all' }],
    ['attributes', ANY, 'principal.b == principal.a && resource.c > 1', { principal: ['a', 'b'], resource: ['c'] }],
    ['attributes that may be there', ANY, 'principal has a && context has b', { principal: ['a'], context: ['b'] }],
    ['a path', ANY, 'context has a.b.c && context.a.b.d', { context: ['a'] }],
    ['the context as a whole', ANY, 'context == {a: 1} && context.b', { context: 'all' }],
    ['one in a list', ANY, '[resource].contains(Box::"b")', { resource: 'all' }],
    ['one beside another', ANY, 'principal == resource', { principal: 'all', resource: 'all' }],
    ['a tag', ANY, 'resource.hasTag("a")', { resource: 'all' }],
    ['the action', ANY, 'action == Action::"a" && action in Action::"b"', {}],
    ['an attribute of a record', ANY, '{a: context.b}.a == 1', { context: ['b'] }],
    ['records with names that look like looking', ANY, '{"is": context.a, "has": principal, "Var": 1} == {"left": 1}', { principal: 'all', context: ['a'] }],
    ['kinds of members', ANY, 'context.a is User && context.b is User in Team::"t"', { context: ['a', 'b'] }],
    ['what is done if', ANY, 'if context.a then principal.b else resource.c', { principal: ['b'], resource: ['c'], context: ['a'] }],
  ])('%s', (_what, head, condition, more) => {
    expect(policyOf(head, `when { true } unless { ${condition} }`).looks).toEqual({ ...nothing, ...more })
  }) // prettier-ignore
})
