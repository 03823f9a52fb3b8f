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

const misfit = (more: Record<string, Json>): Json => {
  const [good] = (one({}) as { cases: Json[] }).cases
  return { cases: [good as Json, { ...(good as Record<string, Json>), ...more }] }
}
const KINDS = 'Function, Alias, Layer, CodeSigningConfig, Publisher, PolicySet or Object'

test.each([
  ['is no mapping', null, 'the cases file is not a mapping'],
  ['is a list', [], 'the cases file is not a mapping'],
  ['is no list', { cases: null }, '`cases` is not a list of 1 to 5000 cases'],
  ['has too many', { cases: Array(5_001).fill(null) }, '`cases` is not a list of 1 to 5000 cases'],
  ['holds a text', { cases: ['a case'] }, 'case 1 is not a mapping'],
  ['has an empty name', misfit({ name: '' }), 'case 2: `name` is not a text'],
  ['has an action of no name', misfit({ action: '' }), 'case 2: `action` is not a text'],
  ['has a principal that is no text', misfit({ principal: {} }), 'case 2: `principal` is not a text'],
  ['has a list for its context', misfit({ context: [] }), 'case 2: `context` is not a mapping'],
  ['has no resource', misfit({ resource: null }), 'case 2: `resource` is not a mapping'],
  ['is about nothing known', misfit({ resource: { type: 'User', name: 'a' } }), `case 2: a resource is a ${KINDS}`],
  ['has no name for a thing', misfit({ resource: { type: 'Layer' } }), "case 2: the resource's name is not a text"],
  ['decides by a number', misfit({ determining: [1] }), 'case 2: an id in `determining` is not a text'],
  ['decides by a text', misfit({ determining: 'all' }), 'case 2: `determining` is not a list'],
  ['expects a warning', misfit({ expect: 'warn' }), 'case 2: `expect` is `allow` or `deny`'],
  ['knows more', misfit({ tags: {} }), 'case 2 has the unknown member `tags`'],
] as [string, Json, string][])('says of a document that %s which case and what', (_what, document, message) => {
  const refusal = { code: 'INVALID_PARAMETER', message: expect.stringContaining(message) as string }
  expect(() => parseCases(document)).toThrow(expect.objectContaining(refusal))
}) // prettier-ignore

test('takes as many cases as there may be', () => {
  const { cases } = one({}) as { cases: Json[] }
  expect(parseCases({ cases: Array(5_000).fill(cases[0]) as Json[] })).toHaveLength(5_000)
})

test.each([
  [{ type: 'Function', name: 'f' }, 'Function', 'f'],
  [{ type: 'Alias', function: 'f', name: 'prod' }, 'Alias', 'f:prod'],
  [{ type: 'Layer', name: 'l' }, 'Layer', 'l'],
  [{ type: 'CodeSigningConfig', id: 'csc-0123456789abcdef0' }, 'CodeSigningConfig', 'csc-0123456789abcdef0'],
  [{ type: 'Publisher', name: 'ci' }, 'Publisher', 'ci'],
  [{ type: 'PolicySet', name: 'admission' }, 'PolicySet', 'admission'],
  [{ type: 'Object', id: 'principal/usr-a' }, 'Object', 'principal/usr-a'],
] as [Json, string, string][])('asks of %o what the gate would be asked', (resource, type, id) => {
  expect(parseCases(one({ resource }))[0]?.request.resource).toEqual({ type: `Lacre::${type}`, id })
}) // prettier-ignore

test('asks for whom a case names, otherwise for alice', () => {
  const askers = [one({}), one({ principal: 'bob' })].map((document) => {
    const { principal, entities } = parseCases(document)[0]?.request ?? {}
    return { principal, entity: entities?.[0] }
  })

  for (const [at, id] of ['alice', 'bob'].entries())
    expect(askers[at]).toEqual({
      principal: { type: 'Lacre::User', id },
      entity: { uid: { type: 'Lacre::User', id }, attrs: { name: id }, parents: [] },
    })
})

/** What is good in a case that says nothing of it; each by itself, so that a failure names it. */
const GOOD = [
  'context.now == datetime("2026-06-01T12:00:00.000Z")',
  'context.verdict == "trusted" && context.untrusted.isEmpty()',
  'context.publishers == ["ci"] && context.signers == 1',
  'context.publisherVersions == ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/ci/AAAAAAAAAA"]',
  'context.signing.attached && context.signing.enforced',
  'context.approvals.count == 2 && context.approvals.apartFromBoth == 2 && context.approvals.apartFromSigner == 2',
  'context.approvals.apartFromDeployer == 2 && context.approvals.share == decimal("1.0")',
  '!context.principalIsSigner && !context.breakGlass && !context.leaving',
  'context.change.exposes == decimal("0.0") && !(context.change has weight)',
  'context.isolation == "full" && context.loaderVariables.isEmpty() && context.noteworthyPaths.isEmpty()',
  'context.reach == "aliases" && context.counter == 1',
  'context.floor.required && context.floor.met && context.floor.counter == 1',
  '!context.freeze.active && context.freeze.names.isEmpty()',
  'context.promotion.required && context.promotion.met && context.promotion.from == "staging"',
  'context.promotion.soakedHours == 24',
]

test.each(GOOD)('a case that says nothing of it has %s', (condition) => {
  // As it is where a set is known to have been validated: what a schema makes optional need not be asked for here.
  const set = compilePolicySet([
    { name: 'a.cedar', text: `permit (principal, action, resource) when { ${condition} };` },
  ])

  expect(runCases({ ...set, schema }, parseCases(one({}))).results).toMatchObject([
    { passed: true },
  ])
})

test('what a case says of a change or of approvals leaves the rest of them as it is', () => {
  const set = compile(`@id("all") permit (principal, action, resource) when {
    context.change has weight && context.change.weight == decimal("0.5") &&
    context.change.exposes == decimal("0.0") && context.verdict == "untrusted" };
    @id("share") forbid (principal, action, resource) unless { context.approvals.share == decimal("0.25") };
    @id("none") forbid (principal, action, resource) unless { context.approvals.count == 1 };`)
  const approvals = { count: 1, apartFromDeployer: 1, apartFromSigner: 1, apartFromBoth: 1 }
  const context = {
    verdict: 'untrusted',
    change: { weight: 0.5 },
    approvals: { ...approvals, share: 0.25 },
  }

  expect(runCases(set, parseCases(one({ context }))).results).toMatchObject([{ passed: true }])
})

test('reads what a change exposes and a share as Cedar has them, however many digits they have', () => {
  const set = compile(`permit (principal, action, resource) when {
    context.change.exposes == decimal("0.3333") };`)

  expect(
    runCases(set, parseCases(one({ context: { change: { exposes: 1 / 3 } } }))).results,
  ).toMatchObject([{ passed: true }])
})

test('what of a case does not fit the schema is refused when it is run', () => {
  const set = compile('permit (principal, action, resource);')
  const contexts: Json[] = [
    { now: 3 },
    { now: 'yesterday' },
    { change: 'all' },
    { change: { weight: 'half' } },
    { approvals: 2 },
    { approvals: { count: 1, share: '1' } },
    { more: true },
  ]

  for (const context of contexts)
    expect(() => runCases(set, parseCases(one({ context })))).toThrow('the request')
})

test('tells which policy errs in a case, and of several policies each', () => {
  const set = {
    ...compilePolicySet([
      {
        name: 'x.cedar',
        text: `@id("b") permit (principal, action, resource); @id("a") permit (principal, action, resource);
          @id("sum") forbid (principal, action, resource) when { context.counter * 9223372036854775807 > 1 };`,
      },
    ]),
  }
  const more = { expect: 'deny', context: { counter: 2 } }
  const [bare, named] = [one(more), one({ ...more, determining: ['b', 'a'] })].map(
    (document) => runCases(set, parseCases(document)).results[0],
  )

  expect(bare).toMatchObject({ passed: false, expected: 'deny' })
  expect(bare?.got).toMatch(/^deny; `sum` errs: .*overflow/)
  expect(named).toMatchObject({ passed: false, expected: 'deny by a, b' })
  expect(named?.got).toMatch(/^deny by a, b; `sum` errs: /)
})

test('says where no policy decides', () => {
  const set = compile('@id("never") permit (principal, action, resource) when { context.leaving };')
  const cases = parseCases(one({ determining: ['never'] }))

  expect(runCases(set, cases)).toEqual({
    results: [
      { name: 'a case', passed: false, expected: 'allow by never', got: 'deny by no policy' },
    ],
    unexercised: ['never'],
    absences: [],
  })
  expect(runCases(set, parseCases(one({ expect: 'deny', determining: [] }))).results).toMatchObject(
    [{ passed: true, expected: 'deny by no policy' }],
  )
})

/** Every fact that is taken away is tried: a set may look at the context as a whole. */
test.each([
  ['as a whole', 'context == context && context has note && context.note == "bad"', ['note']],
  ['in one of its members', 'context has note && context.note == "bad"', ['note']],
  ['at a member around it', 'context has pair && context.pair == {x: 1}', ['pair']],
  ['at a member in it', 'context has deep && context.deep has a && context.deep.a == 1', ['deep', 'deep.a']],
  ['at a path of members', 'context has deep.a && context.deep.a == 1', ['deep', 'deep.a']],
  ['in brackets', '{c: context has note && context.note == "bad"} == {c: true}', ['note']],
] as [string, string, string[]][])('finds what is better absent where a policy looks at the context %s', (_what, condition, found) => {
  const text = `@id("all") permit (principal, action, resource);
    @id("no") forbid (principal, action, resource) when { ${condition} };`
  const set = compilePolicySet([{ name: 'x.cedar', text }], `entity User; entity Box;
    action open appliesTo { principal: [User], resource: [Box],
      context: { note?: String, deep?: { a?: Long }, pair?: { x: Long }, must: Long, time?: datetime } };`)
  const request = {
    principal: { type: 'User', id: 'alice' },
    action: { type: 'Action', id: 'open' },
    resource: { type: 'Box', id: 'b' },
    entities: [],
    context: { note: 'bad', deep: { a: 1 }, pair: { x: 1 }, must: 1, time: { __extn: { fn: 'datetime', arg: '2026-06-01' } } },
  }
  const one = { name: 'bad', expect: 'deny', determining: ['no'], request } as const

  expect(runCases(set, [one]).absences.map(({ attribute }) => attribute)).toEqual(found)
  expect(runCases(set, [{ ...one, request: { ...request, context: { must: 1 } } }]).absences).toEqual([])
}) // prettier-ignore

test.each([
  ['the context as a whole', 'context == {note: "bad", deep: {a: 1}}', ['note', 'deep', 'deep.a']],
  ['a member as a whole', 'context has deep && context.deep == {a: 1}', ['deep', 'deep.a']],
  ['nothing of it', 'principal is User', []],
] as [string, string, string[]][])('takes away what is in it where a policy compares %s', (_what, condition, found) => {
  const text = `@id("all") permit (principal, action, resource);
    @id("no") forbid (principal, action, resource) when { ${condition} };`
  const request = {
    principal: { type: 'User', id: 'alice' },
    action: { type: 'Action', id: 'open' },
    resource: { type: 'Box', id: 'b' },
    entities: [],
    context: { note: 'bad', deep: { a: 1 } },
  }
  const cases = [{ name: 'bad', expect: 'deny', determining: ['no'], request }] as const
  const { absences, results } = runCases(compilePolicySet([{ name: 'x.cedar', text }]), cases)

  expect(results).toMatchObject([{ passed: true }])
  expect(absences.map(({ attribute }) => attribute)).toEqual(found)
}) // prettier-ignore

test('what is allowed with a fact and without it is no better for its absence', () => {
  const set = compile(`@id("all") permit (principal, action, resource);
    @id("canary") forbid (principal, action, resource)
      when { context.change has weight && context.change.weight.greaterThan(decimal("0.1")) };`)
  const cases = parseCases(one({ context: { change: { weight: 0.05 } } }))

  expect(runCases(set, cases)).toMatchObject({ results: [{ passed: true }], absences: [] })
})
