import * as bare from '@cedar-policy/cedar-wasm/nodejs'
import { expect, test } from 'vitest'

import { compilePolicySet, type Policy } from '../../../services/policy/index.ts'
import { groupForbids, mergeGroup } from '../../../services/policy/merged-forbids.ts'

const HEAD = '(principal, action, resource)'
const policiesOf = (...texts: readonly string[]): readonly Policy[] => {
  const files = texts.map((text, at) => ({ name: `f${at}`, text: `@id("p${at}") ${text};` }))
  return [...compilePolicySet(files).policies.values()]
}
const sizes = (policies: readonly Policy[]) => groupForbids(policies).map((group) => group.length)

test('what forbids under one head is one group, up to 16; what permits is alone', () => {
  const other = '(principal, action == Action::"open", resource)'
  const mixed = policiesOf(`forbid ${HEAD}`, `permit ${HEAD}`, `forbid ${other}`, `permit ${HEAD}`, `forbid ${HEAD} when { context.a }`) // prettier-ignore

  expect(groupForbids(mixed).map((group) => group.map(({ id }) => id))).toEqual([
    ['p0', 'p4'],
    ['p1'],
    ['p2'],
    ['p3'],
  ])
  expect(sizes(policiesOf(...Array<string>(33).fill(`forbid ${HEAD}`)))).toEqual([16, 16, 1])
  expect(groupForbids([])).toEqual([])
})

/** Whether one policy forbids or errs. */
function saysOf([id, json]: readonly [string, bare.PolicyJson], a: number): string {
  const uid = { type: 'User', id: 'u' }
  const answer = bare.isAuthorized({
    principal: uid,
    action: { type: 'Action', id: 'open' },
    resource: uid,
    context: { a, b: a > 1 },
    policies: { staticPolicies: { [id]: json } },
    entities: [],
  })
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message)
  const { reason, errors } = answer.response.diagnostics
  return errors.length > 0 ? 'errs' : reason.length > 0 ? 'forbids' : 'is silent'
}

test.each([
  ['conditions', ['when { context.a == 1 }', 'when { context.a == 2 }'], [1, 2]],
  ['what excuses', ['unless { context.a != 1 }', 'unless { context.a != 3 }'], [1, 3]],
  ['both', ['when { context.b } unless { context.a == 2 }', 'when { context.a == 0 }'], [0, 3, 4]],
  ['no condition', ['', 'when { context.a == 1 }'], [0, 1, 2, 3, 4]],
  ['several conditions', ['when { context.b } when { context.a < 3 }', 'when { false }'], [2]],
  ['three', [0, 1, 4].map((a) => `when { context.a == ${a} }`), [0, 1, 4]],
  ['five', [4, 3, 2, 1, 7].map((a) => `when { context.a == ${a} }`), [1, 2, 3, 4]],
] as [string, string[], number[]][])('a group of %s forbids where one of it does', (_what, rests, forbidden) => {
  const [group] = groupForbids(policiesOf(...rests.map((rest) => `forbid ${HEAD} ${rest}`)))
  if (group === undefined) throw new Error('there is no group')
  const merged = mergeGroup(group)

  expect(group).toHaveLength(rests.length)
  expect(merged[0]).toBe('p0')
  for (const a of [0, 1, 2, 3, 4])
    expect(saysOf(merged, a)).toBe(forbidden.includes(a) ? 'forbids' : 'is silent')
}) // prettier-ignore

test('a group errs where one of it does and none before it forbids', () => {
  const [group] = groupForbids(
    policiesOf(`forbid ${HEAD} when { context.a == 1 }`, `forbid ${HEAD} when { context.missing }`),
  )
  if (group === undefined) throw new Error('there is no group')

  expect([0, 1, 2].map((a) => saysOf(mergeGroup(group), a))).toEqual(['errs', 'forbids', 'errs'])
})

test('one alone is asked as it is', () => {
  const [policy] = policiesOf(`@reason("why") forbid ${HEAD} unless { context.a == 1 }`)
  if (policy === undefined) throw new Error('there is no policy')

  expect(mergeGroup([policy])).toEqual(['p0', policy.json])
})

test('many are a tree no deeper than it must be: four levels for 16', () => {
  const group = groupForbids(policiesOf(...Array<string>(16).fill(`forbid ${HEAD} when { true }`)))[0] // prettier-ignore
  const depth = (node: unknown): number =>
    typeof node === 'object' && node !== null && '||' in node
      ? 1 + Math.max(...Object.values(node['||'] as object).map(depth))
      : 0
  const [condition] = group === undefined ? [] : mergeGroup(group)[1].conditions

  expect(depth(condition?.body)).toBe(4)
})
