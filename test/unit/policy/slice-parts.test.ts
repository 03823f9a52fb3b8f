import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { expect, test, vi } from 'vitest'

import { compilePolicySet, type PolicySet, type Request } from '../../../services/policy/index.ts'
import { withCedar } from '../../../services/policy/cedar-engine.ts'
import { sliceFor } from '../../../services/policy/policy-slice.ts'
import { ancestorsOf, sliceSchema, type SchemaForm } from '../../../services/policy/schema-slice.ts'

const action = (id: string, type = 'Action') => ({ type, id })
const applies = (context: unknown) => ({
  appliesTo: { principalTypes: ['User'], resourceTypes: ['Box'], context },
})
const LONG = { type: 'Long' }
const OPTIONAL = { type: 'String', required: false }

/** Groups that meet again above, a group of another namespace, and contexts of every form. */
const SCHEMA = {
  '': {
    commonTypes: {
      Asked: { type: 'Record', attributes: { a: LONG, b: OPTIONAL } },
      Anything: { type: 'Record', attributes: { a: LONG }, additionalAttributes: true },
      Number: LONG,
    },
    entityTypes: { User: {}, Box: {} },
    actions: {
      all: {},
      left: { memberOf: [{ id: 'all' }] },
      right: { memberOf: [{ id: 'all' }, { id: 'far', type: 'Other::Action' }] },
      open: {
        memberOf: [{ id: 'left' }, { id: 'right' }],
        ...applies({ type: 'EntityOrCommon', name: 'Asked' }),
      },
      named: applies({ type: 'Asked' }),
      written: applies({ type: 'Record', attributes: { a: LONG, b: OPTIONAL } }),
      anything: applies({ type: 'Anything' }),
      number: applies({ type: 'Number' }),
      nothing: applies(undefined),
      lost: { memberOf: [{ id: 'nowhere' }] },
    },
  },
  Other: {
    entityTypes: {},
    actions: { far: {}, near: applies({ type: 'Record', attributes: {} }) },
  },
} as unknown as SchemaForm

test('the groups of an action are found however they meet, also in other namespaces', () => {
  expect([...(ancestorsOf(SCHEMA, action('open')) ?? [])].toSorted()).toEqual([
    'Action::"all"',
    'Action::"left"',
    'Action::"open"',
    'Action::"right"',
    'Other::Action::"far"',
  ])
  expect([...(ancestorsOf(SCHEMA, action('far', 'Other::Action')) ?? [])]).toEqual([
    'Other::Action::"far"',
  ])
})

test('a namespace may be called as if it were of actions', () => {
  const named = { ...SCHEMA, Actions: { entityTypes: {}, actions: { go: {} } } }

  expect([...(ancestorsOf(named, action('go', 'Actions::Action')) ?? [])]).toEqual([
    'Actions::Action::"go"',
  ])
})

test.each([
  ['an action that there is not', action('shut')],
  ['an action that every object has', action('toString')],
  ['an action of a namespace that there is not', action('open', 'Nowhere::Action')],
  ['an action of a namespace that every object has', action('open', 'toString::Action')],
  ['what is no action', action('open', 'User')],
  ['what is called as a namespace of actions', action('far', 'Other')],
  ['an action in a group that there is not', action('lost')],
])('of %s no groups are known, and all of a set is asked', (_what, of) => {
  expect(ancestorsOf(SCHEMA, of)).toBeUndefined()
})

const needs = (reads: 'all' | readonly string[], actions: 'all' | ReadonlySet<string> = 'all') => ({
  reads,
  actions,
})

test('of the schema stay the actions that are needed, and all else but the context', () => {
  const only = new Set(['Action::"written"', 'Other::Action::"far"'])
  const slice = sliceSchema(SCHEMA, action('written'), needs(['a'], only))

  expect(Object.keys(slice?.schema['']?.actions ?? {})).toEqual(['written'])
  expect(Object.keys(slice?.schema['Other']?.actions ?? {})).toEqual(['far'])
  expect(slice?.schema['']?.entityTypes).toEqual({ User: {}, Box: {} })
  expect(slice?.schema['']?.commonTypes).toEqual(SCHEMA['']?.commonTypes)
  expect(slice?.schema['']?.actions['written']).toEqual(
    applies({ type: 'Record', attributes: { a: LONG } }),
  )
  // The schema itself is another's.
  expect(SCHEMA['']?.actions['written']).toEqual(
    applies({ type: 'Record', attributes: { a: LONG, b: OPTIONAL } }),
  )
})

test.each(['written', 'named'])('what of the context of `%s` is not read is held against its type', (id) => {
  const cut = sliceSchema(SCHEMA, action(id), needs(['a']))?.cut

  expect(cut?.({ a: 1, b: 'x' })).toEqual({ a: 1 })
  // What is read the engine judges.
  expect(cut?.({ a: 'x' })).toEqual({ a: 'x' })
  expect(cut?.({ a: 1, b: 1 })).toBeUndefined()
  expect(cut?.({ a: 1, more: 1 })).toBeUndefined()
  expect(sliceSchema(SCHEMA, action(id), needs(['b']))?.cut({ b: 'x' })).toBeUndefined()
}) // prettier-ignore

test.each(['anything', 'number', 'nothing', 'open'])(
  'the context of `%s` goes to the engine whole: what is in it is not told by its form here',
  (id) => {
    const slice = sliceSchema(SCHEMA, action(id), needs(['a']))

    expect(slice?.cut({ a: 1, more: 1 })).toEqual({ a: 1, more: 1 })
    expect(slice?.schema['']?.actions[id]).toEqual(SCHEMA['']?.actions[id])
  },
)

test('so it goes where all of it is read', () => {
  const slice = sliceSchema(SCHEMA, action('written'), needs('all'))

  expect(slice?.cut({ a: 'x', more: 1 })).toEqual({ a: 'x', more: 1 })
  expect(slice?.schema).toEqual(SCHEMA)
})

test.each(['all', 'shut'])('for `%s`, which nobody can ask for, the whole schema is needed', (id) => {
  expect(sliceSchema(SCHEMA, action(id), needs(['a']))).toBeUndefined()
}) // prettier-ignore

test('what is not alike has another key', () => {
  const written = action('written')
  const slices = [
    sliceSchema(SCHEMA, written, needs(['a'])),
    sliceSchema(SCHEMA, written, needs(['b'])),
    sliceSchema(SCHEMA, written, needs('all')),
    sliceSchema(SCHEMA, written, needs(['a'], new Set(['Action::"written"']))),
    sliceSchema(SCHEMA, action('named'), needs(['a'])),
    sliceSchema({ ...SCHEMA, More: { entityTypes: {}, actions: {} } }, written, needs(['a'])),
  ]

  expect(new Set(slices.map((slice) => slice?.key)).size).toBe(slices.length)
  expect(sliceSchema(SCHEMA, written, needs(['a']))?.key).toBe(slices[0]?.key)
})

const TEXT = `entity User; entity Box; entity Crate; action all;
  action open in [all] appliesTo { principal: [User], resource: [Box, Crate], context: { a?: Long } };
  action shut appliesTo { principal: [User], resource: [Box], context: { a?: Long } };`
const request = (id = 'open', resource = 'Box'): Request => ({
  principal: { type: 'User', id: 'u' },
  action: action(id),
  resource: { type: resource, id: 'b' },
  context: {},
  entities: [],
})
const setOf = (heads: readonly string[], schema = TEXT, condition = 'context.a == 1'): PolicySet => ({
  ...compilePolicySet([
    { name: 'a', text: heads.map((head, at) => `@id("p${at}") forbid (${head}) when { ${condition} };`).join('\n') },
  ]),
  schema,
}) // prettier-ignore
const ANY = 'principal, action, resource'

test('a slice is made once for a kind of request, and kept for no more than a thousand kinds', () => {
  const set = setOf([ANY])
  const first = sliceFor(set, request())
  const others = (count: number) => {
    for (let at = 0; at < count; at += 1) sliceFor(set, request(`a${at}`))
  }

  expect(sliceFor(set, { ...request(), principal: { type: 'User', id: 'other' } })).toBe(first)
  others(999)
  expect(sliceFor(set, request())).toBe(first)
  others(1_000)
  expect(sliceFor(set, request())).not.toBe(first)
  expect(sliceFor({ ...set }, request())).not.toBe(first)
})

test('the latest four schemas are kept read', () => {
  const texts = Array.from({ length: 5 }, (_, at) => `${TEXT} entity More${at};`)
  const read = (...numbers: readonly number[]): number =>
    withCedar((cedar) => {
      const spy = vi.spyOn(cedar, 'schemaToJson')
      try {
        for (const at of numbers) sliceFor(setOf([ANY], texts[at]), request())
        return spy.mock.calls.length
      } finally {
        spy.mockRestore()
      }
    })

  expect(read(0, 1, 2, 3)).toBe(4)
  expect(read(3, 2, 1, 0)).toBe(0)
  expect(read(4, 1, 2, 3, 4)).toBe(1)
  expect(read(0)).toBe(1)
  read(1, 2, 3, 4, 1, 2, 3, 4)
})

test('a schema that cannot be read leaves all of a set to be asked', () => {
  const slice = sliceFor(setOf(['principal is Ghost, action, resource'], 'entity ;'), request())

  expect(slice.schema).toBeUndefined()
  expect(slice.policies).toHaveLength(1)
})

test.each([
  ['its own three', 'principal in User::"u" && resource is Box && action in Action::"all"', false],
  ['another action', 'Action::"shut" in Action::"all"', true],
  ['a member of the context', 'context.who in Action::"all"', true],
  ['the kind of a member', 'context.who is User', true],
  ['something in something', 'true && (context.a == 1 || [User::"v" in User::"u"] == [true])', true],
  ['a name that looks like it', '{"in": 1} == {"is": 2}', true],
  ['nothing', 'context.a == 1', false],
])('where a policy searches for %s, no action is left out of the schema: %s is %s', (_what, condition, all) => {
  const { schema } = sliceFor(setOf([ANY], TEXT, condition), request())

  expect(Object.keys(schema?.schema['']?.actions ?? {}).includes('shut')).toBe(all)
}) // prettier-ignore

test('an entity may be written in either of the two ways that Cedar has', () => {
  const set = setOf([ANY])
  const head = (more: Partial<PolicyJson>) => {
    const policies = new Map(
      [...set.policies].map(([id, policy]) => [
        id,
        { ...policy, json: { ...policy.json, ...more } },
      ]),
    )
    return sliceFor({ ...set, policies }, request()).policies.length
  }
  const written = (type: string, id: string) => ({ __entity: { type, id } })

  expect(head({ action: { op: '==', entity: written('Action', 'open') } })).toBe(1)
  expect(head({ action: { op: '==', entity: written('Action', 'shut') } })).toBe(0)
  expect(head({ action: { op: 'in', entity: written('Action', 'all') } })).toBe(1)
  expect(head({ resource: { op: '==', entity: written('Box', 'x') } })).toBe(1)
  expect(head({ resource: { op: '==', entity: written('Crate', 'x') } })).toBe(0)
  expect(head({ principal: { op: '==', slot: '?principal' } })).toBe(1)
  expect(head({ action: { op: '==', slot: '?action' } as never })).toBe(1)
})
