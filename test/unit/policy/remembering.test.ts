import { expect, test } from 'vitest'

import {
  compilePolicySet,
  remembering,
  type PolicySet,
  type Request,
} from '../../../services/policy/index.ts'

const setOf = (...conditions: readonly string[]): PolicySet =>
  compilePolicySet([
    {
      name: 'a.cedar',
      text: conditions
        .map((text) => `forbid (principal, action, resource) when { ${text} };`)
        .join('\n'),
    },
  ])

const user = (id: string) => ({ type: 'User', id })
const box = { type: 'Box', id: 'b' }
const request = (more: Partial<Request> = {}): Request => ({
  principal: user('u'),
  action: { type: 'Action', id: 'open' },
  resource: box,
  context: { a: 1, b: 1 },
  entities: [],
  ...more,
})

/** How many of the requests the set itself was asked. */
function asked(sets: readonly PolicySet[], requests: readonly Request[]): number {
  let times = 0
  const ask = remembering(() => {
    times += 1
    return { decision: 'deny', determining: [String(times)], errors: [] }
  })
  for (const set of sets) for (const one of requests) ask(set, one)
  return times
}
const named = (name: unknown, more: object = {}) => ({
  entities: [{ uid: box, attrs: { name, ...more }, parents: [] }] as unknown as Request['entities'],
})
const BY_NAME = setOf('resource.name == "n"')

test.each<[string, PolicySet, Partial<Request>, boolean]>([
  ['in nothing', setOf('context.a == 1'), {}, false],
  ['in the action', setOf('true'), { action: { type: 'Action', id: 'shut' } }, true],
  ['in who asks, where nobody looks at him', setOf('context.a == 1'), { principal: user('v') }, false],
  ['in the kind of who asks', setOf('true'), { principal: { type: 'Robot', id: 'u' } }, true],
  ['in the kind of thing', setOf('true'), { resource: { type: 'Crate', id: 'b' } }, true],
  ['in who asks, where he is looked at', setOf('principal == User::"u"'), { principal: user('v') }, true],
  ['in a member that is looked at', setOf('context.a == 1'), { context: { a: 2, b: 1 } }, true],
  ['in that a member is not there', setOf('context has a'), { context: { b: 1 } }, true],
  ['in a member that is not looked at', setOf('context.a == 1'), { context: { a: 1, b: 2 } }, false],
  ['in a member, where all of them are', setOf('context == {a: 1}'), { context: { a: 1, b: 2 } }, true],
  ['in what one of two policies looks at', setOf('context.a == 1', 'context.b == 1'), { context: { a: 1, b: 2 } }, true],
  ['in what one policy of all of it does not name', setOf('context.a == 1', 'context == {a: 1}'), { context: { a: 1, b: 2 } }, true],
  ['in entities, where nobody looks at one', setOf('context.a == 1'), named('n'), false],
  ['in entities, where who asks is looked at', setOf('principal in Team::"t"'), named('n'), true],
  ['in entities, where the thing is looked at', setOf('resource in Team::"t"'), named('n'), true],
  ['in an attribute that is looked at', BY_NAME, named('n'), true],
  ['in an attribute that is not', BY_NAME, { entities: [{ uid: box, attrs: { size: 1 }, parents: [] }] }, false],
  ['in an attribute of something else', BY_NAME, { entities: [{ uid: { type: 'Box', id: 'c' }, attrs: { name: 'n' }, parents: [] }] }, false],
  ['in an attribute of something of another kind', BY_NAME, { entities: [{ uid: { type: 'Crate', id: 'b' }, attrs: { name: 'n' }, parents: [] }] }, false],
])('requests that differ %s', (_what, set, more, apart) => {
  expect(asked([set], [request(), request(more)])).toBe(apart ? 2 : 1)
  expect(asked([set], [request(), request()])).toBe(1)
}) // prettier-ignore

test('things of one kind that are alike in all that is looked at are asked once', () => {
  const other = { type: 'Box', id: 'c' }
  const alike = (name: unknown) => ({
    resource: other,
    entities: [{ uid: other, attrs: { name }, parents: [] }] as unknown as Request['entities'],
  })

  expect(asked([BY_NAME], [request(named('n')), request(alike('n'))])).toBe(1)
  expect(asked([BY_NAME], [request(named('n')), request(alike('m'))])).toBe(2)
  // What leads on to something else is looked at with all around it.
  const link = { __entity: { type: 'Box', id: 'd' } }
  expect(asked([BY_NAME], [request(named(link)), request(alike(link))])).toBe(2)
  expect(asked([BY_NAME], [request(named(link)), request(named(link, { size: 2 }))])).toBe(2)
  expect(asked([BY_NAME], [request(named(link)), request(named(link))])).toBe(1)
})

test('each set is asked for itself, and answers what it did', () => {
  const one = setOf('context.a == 1')
  const other = setOf('context.a == 2')
  const ask = remembering((set) => ({ decision: 'deny', determining: [set.digest], errors: [] }))

  expect(asked([one, other, one], [request()])).toBe(2)
  for (const set of [one, other, one, other])
    expect(ask(set, request()).determining).toEqual([set.digest])
})

test('remembers no more than its limit: beyond it all is forgotten', () => {
  const set = setOf('context.a == 1')
  const many = (count: number) =>
    Array.from({ length: count }, (_, a) => request({ context: { a: a + 10 } }))
  const [first = request()] = many(1)

  expect(asked([set], [...many(50_000), first])).toBe(50_000)
  expect(asked([set], [...many(50_001), first])).toBe(50_002)
})
