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

const messageOf = (text: string, schema: string | undefined = SCHEMA): string => {
  try {
    compile(text, schema)
    return 'compiled'
  } catch (error) {
    return (error as Error).message
  }
}
const ALL = 'permit(principal, action, resource)'

test('tells the first fault with its file and policy, and how many more there are', () => {
  const bad = (id: string) => `@id("${id}") ${ALL} when { context.${id} };`

  expect(messageOf(bad('a'))).toMatch(/^a\.cedar, a: .*`a`.*not found/)
  expect(messageOf(bad('a'))).not.toContain('more')
  expect(messageOf(bad('a') + bad('b') + bad('c'))).toMatch(/^a\.cedar, a: .*, and 2 more$/)
  expect(messageOf(`@id("a") ${ALL}; @id("a") ${ALL};`)).toBe(
    'a.cedar, a: `a.cedar` has a policy of this id already',
  )
  expect(messageOf('permit(principal == ?principal, action, resource);')).toBe(
    'a.cedar: templates are not used here: write policies',
  )
  expect(messageOf(`// ${'x'.repeat(1_048_577)}`)).toBe('a policy set is at most 1048576 bytes')
  expect(messageOf('', 'entity User in [Ghost];')).toMatch(/^the schema: /)
})

test('tells of every file what is wrong with it, and of a policy in which file it stands', () => {
  const files = [
    { name: 'a.cedar', text: `@id("x") ${ALL} when { context.a };` },
    { name: 'b.cedar', text: `@id("y") ${ALL} when { context.b };` },
  ]
  const faults = (all: readonly { name: string; text: string }[]) => {
    try {
      return compilePolicySet(all, SCHEMA)
    } catch (error) {
      return (error as PlatformError).detail['faults']
    }
  }

  expect(faults(files)).toMatchObject([
    { file: 'a.cedar', policy: 'x' },
    { file: 'b.cedar', policy: 'y' },
  ])
  expect(faults(files.map((file) => ({ ...file, text: 'permit (' })))).toMatchObject([
    { file: 'a.cedar', policy: undefined },
    { file: 'b.cedar', policy: undefined },
  ])
})

test('says where in a text a fault is, and what to do about an expression that is too deep', () => {
  const [unread] = faultsOf('permit(principal, action, resource) when { 1 + };')
  const [deep] = faultsOf(`\npermit(principal, action, resource) when { ${'('.repeat(60)} };`)

  expect(unread?.message).toMatch(/ \(.+\)$/)
  expect(deep).toEqual({
    file: 'a.cedar',
    policy: undefined,
    message: 'line 2: an expression is at most 50 brackets and operators deep',
    hint: 'make several policies of it',
  })
})

test('a set of as many policies and bytes as there may be compiles', () => {
  const policy = `${ALL};\n`
  const set = compilePolicySet([{ name: 'a.cedar', text: policy.repeat(2_000) }])
  const padded = `// ${'x'.repeat(1_048_573)}`

  expect(set.policies.size).toBe(2_000)
  expect(compilePolicySet([{ name: 'a.cedar', text: padded }]).policies.size).toBe(0)
  expect(messageOf(`${padded}x`)).toContain('1048576 bytes')
  expect(messageOf(policy.repeat(2_001), undefined)).toBe(
    'a policy set holds at most 2000 policies',
  )
  // Bytes over all files, not characters of one.
  expect(() =>
    compilePolicySet([
      { name: 'a', text: `// ${'é'.repeat(300_000)}` },
      { name: 'b', text: `// ${'é'.repeat(300_000)}` },
    ]),
  ).toThrow('1048576 bytes')
})

test('tells faults apart that differ in their message, file or policy', () => {
  const schema = `${SCHEMA}
    action shut appliesTo { principal: [User], resource: [Box], context: { weight: Long } };`
  const text = `@id("x") ${ALL} when { context.wait }; @id("y") ${ALL} when { context.wait };
    @id("z") ${ALL} when { context.weit == 1 || context.wight == 1 };`
  const told = faultsOf(text, schema).map(({ policy, message }) => [policy, message] as const)

  expect(told.map(([policy]) => policy)).toEqual(['x', 'y', 'z', 'z'])
  for (const [, message] of told) expect(message).toMatch(/, and so for 1 more$/)
  expect(faultsOf(`@id("x") ${ALL} when { context.wait };`, SCHEMA)[0]?.message).not.toContain(
    'and so',
  )
})

test('a set that was validated in these very words is taken as it is, others are not', () => {
  const text = `${ALL} when { context.weight > 1 };`
  const { digest } = compile(text)
  const never = `${ALL} when { false };`
  const ofNever = compile(never).digest

  expect(compilePolicySet([{ name: 'a.cedar', text }], SCHEMA, digest).digest).toBe(digest)
  // Nothing was looked for again: no warning, either.
  expect(compilePolicySet([{ name: 'a.cedar', text: never }], SCHEMA, ofNever).warnings).toEqual([])
  expect(compilePolicySet([{ name: 'a.cedar', text: never }], SCHEMA, digest).warnings).toHaveLength(1) // prettier-ignore
})

test('a warning says which policy it is about', () => {
  expect(compile('@id("x") permit(principal, action, resource) when { false };').warnings).toEqual([
    {
      file: 'a.cedar',
      policy: 'x',
      message: expect.stringContaining('impossible') as string,
      hint: undefined,
    },
  ])
})

test('says of a request that does not fit why', () => {
  const refusal = {
    code: 'INVALID_PARAMETER',
    message: expect.stringMatching(/^the request: .+/) as string,
  }
  expect(() => authorize(compile(`${ALL};`), request({}))).toThrow(expect.objectContaining(refusal))
})

test.each([
  ['nothing', 'true', []],
  ['a member', 'context.weight > 1', ['weight']],
  ['a member that may be there', 'context has note', ['note']],
  ['members in one another', 'context.a.b.c == 1', ['a', 'a.b', 'a.b.c']],
  ['a path that may be there', 'context has a.b', ['a.b']],
  ['a path in a member', 'context.a has b.c', ['a', 'a.b.c']],
  ['one twice', 'context.a == 1 || context.a == 2', ['a']],
  ['one in a list, in a record, and in an unless', '[context.a].contains({b: context.b})', ['a', 'b']],
  ['members of something else', 'principal.a == resource.b && principal has c', []],
  ['a member of a record', '{a: 1}.a == 1', []],
  ['a member of a record that holds one', '{a: context.b}.a == 1', ['b']],
  ['names in a record that look like reading', '{"has": 1, ".": context} == {"is": 2}', []],
] as const)('knows that a policy reads of the context %s', (_what, condition, reads) => {
  const set = compilePolicySet([{ name: 'a', text: `@id("x") ${ALL} unless { ${condition} };` }])

  expect(set.policies.get('x')?.reads.toSorted()).toEqual(reads)
}) // prettier-ignore

test('keeps of each policy its text, file, effect and annotations', () => {
  const text = '@id("x") @reason("why") forbid(principal, action, resource);'
  const set = compilePolicySet([
    { name: 'a', text: `${ALL};` },
    { name: 'b', text },
  ])

  expect([...set.policies.keys()]).toEqual(['policy0', 'x'])
  expect(set.policies.get('x')).toMatchObject({
    id: 'x',
    file: 'b',
    text,
    effect: 'forbid',
    annotations: { id: 'x', reason: 'why' },
  })
  expect(set.policies.get('policy0')).toMatchObject({ effect: 'permit', annotations: {} })
  expect(set).toMatchObject({ schema: undefined, warnings: [] })
})

test('tells what is wrong in the order that it was written in, whichever order Cedar finds it in', () => {
  const ids = Array.from({ length: 9 }, (_, at) => `p${9 - at}`)
  const wrong = ids.map((id) => `@id("${id}") ${ALL} when { context.b || context.a };`).join('\n')
  const never = ids.map((id) => `@id("${id}") ${ALL} when { false };`).join('\n')
  const told = faultsOf(wrong, SCHEMA)

  expect(told.map(({ policy }) => policy)).toEqual(ids.flatMap((id) => [id, id]))
  for (const [at, { message }] of told.entries())
    expect(message).toContain(`attribute \`${'ab'[at % 2]}\``)
  expect(compile(never).warnings.map(({ policy }) => policy)).toEqual(ids)
})
