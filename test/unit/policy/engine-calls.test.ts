import { beforeEach, expect, test, vi } from 'vitest'

import {
  authorize,
  compilePolicySet,
  type PolicySet,
  type Request,
} from '../../../services/policy/index.ts'
import { flagsFor, withCedar, type Cedar } from '../../../services/policy/cedar-engine.ts'

const SCHEMA = `
entity Team;
entity User in [Team] = { name: String };
entity Robot;
entity Box;
entity Crate;
action "all";
action "moving" in ["all"];
action "open" in ["moving"] appliesTo { principal: [User, Robot], resource: [Box, Crate], context: { a?: Long, b?: Bool, unread?: Set<Long> } };
action "look" in ["all"] appliesTo { principal: [User, Robot], resource: [Box, Crate], context: { a?: Long } };
`
// One that holds nothing of what other tests asked: the next call is made on a new one.
beforeEach(() => {
  const cutOff = (): never => {
    throw new Error('cut off')
  }
  expect(() => withCedar(cutOff)).toThrow('nested too deep')
})

let sets = 0
/** A set that no engine has seen before. It is not validated, so that policies may err. */
function setOf(texts: readonly string[], schema: string | null = SCHEMA): PolicySet {
  sets += 1
  const text = `@id("set${sets}") permit (principal, action == Action::"look", resource) when { ${sets} == 0 };`
  const policies = texts.map((policy, at) => `@id("p${at}") ${policy}`)
  return {
    ...compilePolicySet([{ name: 'a.cedar', text: [text, ...policies].join('\n') }]),
    schema: schema === null ? undefined : `${schema} entity Unseen${sets};`,
  }
}

const request = (context: Request['context'] = {}, more: Partial<Request> = {}): Request => ({
  principal: { type: 'User', id: 'u' },
  action: { type: 'Action', id: 'open' },
  resource: { type: 'Box', id: 'b' },
  context,
  entities: [],
  ...more,
})
const ALL = 'permit (principal, action, resource);'
const forbid = (condition: string, head = '(principal, action, resource)'): string =>
  `forbid ${head} when { ${condition} };`

/** What the engine was handed and asked meanwhile: policies at once, and members of each context. */
function spied<T>(work: (cedar: Cedar) => T) {
  return withCedar((cedar) => {
    const policies = vi.spyOn(cedar, 'preparsePolicySet')
    const schemas = vi.spyOn(cedar, 'preparseSchema')
    const asks = vi.spyOn(cedar, 'statefulIsAuthorized')
    try {
      const answer = work(cedar)
      return {
        answer,
        policies: policies.mock.calls.map(([, { staticPolicies = {} }]) =>
          Object.keys(staticPolicies),
        ),
        schemas: schemas.mock.calls.length,
        asked: asks.mock.calls.map(([{ context }]) => Object.keys(context)),
        calls: asks.mock.calls.map(([call]) => call),
      }
    } finally {
      for (const spy of [policies, schemas, asks]) spy.mockRestore()
    }
  })
}
const times = <T>(count: number, of: () => T): T[] => Array.from({ length: count }, of)

test('what was prepared for a kind of question answers it by one call, and is prepared once', () => {
  const set = setOf([ALL, forbid('context.a == 1')])
  const first = spied(() => authorize(set, request({ a: 1 })))
  const later = spied(() => times(5, () => authorize(set, request({ a: 2 })).decision))

  expect(first.answer).toEqual({ decision: 'deny', determining: ['p1'], errors: [] })
  expect(first.policies).toEqual([['p0', 'p1']])
  expect(first.schemas).toBe(1)
  expect(first.asked).toHaveLength(1)
  expect(later.answer).toEqual(Array(5).fill('allow'))
  expect(later).toMatchObject({ policies: [], schemas: 0 })
  expect(later.asked).toHaveLength(5)
})

test('the engine is asked for the principal, action, thing and entities of the request, under a schema where there is one', () => {
  const entities = [{ uid: { type: 'User', id: 'u' }, attrs: { name: 'x' }, parents: [] }]
  const of = request({ a: 1 }, { entities })
  const { principal, action, resource } = of
  const [held] = spied(() => authorize(setOf([ALL]), of)).calls
  const [free] = spied(() => authorize(setOf([ALL], null), of)).calls

  expect(held).toMatchObject({ principal, action, resource, entities, validateRequest: true })
  expect(free).toMatchObject({ principal, action, resource, entities, context: { a: 1 } })
  expect(free).not.toHaveProperty('validateRequest')
  expect(free).not.toHaveProperty('preparsedSchemaName')
})

test.each([
  ['another action', forbid('true', '(principal, action == Action::"look", resource)')],
  ['another group of actions', forbid('true', '(principal, action in [Action::"look"], resource)')],
  ['another kind of principal', forbid('true', '(principal is Robot, action, resource)')],
  ['another kind of thing', forbid('true', '(principal, action, resource is Crate)')],
  ['a thing of another kind', forbid('true', '(principal, action, resource == Crate::"b")')],
  ['a principal of another kind', forbid('true', '(principal == Robot::"u", action, resource)')],
])('a policy of %s is not handed to it', (_what, text) => {
  expect(spied(() => authorize(setOf([ALL, text]), request())).policies).toEqual([['p0']])
})

test.each([
  ['its action', '(principal, action == Action::"open", resource)'],
  ['a group of its action', '(principal, action in Action::"moving", resource)'],
  ['a group of that group', '(principal, action in [Action::"look", Action::"all"], resource)'],
  ['its own action as a group', '(principal, action in Action::"open", resource)'],
  ['its kinds', '(principal is User, action, resource is Box)'],
  ['somebody of its kind', '(principal == User::"other", action, resource == Box::"other")'],
  ['what is in something', '(principal in Team::"t", action, resource in Crate::"c")'],
  ['its kind in something', '(principal is User in Team::"t", action, resource)'],
])('a policy of %s is handed to it', (_what, head) => {
  const { policies } = spied(() => authorize(setOf([ALL, forbid('true', head)]), request()))

  expect(policies).toEqual([['p0', 'p1']])
})

test('without a schema all of a set is handed to it: groups of actions may stand in a request', () => {
  const set = setOf([ALL, forbid('true', '(principal, action in Action::"group", resource)')], null) // prettier-ignore
  const grouped = { uid: { type: 'Action', id: 'open' }, attrs: {}, parents: [{ type: 'Action', id: 'group' }] } // prettier-ignore
  const { answer, policies, schemas } = spied(() => [
    authorize(set, request()).decision,
    authorize(set, request({}, { entities: [grouped] })).decision,
  ])

  expect(answer).toEqual(['allow', 'deny'])
  expect(policies).toEqual([[...set.policies.keys()]])
  expect(schemas).toBe(0)
})

test('of a context the engine is handed what policies look at; the rest is held against the schema here', () => {
  const set = setOf([ALL, forbid('context has a && context.a == 1')])
  const whole = setOf([ALL, forbid('context == {a: 1}')])
  const context = { a: 2, b: true, unread: [1] }

  expect(spied(() => authorize(set, request(context))).asked).toEqual([['a']])
  expect(spied(() => authorize(whole, request(context))).asked).toEqual([['a', 'b', 'unread']])
})

test('what of a context is not known to fit the schema is left to the whole of it', () => {
  const set = setOf([ALL, forbid('context has a && context.a == 1')])
  const wrong = request({ a: 2, unread: ['x'] })
  const large = request({ a: 2, unread: [2 ** 53] })
  const asked = spied(() => {
    expect(() => authorize(set, wrong)).toThrow('the request: ')
    return authorize(set, large).decision
  })

  expect(asked.answer).toBe('allow')
  expect(asked.asked).toEqual([
    ['a', 'unread'],
    ['a', 'unread'],
  ])
})

test('forbids of one head are asked as one; where it forbids, one by one, and only theirs', () => {
  const head = '(principal, action in Action::"moving", resource)'
  const set = setOf([ALL, ...[0, 1, 2].map((at) => forbid(`context.a == ${at}`, head)), forbid('context.a == 9')]) // prettier-ignore
  const { answer, policies, asked } = spied(() =>
    [7, 1, 9, 2].map((a) => authorize(set, request({ a })).determining),
  )

  expect(answer).toEqual([['p0'], ['p2'], ['p4'], ['p3']])
  expect(policies).toEqual([
    ['p0', 'p1', 'p4'],
    ['p1', 'p2', 'p3'],
  ])
  // Twice once, twice once more.
  expect(asked).toHaveLength(6)
})

test('policies that permit are never asked as one: what they determine is told one by one', () => {
  const set = setOf([ALL, ALL, 'permit (principal, action, resource) when { context.a == 1 };'])
  const { answer, policies } = spied(() => authorize(set, request({ a: 2 })).determining)

  expect(answer).toEqual(['p0', 'p1'])
  expect(policies).toEqual([['p0', 'p1', 'p2']])
})

test('of more than 16 forbids of one head as many are asked as one', () => {
  const many = Array.from({ length: 40 }, (_, at) => forbid(`context.a == ${at}`))
  const { answer, policies } = spied(() => {
    const set = setOf([ALL, ...many])
    return times(9, () => authorize(set, request({ a: 500 })).decision)
  })

  expect(answer).toEqual(Array(9).fill('allow'))
  expect(policies.map((ids) => ids.length)).toEqual([42, 4])
})

test.each([
  [4, 5],
  [5, 2],
])('where %i groups have a say they are asked by %i calls in all', (count, calls) => {
  const heads = [
    '(principal, action, resource)',
    '(principal is User, action, resource)',
    '(principal, action, resource is Box)',
    '(principal, action == Action::"open", resource)',
    '(principal, action in Action::"moving", resource)',
  ].slice(0, count)
  const set = setOf([ALL, ...heads.flatMap((head) => [1, 2].map((a) => forbid(`context.a == ${a}`, head)))]) // prettier-ignore
  authorize(set, request({ a: 3 }))
  authorize(set, request({ a: 3 }))
  const { answer, asked } = spied(() => authorize(set, request({ a: 1 })))

  expect(answer).toEqual({
    decision: 'deny',
    determining: heads.map((_, at) => `p${1 + 2 * at}`).toSorted(),
    errors: [],
  })
  expect(asked).toHaveLength(calls)
})

test('what errs in a group is told one by one, in order, beside what errs elsewhere', () => {
  const head = '(principal is User, action, resource)'
  const set = setOf([
    forbid('context.b == 1 && context.missing', head),
    ALL,
    forbid('context.a * 9223372036854775807 > 1', head),
    forbid('context.a == 2', head),
    forbid('context.missing'),
    forbid('context.a == 7'),
  ])
  const answer = authorize(set, request({ a: 2 }))
  const bad = setOf([ALL, forbid('context.missing'), forbid('context.b')])
  const erring = authorize(bad, request({ a: 1 }))

  expect(answer.decision).toBe('deny')
  expect(answer.determining).toEqual(['p3'])
  expect(answer.errors.map(({ policy }) => policy)).toEqual(['p0', 'p2', 'p4'])
  expect(erring).toMatchObject({ decision: 'deny', determining: ['p0'] })
  expect(erring.errors.map(({ policy }) => policy)).toEqual(['p1', 'p2'])
})

test('where a group errs that would permit nothing else, what permits determines still', () => {
  const set = setOf([ALL, forbid('context.missing || true'), forbid('context.a == 2')])

  expect(authorize(set, request({ a: 2 }))).toMatchObject({
    decision: 'deny',
    determining: ['p2'],
    errors: [{ policy: 'p1' }],
  })
  expect(authorize(set, request({ a: 3 }))).toMatchObject({
    decision: 'deny',
    determining: ['p0'],
    errors: [{ policy: 'p1' }],
  })
})

const failure = { type: 'failure', errors: [] } as never

test.each([
  ['policies', 'preparsePolicySet'],
  ['a schema', 'preparseSchema'],
] as const)('where the engine cannot prepare %s of a kind of question, all is asked', (_what, name) => {
  const set = setOf([ALL, forbid('context has a && context.a == 1')])
  const { answer, asked } = spied((cedar) => {
    vi.mocked(cedar[name]).mockReturnValueOnce(failure)
    return authorize(set, request({ a: 1, b: true }))
  })

  expect(answer).toEqual({ decision: 'deny', determining: ['p1'], errors: [] })
  expect(asked).toEqual([['a', 'b']])
}) // prettier-ignore

test('where the engine cannot prepare a group, all is asked', () => {
  const set = setOf([ALL, forbid('context.a == 1'), forbid('context.a == 2')])
  authorize(set, request({ a: 3 }))
  const { answer, policies } = spied((cedar) => {
    vi.mocked(cedar.preparsePolicySet).mockReturnValueOnce(failure)
    return authorize(set, request({ a: 1 }))
  })

  expect(answer).toEqual({ decision: 'deny', determining: ['p1'], errors: [] })
  expect(policies.map((ids) => ids.length)).toEqual([2, 4])
})

test('where a group forbids and none of its policies does, all is asked', () => {
  const set = setOf([ALL, forbid('context.a == 1'), forbid('context.a == 2')])
  authorize(set, request({ a: 3 }))
  const lie = { decision: 'deny', diagnostics: { reason: ['p1'], errors: [] } }
  const { answer, asked } = spied((cedar) => {
    vi.mocked(cedar.statefulIsAuthorized).mockReturnValueOnce({ type: 'success', response: lie, warnings: [] } as never) // prettier-ignore
    return authorize(set, request({ a: 3 }))
  })

  expect(answer).toEqual({ decision: 'allow', determining: ['p0'], errors: [] })
  expect(asked).toHaveLength(3)
})

test('a set that cannot be prepared as a whole is a fault of the service, not an answer', () => {
  const internal = expect.objectContaining({
    code: 'INTERNAL',
    message: 'a policy set that compiled cannot be prepared',
  })

  expect(() => authorize(setOf([ALL], 'entity ;'), request())).toThrow(internal)
  expect(() =>
    spied((cedar) => {
      vi.mocked(cedar.preparsePolicySet).mockReturnValue(failure)
      return authorize(setOf([ALL], null), request())
    }),
  ).toThrow(internal)
})

test.each([
  ['an action that the schema has not', { action: { type: 'Action', id: 'shut' } }],
  ['an action of another type', { action: { type: 'User', id: 'open' } }],
  ['an action of a namespace that there is not', { action: { type: 'Other::Action', id: 'open' } }],
  ['a group of actions', { action: { type: 'Action', id: 'moving' } }],
  ['a principal of another kind', { principal: { type: 'Box', id: 'b' } }],
  ['a thing of another kind', { resource: { type: 'User', id: 'u' } }],
] as [string, Partial<Request>][])('%s is refused under the whole schema', (_what, more) => {
  expect(() => authorize(setOf([ALL]), request({}, more))).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }),
  )
})

test('an engine that was cut off is thrown away; what was said of a set itself goes on as it is', () => {
  const before = withCedar((cedar) => cedar)
  const cut = () =>
    withCedar(() => {
      throw new RangeError('Maximum call stack size exceeded')
    })

  expect(withCedar((cedar) => cedar)).toBe(before)
  expect(cut).toThrow(
    expect.objectContaining({
      code: 'INVALID_PARAMETER',
      message: 'this is nested too deep, or too large, for the policy engine',
      cause: expect.any(RangeError) as RangeError,
    }),
  )
  const after = withCedar((cedar) => cedar)
  expect(after).not.toBe(before)
  expect(() => authorize(setOf([ALL], 'entity ;'), request())).toThrow()
  expect(withCedar((cedar) => cedar)).toBe(after)
})

test('an engine made while another was cut off is kept', () => {
  let made: Cedar | undefined
  expect(() =>
    withCedar(() => {
      expect(() => withCedar(() => { throw new Error('cut off') })).toThrow('nested') // prettier-ignore
      made = withCedar((cedar) => cedar)
      throw new Error('cut off')
    }),
  ).toThrow('nested')

  expect(withCedar((cedar) => cedar)).toBe(made)
})

test('the flag that one generation of V8 needs is given to no other', () => {
  expect(flagsFor('11.3.244.8-node.33')).toEqual(['--no-turbo-inline-js-wasm-calls'])
  expect(flagsFor('12.4.254.21-node.33')).toEqual([])
  expect(flagsFor('13.11.0')).toEqual([])
})
