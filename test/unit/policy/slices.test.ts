import * as bare from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import {
  authorize,
  compilePolicySet,
  type Evaluation,
  type PolicySet,
  type Request,
} from '../../../services/policy/index.ts'
import { withCedar } from '../../../services/policy/cedar-engine.ts'
import { findTooDeep, POLICY_DEPTH_LIMIT } from '../../../services/policy/policy-depth.ts'

/** Groups in two steps, types by name, optional members, extensions, and members that no policy looks at. */
const SCHEMA = `
type Place = { name: String, row?: Long };
entity Team;
entity User in [Team] = { name: String };
entity Robot in [Team] = { name: String };
entity Shelf;
entity Box in [Shelf] = { name: String, owner?: String };
entity Crate in [Shelf] = { name: String };
type Asked = {
  a?: Long,
  b?: Bool,
  place?: Place,
  names: Set<String>,
  at: datetime,
  share?: decimal,
  who?: User,
  unread?: Set<Place>,
};
action "all";
action "moving" in ["all"];
action "open" in ["moving"] appliesTo { principal: [User, Robot], resource: [Box, Crate], context: Asked };
action "close" in ["moving"] appliesTo { principal: [User, Robot], resource: [Box, Crate], context: Asked };
action "look" in ["all"] appliesTo { principal: [User], resource: [Box], context: { a?: Long, b?: Bool, unread?: Long } };
`

const PRINCIPALS = [
  'principal',
  'principal is User',
  'principal is Robot',
  'principal == User::"u1"',
  'principal in Team::"t1"',
  'principal is User in Team::"t1"',
]
const ACTIONS = [
  'action',
  'action == Action::"open"',
  'action == Action::"look"',
  'action in Action::"moving"',
  'action in [Action::"moving", Action::"look"]',
  'action in Action::"all"',
]
const RESOURCES = [
  'resource',
  'resource is Box',
  'resource == Crate::"r1"',
  'resource in Shelf::"s1"',
]
/** Some err: what is missing, what overflows, what is no boolean. The sets are not validated, so that they may. */
const CONDITIONS = [
  'context.a > 1',
  'context.a * 9223372036854775807 > 1',
  'context has b && context.b',
  'context.b',
  'context.place.row == 1',
  'context has place.row && context.place.row > 1',
  'context.names.contains("n1")',
  'context.at < datetime("2026-06-01")',
  'context.share.lessThan(decimal("0.5"))',
  'context.who == principal',
  'context == {a: 1}',
  'resource.name == "n1"',
  'resource.owner == "o1"',
  'principal.name like "n*"',
  'resource in Shelf::"s1"',
  'action in Action::"moving"',
  'action in [Action::"look"]',
  'Action::"look" in Action::"all"',
  '[Action::"close"].contains(action)',
  'true',
  '1',
]

const policy = fc
  .record({
    effect: fc.constantFrom('permit', 'forbid', 'forbid', 'forbid'),
    head: fc.tuple(
      fc.constantFrom(...PRINCIPALS),
      fc.constantFrom(...ACTIONS),
      fc.constantFrom(...RESOURCES),
    ),
    clauses: fc.array(fc.tuple(fc.constantFrom('when', 'unless'), fc.constantFrom(...CONDITIONS)), {
      maxLength: 2,
    }),
  })
  .map(
    ({ effect, head, clauses }) =>
      `${effect} (${head.join(', ')}) ${clauses.map(([kind, text]) => `${kind} { ${text} }`).join(' ')};`,
  )
/** Half of them permit all; in half of them one head stands over very many policies. */
const policies = fc
  .tuple(
    fc.boolean(),
    fc.array(policy, { minLength: 1, maxLength: 8 }),
    fc.boolean(),
    fc.array(fc.constantFrom(...CONDITIONS), { minLength: 2, maxLength: 4 }),
  )
  .map(([open, all, many, over]) => [
    ...(open ? ['permit (principal, action, resource);'] : []),
    ...all,
    ...(many
      ? Array.from(
          { length: 70 },
          (_, at) =>
            `forbid (principal, action in Action::"moving", resource) when { context.a == ${100 + at} };`,
        )
      : []),
    ...(many
      ? over.map(
          (text) => `forbid (principal, action in Action::"moving", resource) when { ${text} };`,
        )
      : []),
  ])

const place = fc.record(
  { name: fc.constantFrom('n1', '\ud800', '__extn'), row: fc.constantFrom(1, 2, 2 ** 53, 0.5) },
  { requiredKeys: ['name'] },
)
const extension = (fn: string, ...args: string[]): fc.Arbitrary<object> =>
  fc.constantFrom(...args).map((arg) => ({ __extn: { fn, arg } }))
const right = fc.record(
  {
    a: fc.constantFrom(0, 1, 2),
    b: fc.boolean(),
    place: fc.constantFrom<object>({ name: 'n1' }, { name: 'n1', row: 1 }),
    names: fc.array(fc.constantFrom('n1', 'n2')),
    at: extension(
      'datetime',
      '2026-05-03T14:00:00.000Z',
      '2026-12-31T23:59:59.999Z',
      '2024-02-29T00:00:00.000Z',
      '2026-05-03',
    ),
    share: extension('decimal', '0.1', '-12.5000'),
    who: fc.constantFrom(...['u1', 'u2'].map((id) => ({ __entity: { type: 'User', id } }))),
    unread: fc.array(fc.constantFrom({ name: 'n1' }, { name: 'n2', row: 3 })),
  },
  { requiredKeys: ['names', 'at'] },
)
/** What does not fit the schema, somewhere or other. */
const wrong = fc.record(
  {
    names: fc.constantFrom<unknown>([1], 'n1', ['\udc00'], [['n1']], {}),
    at: fc.oneof(
      extension(
        'datetime',
        '2026-02-30T00:00:00.000Z',
        '2026-13-01T00:00:00.000Z',
        '2026-01-00T00:00:00.000Z',
        '2026-01-01T24:00:00.000Z',
        'x',
      ),
      extension('decimal', '0.1'),
      fc.constant('2026-05-03'),
    ),
    share: fc.oneof(
      extension('decimal', '1', '0.12345', '9999999999999999.1', '+0.1'),
      fc.constantFrom<unknown>(0.5, '0.5', null),
    ),
    who: fc.constantFrom<unknown>({ __entity: { type: 'Robot', id: 'u1' } }, 'u1'),
    unread: fc.oneof(
      fc.array(place),
      fc.constantFrom<unknown>([{}], [{ name: 'n1', more: 1 }], [null], [true]),
    ),
    other: fc.constant(1),
    a: fc.constantFrom<unknown>('1', true, 1.5, 2 ** 60),
    __extn: fc.constant({ fn: 'decimal', arg: '0.1' }),
  },
  { requiredKeys: [] },
)
const context = fc.oneof(
  { weight: 5, arbitrary: right },
  {
    weight: 3,
    arbitrary: fc.tuple(right, wrong).map(([one, over]) => {
      const [name] = Object.keys(over)
      return name === undefined ? one : { ...one, [name]: over[name as keyof typeof over] }
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(right, fc.constantFrom('names', 'at'))
      .map(([one, name]) =>
        Object.fromEntries(Object.entries(one).filter(([key]) => key !== name)),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      { a: fc.nat(2), b: fc.boolean(), unread: fc.constantFrom(1, '1') },
      { requiredKeys: [] },
    ),
  },
)

const request: fc.Arbitrary<Request> = fc
  .record({
    principal: fc.constantFrom('User', 'Robot', 'Box'),
    user: fc.constantFrom('u1', 'u2'),
    action: fc.constantFrom('open', 'open', 'close', 'look', 'moving', 'nothing'),
    type: fc.constantFrom('Box', 'Crate'),
    box: fc.constantFrom('r1', 'r2'),
    shelf: fc.constantFrom('s1', 's2'),
    team: fc.constantFrom('t1', 't2'),
    owner: fc.constantFrom<object>({}, { owner: 'o1' }),
    context,
  })
  .map((of): Request => {
    const principal = { type: of.principal, id: of.user }
    const resource = { type: of.type, id: of.box }
    return {
      principal,
      action: { type: 'Action', id: of.action },
      resource,
      context: of.context as Request['context'],
      entities: [
        {
          uid: resource,
          attrs: { name: 'n1', ...(of.type === 'Box' ? of.owner : {}) },
          parents: [{ type: 'Shelf', id: of.shelf }],
        },
        ...(of.principal === 'Box'
          ? []
          : [
              {
                uid: principal,
                attrs: { name: of.user },
                parents: [{ type: 'Team', id: of.team }],
              },
            ]),
      ],
    }
  })

/** Cedar's own call over the whole set, its whole schema and the request as it is; it throws where text is no text. */
function asked(of: Request): Evaluation | 'refused' {
  const answer = callOf(of)
  if (answer?.type !== 'success') return 'refused'
  const { decision, diagnostics } = answer.response
  const errors = diagnostics.errors.map(({ policyId, error }) => ({
    policy: policyId,
    message: error.message,
  }))
  return {
    decision: errors.length > 0 ? 'deny' : decision,
    determining: diagnostics.reason.toSorted(),
    errors: errors.toSorted((one, other) => (one.policy < other.policy ? -1 : 1)),
  }
}

function callOf(of: Request): bare.AuthorizationAnswer | undefined {
  try {
    return bare.statefulIsAuthorized({
      ...of,
      context: { ...of.context },
      entities: [...of.entities],
      preparsedPolicySetId: 'all',
      preparsedSchemaName: 'all',
      validateRequest: true,
    })
  } catch {
    return undefined
  }
}

function prepareAll(texts: readonly string[]): void {
  const staticPolicies = Object.fromEntries(texts.map((text, at) => [`policy${at}`, text]))
  const answers = [
    bare.preparsePolicySet('all', { staticPolicies }),
    bare.preparseSchema('all', SCHEMA),
  ]
  expect(answers.map(({ type }) => type)).toEqual(['success', 'success'])
}

function ours(set: PolicySet, of: Request): Evaluation | 'refused' {
  try {
    return authorize(set, of)
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_PARAMETER') return 'refused'
    throw error
  }
}

/** As it is where a set is known to have been validated: these could not be. */
function compile(texts: readonly string[]): PolicySet {
  return {
    ...compilePolicySet([
      { name: 'a.cedar', text: texts.map((text, at) => `@id("policy${at}") ${text}`).join('\n') },
    ]),
    schema: SCHEMA,
  }
}

const TIMEOUT_MS = 120_000

test(
  'what of a set can have a say answers as all of it does under its whole schema: decision, determining policies, errors, refusals',
  { timeout: TIMEOUT_MS },
  () => {
    const seen = { allow: 0, deny: 0, erred: 0, refused: 0 }
    fc.assert(
      fc.property(policies, fc.array(request, { minLength: 6, maxLength: 12 }), (texts, all) => {
        const set = compile(texts)
        prepareAll(texts)
        for (const of of all) {
          const expected = asked(of)
          // At first all of a large set is asked, and what of it can have a say from some time on.
          for (let left = Math.ceil(texts.length / 10); left > 0; left -= 1)
            expect(ours(set, of)).toEqual(expected)
          const answer = ours(set, of)
          expect(answer).toEqual(expected)
          if (answer === 'refused') seen.refused += 1
          else if (answer.errors.length > 0) seen.erred += 1
          else seen[answer.decision] += 1
        }
      }),
      { numRuns: 100 },
    )
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(10)
  },
)

/** How many policies at once the engine was handed meanwhile. */
function handed(work: () => void): number[] {
  return withCedar((cedar) => {
    const spy = vi.spyOn(cedar, 'preparsePolicySet')
    try {
      work()
      return spy.mock.calls.map(([, { staticPolicies = {} }]) => Object.keys(staticPolicies).length)
    } finally {
      spy.mockRestore()
    }
  })
}

const questions = ['open', 'close', 'look'].flatMap((action) =>
  ['Box', 'Crate'].map((type): Request => ({
    principal: { type: 'User', id: 'u1' },
    action: { type: 'Action', id: action },
    resource: { type, id: 'r1' },
    context: {
      a: 500,
      names: [],
      at: { __extn: { fn: 'datetime', arg: '2026-05-03T14:00:00.000Z' } },
      unread: [],
    },
    entities: [],
  })),
)

test('prepares nothing of a set for a kind of question until that was asked as often as it costs', () => {
  const set = compile(
    Array.from({ length: 60 }, (_, at) => {
      const action = ['open', 'close', 'look'][at % 3]
      return `forbid (principal, action == Action::"${action}", resource) when { context.a == ${at} };`
    }),
  )
  const [first] = questions

  const once = handed(() => questions.forEach((one) => ours(set, one)))
  const often = handed(() => Array.from({ length: 20 }, () => first && ours(set, first)))

  expect(once).toEqual([60])
  expect(often).toEqual([2])
})

/** What is true of one `a` alone, nested so often. */
const NESTED: readonly [title: string, of: (value: number, times: number) => string][] = [
  ['brackets', (value, n) => `${'('.repeat(n)}context.a == ${value}${')'.repeat(n)}`],
  [
    'lists',
    (value, n) => {
      const [open, close] = ['['.repeat(n), ']'.repeat(n)]
      return `${open}context.a${close} == ${open}${value}${close}`
    },
  ],
  ['sums', (value, n) => `context.a == ${value}${' + 0'.repeat(n)}`],
  ['conditions in a row', (value, n) => `context.a == ${value}${' && true'.repeat(n)}`],
  [
    'conditions in brackets',
    (value, n) => `${'true && ('.repeat(n)}context.a == ${value}${')'.repeat(n)}`,
  ],
  [
    'choices',
    (value, n) => `${'if true then '.repeat(n)}context.a == ${value}${' else false'.repeat(n)}`,
  ],
  [
    'records and their members',
    (value, n) => `context.a == ${'{a: '.repeat(n)}${value}${'}'.repeat(n)}${'.a'.repeat(n)}`,
  ],
]

test.each(NESTED)(
  'policies as deep as they may be answer when many are asked as one: %s',
  (_title, of) => {
    const depths = Array.from(
      { length: POLICY_DEPTH_LIMIT + 1 },
      (_, at) => POLICY_DEPTH_LIMIT - at,
    )
    const times = depths.find((depth) => findTooDeep(`when { ${of(99, depth)} }`) === undefined)
    const texts = Array.from(
      { length: 16 },
      (_, at) =>
        `forbid (principal, action == Action::"open", resource) when { ${of(at, times ?? 0)} };`,
    )
    const set = compile(texts)
    const [first] = questions
    const asking = { ...first, context: { ...first?.context, a: 15 } } as Request

    const groups = handed(() => {
      for (let left = 8; left > 0; left -= 1)
        expect(ours(set, asking)).toEqual({
          decision: 'deny',
          determining: ['policy15'],
          errors: [],
        })
    })

    expect(times).toBeGreaterThan(20)
    expect(groups).toEqual([16, 1, 16])
  },
)
