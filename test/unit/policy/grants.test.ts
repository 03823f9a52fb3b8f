import { describe, expect, test } from 'vitest'

import { API_ACTIONS, systemPrincipal, type Principal } from '../../../services/model/index.ts'
import {
  actionsOfRole,
  exceeding,
  knownRoles,
  lacking,
  mightDo,
  readsTag,
} from '../../../services/policy/index.ts'
import { authorizationSet } from '../../support/authorization.ts'

const person = (...roles: string[]): Principal => ({
  id: 'usr-a', kind: 'user', name: 'a', roles, claims: {},
}) // prettier-ignore
const job = (...roles: string[]): Principal => ({ ...person(...roles), kind: 'workload' })
const inGroups = (...groups: readonly string[]): string[] =>
  [...API_ACTIONS.values()]
    .filter(({ group }) => groups.includes(group))
    .map(({ name }) => name)
    .toSorted()
const ALL = [...API_ACTIONS.keys()].toSorted()

describe('without a set, by the built-in table', () => {
  test('a role gives the actions of its groups, and an unknown one nothing', () => {
    expect(actionsOfRole(undefined, 'publisher-admin')).toEqual(inGroups('read', 'trust'))
    expect(actionsOfRole(undefined, 'invoker')).toEqual(inGroups('invoke'))
    expect(actionsOfRole(undefined, 'admin')).toEqual(ALL)
    expect(actionsOfRole(undefined, 'nobody')).toEqual([])
  })

  test('there are the shipped roles', () => {
    expect(knownRoles(undefined)).toEqual(['admin', 'approver', 'auditor', 'deployer', 'invoker', 'publisher-admin']) // prettier-ignore
  })

  test('somebody lacks what none of his roles gives', () => {
    expect(lacking(undefined, person())).toEqual(ALL)
    expect(lacking(undefined, person('auditor', 'invoker'))).toEqual(
      ALL.filter((name) => !inGroups('read', 'invoke').includes(name)),
    )
    expect(lacking(undefined, person('admin'))).toEqual([])
  })

  test('a role exceeds who grants it by what his own do not give', () => {
    expect(exceeding(undefined, person('auditor'), 'publisher-admin')).toEqual(inGroups('trust'))
    expect(exceeding(undefined, person('publisher-admin'), 'auditor')).toEqual([])
  })

  test('somebody might do what a role of his gives', () => {
    expect(mightDo(undefined, person('invoker', 'auditor'), 'lambda:GetAlias')).toBe(true)
    expect(mightDo(undefined, person('invoker', 'nobody'), 'lambda:GetAlias')).toBe(false)
    expect(mightDo(undefined, person('admin'), 'lacre:Invented')).toBe(false)
    expect(mightDo(undefined, { ...systemPrincipal, roles: ['admin'] }, 'lambda:GetAlias')).toBe(false)
    expect(mightDo(undefined, person('approver'), 'lacre:Approve')).toBe(true)
    expect(mightDo(undefined, job('approver'), 'lacre:Approve')).toBe(false)
    expect(mightDo(undefined, job('approver'), 'lambda:GetAlias')).toBe(true)
  }) // prettier-ignore

  test('no tag is read', () => {
    expect(readsTag(undefined, 'team')).toBe(false)
  })
})

describe('by a set', () => {
  const permit = (id: string, head: string, rest = ''): string =>
    `@id("${id}") permit (${head}) ${rest};`
  const forbid = (id: string, head: string, rest = ''): string =>
    `@id("${id}") forbid (${head}) ${rest};`
  const role = (name: string): string => `principal in Lacre::Role::"${name}"`
  const on = (action: string): string => `action == Lacre::Action::"${action}"`
  const group = (name: string): string => `action in Lacre::Action::"${name}"`

  test('the roles are those that a policy names, once and in order', () => {
    const set = authorizationSet(
      [
        permit('b', `${role('b')}, action, resource`),
        permit('a', `${role('a')}, ${on('lambda:GetAlias')}, resource`),
        forbid('c', 'principal, action, resource', `unless { ${role('c')} }`),
        forbid('d', `${role('a')}, action, resource`),
      ].join('\n'),
    )

    expect(knownRoles(set)).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['an action by its name', on('lambda:GetAlias'), ['lambda:GetAlias']],
    ['a group', group('invoke'), inGroups('invoke')],
    ['a part of what is governed', group('access'), inGroups('access')],
    ['all that is governed', group('govern'), inGroups('trust', 'access', 'rules')],
    ['everything', 'action', ALL],
  ])('a role gives what permits of it speak of: %s', (_what, actions, expected) => {
    const set = authorizationSet(permit('one', `${role('one')}, ${actions}, resource`))

    expect(actionsOfRole(set, 'one')).toEqual(expected)
    expect(actionsOfRole(set, 'other')).toEqual([])
    expect(exceeding(set, person(), 'one')).toEqual(expected)
    expect(exceeding(set, person('one'), 'one')).toEqual([])
    expect(lacking(set, person('one'))).toEqual(ALL.filter((name) => !expected.includes(name)))
  })

  test('a role gives nothing by a forbid of it, nor what everybody has', () => {
    const set = authorizationSet(
      [
        permit('all', 'principal, action, resource'),
        forbid('no', `${role('one')}, ${on('lambda:GetAlias')}, resource`),
      ].join('\n'),
    )

    expect(actionsOfRole(set, 'one')).toEqual([])
  })

  test.each([
    ['everybody', 'principal', 'resource', '', false],
    ['everybody, under a condition', 'principal', 'resource', 'when { principal.hasTag("x") }', true],
    ['everybody, of one function', 'principal', 'resource in Lacre::Function::"f"', '', true],
    ['a role of his', role('one'), 'resource', '', false],
    ['a role of his, under a condition', role('one'), 'resource', 'when { resource has name }', true],
    ['a role of his, of one function', role('one'), 'resource in Lacre::Function::"f"', '', true],
    ['a role that he lacks', role('other'), 'resource', '', true],
    ['one kind', 'principal is Lacre::User', 'resource', '', true],
    ['himself', 'principal == Lacre::User::"usr-a"', 'resource', '', true],
  ])('what a permit gives to %s is sure, or counts as lacking', (_what, head, resource, ...[rest, lacks]) => {
    const set = authorizationSet(permit('p', `${head}, ${on('lambda:GetAlias')}, ${resource}`, rest))

    expect(lacking(set, person('one')).includes('lambda:GetAlias')).toBe(lacks)
  }) // prettier-ignore

  test('what everybody has still exceeds who grants a role that gives it: he is not told apart', () => {
    const set = authorizationSet(
      [
        permit('all', `principal, ${on('lambda:GetAlias')}, resource`),
        permit('one', `${role('one')}, ${on('lambda:GetAlias')}, resource`),
      ].join('\n'),
    )

    expect(exceeding(set, person('two'), 'one')).toEqual(['lambda:GetAlias'])
  })

  test.each([
    ['everybody', 'principal', person(), true],
    ['a role of his', role('one'), person('one'), true],
    ['a role that he lacks', role('one'), person('two'), false],
    ['people', 'principal is Lacre::User', person(), true],
    ['workloads', 'principal is Lacre::Workload', person(), false],
    ['people, and it is a workload', 'principal is Lacre::User', job(), false],
    ['workloads, and it is one', 'principal is Lacre::Workload', job(), true],
    ['him', 'principal == Lacre::User::"usr-a"', person(), true],
    ['somebody else', 'principal == Lacre::User::"usr-b"', person(), false],
    ['a workload by that name', 'principal == Lacre::Workload::"usr-a"', person(), false],
    ['people in a role of his', 'principal is Lacre::User in Lacre::Role::"one"', person('one'), true],
    ['workloads in a role of his', 'principal is Lacre::Workload in Lacre::Role::"one"', person('one'), false],
    ['everybody, and it is the service', 'principal', systemPrincipal, false],
  ])('a permit of %s might let this one', (_what, head, who, might) => {
    const set = authorizationSet(permit('p', `${head}, ${on('lambda:GetAlias')}, resource`))

    expect(mightDo(set, who, 'lambda:GetAlias')).toBe(might)
    expect(mightDo(set, who, 'lambda:GetFunction')).toBe(false)
  }) // prettier-ignore

  test('a forbid lets nobody do anything', () => {
    const set = authorizationSet(forbid('no', 'principal, action, resource'))

    expect(mightDo(set, person(), 'lambda:GetAlias')).toBe(false)
  })

  test('a role gives what any permit of it gives, and somebody might do what any permit lets him', () => {
    const set = authorizationSet(
      ['lambda:GetAlias', 'lambda:GetFunction']
        .map((action, at) => permit(`${at}`, `${role('one')}, ${on(action)}, resource`))
        .join('\n'),
    )

    expect(exceeding(set, person(), 'one')).toEqual(['lambda:GetAlias', 'lambda:GetFunction'])
    for (const action of exceeding(set, person(), 'one'))
      expect(mightDo(set, person('one'), action)).toBe(true)
  })

  test('where nothing but a forbid speaks of an action nobody has it', () => {
    const set = authorizationSet(forbid('no', `principal, ${on('lambda:GetAlias')}, resource`))

    expect(lacking(set, person('one'))).toEqual(ALL)
  })

  test('a permit that lets a role do it unless another is held might let who holds the one alone', () => {
    const text = permit('p', `${role('one')}, action, resource`, `unless { ${role('two')} }`)

    expect(mightDo(authorizationSet(text), person('one'), 'lambda:GetAlias')).toBe(true)
  })
})
