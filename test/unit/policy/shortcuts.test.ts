import fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  authorize,
  compilePolicySet,
  remembering,
  type Evaluation,
  type PolicySet,
  type Request,
} from '../../../services/policy/index.ts'

/** Conditions of every kind that can be true, false, or err: members that are missing, numbers that overflow, no boolean. */
const CONDITIONS = [
  'context.a > 1',
  'context.a * 9223372036854775807 > 1',
  'context has b && context.b',
  'context.b',
  'context.deep has x.y',
  'context.deep.x.y == 1',
  'context == {a: 1}',
  'resource.name == "n1"',
  'resource has owner && resource.owner == "o1"',
  'resource == Box::"r1"',
  'resource in Shelf::"s1"',
  'resource is Box',
  'resource is Box in Shelf::"s1"',
  '[resource].contains(Box::"r2")',
  'principal in Team::"t1"',
  'principal.name like "n*"',
  'principal == resource',
  'if context.a > 1 then context.b else resource.name == "n2"',
  'action == Action::"open"',
  'true',
  'false',
  '1',
]
const HEADS = [
  '(principal, action, resource)',
  '(principal, action == Action::"open", resource)',
  '(principal, action == Action::"close", resource)',
  '(principal is User, action, resource is Box)',
  '(principal == User::"u1", action, resource)',
  '(principal in Team::"t1", action, resource in Shelf::"s1")',
]

const clause = fc
  .tuple(fc.constantFrom('when', 'unless'), fc.constantFrom(...CONDITIONS))
  .map(([kind, condition]) => `${kind} { ${condition} }`)
const policy = fc
  .tuple(
    fc.constantFrom('permit', 'forbid', 'forbid', 'forbid'),
    fc.constantFrom(...HEADS),
    fc.array(clause, { maxLength: 2 }),
  )
  .map(([effect, head, clauses]) => `${effect} ${head} ${clauses.join(' ')};`)
/** Half of them permit all, so that it depends on those that forbid. */
const policies = fc
  .tuple(fc.boolean(), fc.array(policy, { minLength: 1, maxLength: 7 }))
  .map(([open, all]) => [...(open ? ['permit (principal, action, resource);'] : []), ...all])

type Deep = Record<string, Record<string, number>>

const request: fc.Arbitrary<Request> = fc
  .record({
    user: fc.constantFrom('u1', 'u2'),
    box: fc.constantFrom('r1', 'r2'),
    action: fc.constantFrom('open', 'close'),
    name: fc.constantFrom('n1', 'n2'),
    owner: fc.option(fc.constantFrom('o1', 'o2'), { nil: undefined }),
    shelf: fc.constantFrom('s1', 's2'),
    team: fc.constantFrom('t1', 't2'),
    context: fc.record(
      {
        a: fc.constantFrom(0, 1, 2),
        b: fc.boolean(),
        deep: fc.constantFrom<Deep>({}, { x: {} }, { x: { y: 1 } }, { x: { y: 2 } }),
        unread: fc.nat(3),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ user, box, action, name, owner, shelf, team, context }): Request => {
    const resource = { type: 'Box', id: box }
    const principal = { type: 'User', id: user }
    return {
      principal,
      action: { type: 'Action', id: action },
      resource,
      context: context as Request['context'],
      entities: [
        {
          uid: resource,
          attrs: { name, ...(owner !== undefined && { owner }) },
          parents: [{ type: 'Shelf', id: shelf }],
        },
        { uid: principal, attrs: { name: user }, parents: [{ type: 'Team', id: team }] },
      ],
    }
  })

const compile = (texts: readonly string[]): PolicySet =>
  compilePolicySet([{ name: 'a.cedar', text: texts.join('\n') }])

const singles = new Map<string, PolicySet>()
function alone(text: string): PolicySet {
  const set = singles.get(text) ?? compile([text])
  singles.set(text, set)
  return set
}

/** Each policy asked for itself, in a set of its own: what can have been merged with nothing. */
function oneByOne(texts: readonly string[], of: Request): Evaluation {
  const permits: string[] = []
  const forbids: string[] = []
  const errors: string[] = []
  for (const [at, text] of texts.entries()) {
    const id = `policy${at}`
    const isForbid = text.startsWith('forbid')
    const {
      decision,
      determining,
      errors: erred,
    } = authorize(alone(isForbid ? text.replace('forbid', 'permit') : text), of)
    if (erred.length > 0) errors.push(id)
    else if (decision === 'allow' && determining.length === 1)
      (isForbid ? forbids : permits).push(id)
  }
  const allowed = forbids.length === 0 && permits.length > 0
  return {
    decision: allowed && errors.length === 0 ? 'allow' : 'deny',
    determining: (forbids.length > 0 ? forbids : permits).toSorted(),
    errors: errors.toSorted().map((one) => ({ policy: one, message: '' })),
  }
}

const withoutMessages = ({ errors, ...rest }: Evaluation): Evaluation => ({
  ...rest,
  errors: errors
    .map(({ policy: id }) => ({ policy: id, message: '' }))
    .toSorted((one, other) => (one.policy < other.policy ? -1 : 1)),
})

const TIMEOUT_MS = 60_000

test(
  'a set answers as its policies do one by one, whichever of them share a head, err or are no boolean',
  { timeout: TIMEOUT_MS },
  () => {
    let allowed = 0
    fc.assert(
      fc.property(policies, request, (texts, of) => {
        const answer = withoutMessages(authorize(compile(texts), of))
        expect(answer).toEqual(oneByOne(texts, of))
        if (answer.decision === 'allow' && texts.length > 2) allowed += 1
      }),
      { numRuns: 120 },
    )
    expect(allowed).toBeGreaterThan(3)
  },
)

test('what is remembered is what would have been answered', { timeout: TIMEOUT_MS }, () => {
  let remembered = 0
  fc.assert(
    fc.property(policies, fc.array(request, { minLength: 8, maxLength: 16 }), (texts, all) => {
      const set = compile(texts)
      let asked = 0
      const ask = remembering((of, one) => {
        asked += 1
        return authorize(of, one)
      })
      for (const one of all)
        expect(withoutMessages(ask(set, one))).toEqual(withoutMessages(authorize(set, one)))
      remembered += all.length - asked
    }),
    { numRuns: 50 },
  )
  expect(remembered).toBeGreaterThan(5)
})

test.each([
  ['nothing of it', 'forbid (principal, action, resource) when { context.a > 1 };', 1],
  ['an attribute', 'forbid (principal, action, resource) when { resource.name == "n1" };', 2],
  ['all of it', 'forbid (principal, action, resource) when { resource == Box::"r1" };', 4],
])('requests that differ in what a set looks at, %s, are asked apart', (_what, text, times) => {
  const set = compile(['permit (principal, action, resource);', text])
  let asked = 0
  const ask = remembering((of, one) => {
    asked += 1
    return authorize(of, one)
  })

  for (const id of ['r1', 'r2'])
    for (const name of ['n1', 'n2'])
      ask(set, {
        principal: { type: 'User', id: 'u1' },
        action: { type: 'Action', id: 'open' },
        resource: { type: 'Box', id },
        context: { a: 1 },
        entities: [{ uid: { type: 'Box', id }, attrs: { name }, parents: [] }],
      })

  expect(asked).toBe(times)
})
