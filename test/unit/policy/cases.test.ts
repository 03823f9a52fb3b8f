import { expect, test } from 'vitest'

import type { Json } from '../../../services/model/index.ts'
import { compilePolicySet, parseCases, runCases } from '../../../services/policy/index.ts'
import { readFileSync } from 'node:fs'

const schema = readFileSync(
  new URL('../../../policies/schema.cedarschema', import.meta.url),
  'utf8',
)
const compile = (text: string) => compilePolicySet([{ name: 'x.cedar', text }], schema)
const one = (more: Record<string, Json>): Json => ({
  cases: [
    {
      name: 'a case',
      action: 'lambda:UpdateAlias',
      resource: { type: 'Alias', function: 'checkout', name: 'prod' },
      expect: 'allow',
      ...more,
    },
  ],
})

test('tells a case that comes out otherwise, and by which policies', () => {
  const set = compile('@id("no") forbid(principal, action, resource);')

  const { results } = runCases(set, parseCases(one({ determining: ['yes'] })))

  expect(results).toEqual([
    { name: 'a case', passed: false, expected: 'allow by yes', got: 'deny by no' },
  ])
})

test('names policies that no case exercises', () => {
  const set = compile(`@id("all") permit(principal, action, resource);
    @id("heavy") forbid(principal, action, resource) when { context.signers > 5 };`)

  expect(runCases(set, parseCases(one({}))).unexercised).toEqual(['heavy'])
})

test('finds a fact whose absence is better than a bad one', () => {
  const set = compile(`@id("all") permit(principal, action, resource);
    @id("canary") forbid(principal, action, resource)
      when { context.change has weight && context.change.weight.greaterThan(decimal("0.1")) };`)
  const cases = parseCases(one({ expect: 'deny', context: { change: { weight: 0.5 } } }))

  expect(runCases(set, cases)).toMatchObject({
    results: [{ passed: true }],
    absences: [
      { case: 'a case', attribute: 'change' },
      { case: 'a case', attribute: 'change.weight' },
    ].slice(1),
  })
})

test('reads times and weights as Cedar has them', () => {
  const set = compile(
    `permit(principal, action, resource) when {
    context.now < datetime("2026-06-02T00:00:00Z") && context.change.weight == decimal("0.25") };
    `.replace('context.change.weight ==', 'context.change has weight && context.change.weight =='),
  )
  const cases = parseCases(
    one({ context: { now: '2026-06-01T00:00:00Z', change: { weight: 0.25 } } }),
  )

  expect(runCases(set, cases).results).toMatchObject([{ passed: true }])
})

test('puts an alias into its function', () => {
  const set = compile('permit(principal, action, resource in Lacre::Function::"checkout");')

  expect(runCases(set, parseCases(one({}))).results).toMatchObject([{ passed: true }])
})

test.each([
  ['no list', { cases: {} }, 'list'],
  ['no case', { cases: [] }, 'list'],
  ['an unknown member', { cases: [], more: 1 }, 'more'],
  ['an unknown member of a case', one({ facts: {} }), 'facts'],
  ['another expectation', one({ expect: 'warn' }), 'expect'],
  ['a resource of no type', one({ resource: { name: 'x' } }), 'a resource is'],
  ['a resource without its name', one({ resource: { type: 'Function' } }), 'name'],
  ['an action that is no text', one({ action: 3 }), 'action'],
  ['ids that are no list', one({ determining: 'all' }), 'determining'],
] as [string, Json, string][])('refuses cases with %s', (_what, document, message) => {
  expect(() => parseCases(document)).toThrow(message)
})

const NESTED = `
entity User; entity Role; entity Box;
type Facts = {
  now: datetime, weight?: decimal,
  attested: { scan?: { critical: Long, age?: Long }, sbom?: Bool },
};
action open appliesTo { principal: [User], resource: [Box], context: Facts };`

test('finds facts whose absence is better than a bad one however deep they lie', () => {
  const text = `@id("all") permit(principal, action, resource);
    @id("critical") forbid(principal, action, resource) when {
      context.attested has scan && context.attested.scan.critical > 0 };
    @id("old") forbid(principal, action, resource) when {
      context.attested has scan && context.attested.scan has age && context.attested.scan.age > 7 };`
  const set = compilePolicySet([{ name: 'x.cedar', text }], NESTED)
  const of = (name: string, more: object) => ({
    name,
    expect: 'deny' as const,
    determining: undefined,
    request: {
      principal: { type: 'User', id: 'alice' },
      action: { type: 'Action', id: 'open' },
      resource: { type: 'Box', id: 'b' },
      entities: [],
      context: {
        now: { __extn: { fn: 'datetime', arg: '2026-06-01T00:00:00Z' } },
        attested: {},
        ...more,
      },
    },
  })

  const { absences } = runCases(set, [
    of('critical', { attested: { scan: { critical: 1 }, sbom: true } }),
    of('old', { attested: { scan: { critical: 0, age: 8 } } }),
  ])

  expect(absences).toEqual([
    { case: 'critical', attribute: 'attested.scan' },
    { case: 'old', attribute: 'attested.scan' },
    { case: 'old', attribute: 'attested.scan.age' },
  ])
})

test('finds nothing where policies are written as "forbid unless"', () => {
  const text = `@id("all") permit(principal, action, resource);
    @id("canary") forbid(principal, action, resource)
      unless { context.change has weight && context.change.weight.lessThan(decimal("0.1")) };`
  const cases = parseCases(one({ expect: 'deny', context: { change: { weight: 0.5 } } }))

  expect(runCases(compile(text), cases).absences).toEqual([])
})
