import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import type { Json } from '../../../services/model/index.ts'
import {
  checkPolicySet,
  diffPolicySets,
  parseCasesOf,
  parseSetDocument,
  parseYaml,
  readSetFiles,
  toSetDocument,
} from '../../../services/policy/index.ts'
import { authorizationSchema } from '../../support/authorization.ts'

const SCHEMA = readFileSync(
  new URL('../../../policies/schema.cedarschema', import.meta.url),
  'utf8',
)
const OPEN = '@id("all") permit (principal, action, resource);'
const casesYaml = (expect: string): string => `cases:
  - { name: one, action: 'lambda:UpdateAlias', resource: { type: Alias, function: f, name: prod }, expect: ${expect} }
`
const BY = { kind: 'admission', schema: SCHEMA } as const
const setOf = (policies: string, expect?: string) =>
  readSetFiles([
    { name: 'z.cedar', text: policies },
    { name: 'README.md', text: 'not a policy' },
    ...(expect === undefined ? [] : [{ name: 'cases.yaml', text: casesYaml(expect) }]),
  ])

test('takes the policies of a folder in order of their names, and the cases beside them', () => {
  const { files, cases } = readSetFiles([
    { name: 'b.cedar', text: 'b' },
    { name: 'cases.yaml', text: 'cases: [1]' },
    { name: 'a.cedar', text: 'a' },
  ])

  expect(files).toEqual([
    { name: 'a.cedar', text: 'a' },
    { name: 'b.cedar', text: 'b' },
  ])
  expect(cases).toEqual({ cases: [1] })
})

test('reads again what it keeps', () => {
  for (const source of [setOf(OPEN), setOf(OPEN, 'allow')])
    expect(parseSetDocument(toSetDocument(source))).toEqual(source)
})

test.each([
  ['no policy', () => readSetFiles([{ name: 'cases.yaml', text: 'cases: []' }]), 'no `.cedar`'],
  ['double keys', () => readSetFiles([{ name: 'a.cedar', text: '' }, { name: 'cases.yaml', text: 'a: 1\na: 2' }]), 'cases.yaml'],
  ['a list', () => parseSetDocument([]), 'mapping'],
  ['another form', () => parseSetDocument({ v: 2, files: [] }), 'form'],
  ['files that are none', () => parseSetDocument({ v: 1, files: {} }), 'form'],
  ['a file without a text', () => parseSetDocument({ v: 1, files: [{ name: 'a' }] as Json }), 'name and a text'],
] as const)('refuses a set with %s', (_what, read, message) => {
  expect(read).toThrow(message)
}) // prettier-ignore

test('holds a set against the schema and its cases', () => {
  const checked = checkPolicySet(setOf(OPEN, 'allow'), BY)

  expect(checked).toMatchObject({ policies: ['all'], report: { unexercised: [], absences: [] } })
  expect(() => checkPolicySet(setOf(OPEN, 'deny'), BY)).toThrow('`one`: expected deny')
  expect(() => checkPolicySet(setOf('permit ('), BY)).toThrow('z.cedar')
  expect(checkPolicySet(setOf(OPEN), BY).report.unexercised).toEqual(['all'])
})

test('tells what differs policy by policy, and every case of both under either', () => {
  const before = setOf(`${OPEN} @id("old") forbid (principal, action, resource) when { false };
    @id("same") permit (principal, action, resource);`, 'allow') // prettier-ignore
  const after = setOf(`@id("all") permit (principal, action, resource) when { true };
    @id("same") permit (principal, action, resource);
    @id("shut") forbid (principal, action, resource);`, 'deny') // prettier-ignore
  const diff = diffPolicySets(before, after, BY)

  expect(diff.removed.map(({ id }) => id)).toEqual(['old'])
  expect(diff.added.map(({ id }) => id)).toEqual(['shut'])
  expect(diff.changed).toMatchObject([{ id: 'all', after: expect.stringContaining('true') as string }]) // prettier-ignore
  // The same facts under the same name, whatever either set expects: told once.
  expect(diff.cases).toEqual([
    { name: 'one', before: 'allow by all, same', after: 'deny by shut', moved: true },
  ])
  expect(diffPolicySets(before, before, BY)).toMatchObject({
    added: [],
    removed: [],
    changed: [],
    cases: [{ moved: false }],
  })
})

test('takes the policies in order of their names in whatever order they are found', () => {
  const names = ['a.cedar', 'b.cedar', 'c.cedar']
  for (const order of [names, names.toReversed(), ['b.cedar', 'c.cedar', 'a.cedar']]) {
    const { files, cases } = readSetFiles(order.map((name) => ({ name, text: name })))

    expect(files).toEqual(names.map((name) => ({ name, text: name })))
    expect(cases).toBeNull()
  }
})

test('keeps the name and the text of every file, and the cases', () => {
  const source = { files: [{ name: 'a.cedar', text: 'a', more: 1 }], cases: { cases: [1] } }

  expect(toSetDocument(source)).toEqual({
    v: 1,
    files: [{ name: 'a.cedar', text: 'a' }],
    cases: { cases: [1] },
  })
  expect(parseSetDocument({ v: 1, files: [] })).toEqual({ files: [], cases: null })
})

test.each([
  ['nothing', null, 'a policy set is a mapping'],
  ['a text', 'permit', 'a policy set is a mapping'],
  ['a list', [], 'a policy set is a mapping'],
  ['no form', { files: [] }, 'this is no policy set of this form'],
  ['no files', { v: 1 }, 'this is no policy set of this form'],
  ['a file that is a text', { v: 1, files: ['a.cedar'] }, 'a policy set is a mapping'],
  ['a file without a name', { v: 1, files: [{ text: '' }] }, 'a file of a policy set has a name and a text'],
  ['a file whose text is none', { v: 1, files: [{ name: 'a', text: 1 }] }, 'a file of a policy set has a name and a text'],
] as [string, Json, string][])('refuses a kept set that is %s', (_what, document, message) => {
  const refusal = { code: 'INVALID_PARAMETER', message }
  expect(() => parseSetDocument(document)).toThrow(expect.objectContaining(refusal))
}) // prettier-ignore

test('refuses a folder without policies by saying so', () => {
  const refusal = {
    code: 'INVALID_PARAMETER',
    message: 'the policy set holds no `.cedar` file',
  }
  expect(() => readSetFiles([{ name: 'a.cedar.bak', text: '' }])).toThrow(
    expect.objectContaining(refusal),
  )
})

test.each([
  ['double keys', 'a: 1\na: 2', 'Map keys must be unique'],
  ['an alias', 'a: &x [1]\nb: *x', 'Alias'],
  ['a bracket left open', 'a: [1', 'line 1'],
])('refuses YAML with %s, in one line with its file', (_what, text, message) => {
  try {
    parseYaml({ name: 'cases.yaml', text })
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_PARAMETER', cause: expect.any(Error) as Error })
    expect((error as Error).message).toMatch(/^`cases\.yaml`: .+$/)
    expect((error as Error).message).toContain(message)
  }
})

test('reads YAML as JSON', () => {
  expect(parseYaml({ name: 'a', text: 'a: [1, x, null]\nb: { c: true }' })).toEqual({
    a: [1, 'x', null],
    b: { c: true },
  })
})

const ROLES = '@id("all") permit (principal, action, resource);'
const ACCESS = `cases:
  - { name: one, action: 'lambda:GetAlias', resource: { type: Alias, function: f, name: prod }, principal: { roles: [a] }, expect: allow }
`

test('cases are read by the question that their set answers', () => {
  const cases = parseYaml({ name: 'cases.yaml', text: ACCESS })
  const by = { kind: 'authorization', schema: authorizationSchema } as const
  const source = { files: [{ name: 'a.cedar', text: ROLES }], cases }

  expect(parseCasesOf('authorization', cases)).toHaveLength(1)
  expect(() => parseCasesOf('admission', cases)).toThrow('`principal` is not a text')
  expect(checkPolicySet(source, by)).toMatchObject({
    digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    policies: ['all'],
    warnings: [],
    report: { results: [{ name: 'one', passed: true }] },
  })
  expect(diffPolicySets(source, { ...source, cases: null }, by).cases).toMatchObject([
    { name: 'one', moved: false },
  ])
})

test('tells the first case that fails, how many more do, and all of them in the detail', () => {
  const cases = (...names: readonly string[]): Json => ({
    cases: names.map((name) => ({
      name,
      action: 'lambda:UpdateAlias',
      resource: { type: 'Alias', function: 'f', name: 'prod' },
      expect: name === 'good' ? 'allow' : 'deny',
    })),
  })
  const check = (...names: readonly string[]) =>
    checkPolicySet({ ...setOf(OPEN), cases: cases(...names) }, BY)
  const failed = (name: string) => ({ name, passed: false, expected: 'deny', got: 'allow' })

  expect(check('good').report.results).toHaveLength(1)
  expect(() => check('good', 'x')).toThrow(
    expect.objectContaining({
      code: 'INVALID_PARAMETER',
      message: 'a case of the policy set fails: `x`: expected deny, got allow',
      detail: { failedCases: [failed('x')] },
    }),
  )
  expect(() => check('x', 'good', 'y', 'z')).toThrow(
    expect.objectContaining({
      message: 'a case of the policy set fails: `x`: expected deny, got allow, and 2 more',
      detail: { failedCases: ['x', 'y', 'z'].map(failed) },
    }),
  )
})

test('says of a case what it comes to under a set that no policy of speaks, and why it does not fit the schema', () => {
  const never = setOf('@id("never") permit (principal, action, resource) when { context.leaving };')
  const open = setOf(OPEN, 'allow')
  const misfit = { ...open, cases: { cases: [{ name: 'odd', action: 'lambda:Invented', resource: { type: 'Layer', name: 'l' }, expect: 'deny' }] } } // prettier-ignore
  const [odd] = diffPolicySets(misfit, open, BY).cases

  expect(diffPolicySets(open, never, BY)).toMatchObject({
    before: checkPolicySet(open, BY).digest,
    after: checkPolicySet(never, BY).digest,
    cases: [{ name: 'one', before: 'allow by all', after: 'deny by no policy', moved: true }],
  })
  expect(diffPolicySets(never, never, BY).cases).toEqual([])
  expect(odd).toMatchObject({ name: 'odd', moved: false })
  expect(odd?.before).toContain('lambda:Invented')
  expect(odd?.after).toBe(odd?.before)
})

test('tells what differs with the texts of either set, and cases of one name that ask for other things apart', () => {
  const same = '@id("same") permit (principal, action, resource);'
  const before = setOf(`${same} @id("old") forbid (principal, action, resource) when { false };`, 'allow') // prettier-ignore
  const after = setOf(`${same} @id("new") forbid (principal, action, resource) when { false };`)
  const cases = { cases: ['f', 'g'].map((name) => ({ name: 'one', action: 'lambda:UpdateAlias', resource: { type: 'Alias', function: name, name: 'prod' }, expect: 'allow' })) } // prettier-ignore
  const diff = diffPolicySets(before, { ...after, cases }, BY)

  expect(diff.removed).toEqual([
    {
      id: 'old',
      text: '@id("old") forbid (principal, action, resource) when { false };',
    },
  ])
  expect(diff.added).toEqual([
    { id: 'new', text: '@id("new") forbid (principal, action, resource) when { false };' },
  ])
  expect(diff.changed).toEqual([])
  expect(diff.cases.map(({ name }) => name)).toEqual(['one', 'one'])
})
