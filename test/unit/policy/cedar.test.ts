import { expect, test } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import {
  authorize,
  compilePolicySet,
  type PolicyFault,
  type Request,
} from '../../../services/policy/index.ts'

const SCHEMA = `
entity User;
entity Box;
action open appliesTo { principal: [User], resource: [Box], context: { weight: Long, note?: String } };`

const request = (context: Request['context'] = { weight: 3 }): Request => ({
  principal: { type: 'User', id: 'alice' },
  action: { type: 'Action', id: 'open' },
  resource: { type: 'Box', id: 'b' },
  context,
  entities: [],
})

const compile = (text: string, schema: string | undefined = SCHEMA) =>
  compilePolicySet([{ name: 'a.cedar', text }], schema)

function faultsOf(text: string, schema?: string): readonly PolicyFault[] {
  try {
    compile(text, schema)
    return []
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    expect(error.code).toBe('INVALID_PARAMETER')
    return error.detail['faults'] as readonly PolicyFault[]
  }
}

test('denies where no policy speaks: an empty set permits nothing', () => {
  expect(authorize(compile(''), request())).toEqual({
    decision: 'deny',
    determining: [],
    errors: [],
  })
})

test('names the policies that decide by their @id, and by their place where they have none', () => {
  const set = compile(
    '@id("light") permit(principal, action, resource); forbid(principal, action, resource);',
  )

  expect([...set.policies.keys()]).toEqual(['light', 'policy1'])
  expect(authorize(set, request())).toMatchObject({ decision: 'deny', determining: ['policy1'] })
})

test('denies where a policy cannot be evaluated, though Cedar would skip it and allow', () => {
  const set = compile(
    `@id("all") permit(principal, action, resource);
     @id("broken") forbid(principal, action, resource) when { context.weight * 9223372036854775807 > 1 };`,
  )

  expect(authorize(set, request({ weight: 3 }))).toMatchObject({
    decision: 'deny',
    determining: ['all'],
    errors: [{ policy: 'broken' }],
  })
})

test('refuses a request that does not fit the schema', () => {
  const set = compile('permit(principal, action, resource);')

  const contexts: Request['context'][] = [{}, { weight: 'heavy' }, { weight: 1, unknown: true }]
  for (const context of contexts)
    expect(() => authorize(set, request(context))).toThrow(PlatformError)
})

test.each([
  ['a syntax error', 'permit(principal, action', 'unexpected end of input'],
  [
    'an attribute that does not exist',
    'permit(principal, action, resource) when { context.wieght > 1 };',
    'wieght',
  ],
  [
    'a comparison of two types',
    'permit(principal, action, resource) when { context.weight == "x" };',
    'String',
  ],
  [
    'an optional attribute read unguarded',
    'permit(principal, action, resource) when { context.note == "x" };',
    'note',
  ],
  ['an unknown action', 'permit(principal, action == Action::"close", resource);', 'close'],
  ['a template', 'permit(principal == ?principal, action, resource);', 'templates'],
  [
    'one id twice',
    '@id("a") permit(principal, action, resource); @id("a") forbid(principal, action, resource);',
    'already',
  ],
])('refuses %s and says where', (_what, text, message) => {
  const [fault] = faultsOf(text, SCHEMA)

  expect(fault?.file).toBe('a.cedar')
  expect(fault?.message).toContain(message)
})

test('says what was probably meant', () => {
  const [fault] = faultsOf(
    'permit(principal, action, resource) when { context.wieght > 1 };',
    SCHEMA,
  )

  expect(fault?.hint).toContain('weight')
})

test('tells every fault, not the first alone', () => {
  const text = `permit(principal, action, resource) when { context.a };
                permit(principal, action, resource) when { context.b };`

  expect(faultsOf(text, SCHEMA)).toHaveLength(2)
})

test('warns of a policy that can never apply', () => {
  expect(compile('permit(principal, action, resource) when { false };').warnings).toHaveLength(1)
})

test('refuses a set larger than anybody writes', () => {
  const text = 'permit(principal, action, resource);\n'.repeat(2_001)

  expect(faultsOf(text, SCHEMA).at(-1)?.message).toContain('at most 2000')
  expect(faultsOf(`// ${'x'.repeat(1_048_577)}`)[0]?.message).toContain('bytes')
})

test('gives one digest to the same text, and another to any other', () => {
  const digest = compile('permit(principal, action, resource);').digest

  expect(compile('permit(principal, action, resource);').digest).toBe(digest)
  expect(compile('permit(principal, action, resource) ;').digest).not.toBe(digest)
  expect(
    compilePolicySet([{ name: 'a', text: 'permit(principal, action, resource);' }]).digest,
  ).not.toBe(digest)
})

test('refuses a schema that does not parse', () => {
  expect(faultsOf('', 'entity ;')[0]?.file).toBe('the schema')
})

test('keeps sets apart although the engine holds a few at a time', () => {
  const sets = Array.from({ length: 40 }, (_, index) =>
    compile(
      `@id("p${index}") ${index % 2 === 0 ? 'permit' : 'forbid'}(principal, action, resource);`,
    ),
  )
  for (const order of [sets, sets.toReversed(), sets]) {
    for (const set of order) {
      const [id = ''] = set.policies.keys()
      const expected = Number(id.slice(1)) % 2 === 0 ? 'allow' : 'deny'
      expect(authorize(set, request())).toMatchObject({ decision: expected, determining: [id] })
    }
  }
})

test('tells a fault once that Cedar tells for every action', () => {
  const schema = `${SCHEMA}
    action shut appliesTo { principal: [User], resource: [Box], context: { weight: Long } };
    action move appliesTo { principal: [User], resource: [Box], context: { weight: Long } };`

  expect(
    faultsOf('@id("x") forbid(principal, action, resource) when { context.wait };', schema),
  ).toMatchObject([
    { policy: 'x', message: expect.stringContaining('and so for 2 more') as string },
  ])
})

test('does not validate again what was validated in these very words', () => {
  const text = 'permit(principal, action, resource) when { context.wait };'
  const { digest } = compilePolicySet([{ name: 'a.cedar', text }])

  expect(() => compilePolicySet([{ name: 'a.cedar', text }], SCHEMA, digest)).toThrow('wait')
})
