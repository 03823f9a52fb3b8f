import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import type { Json } from '../../../services/model/index.ts'
import {
  checkPolicySet,
  diffPolicySets,
  parseSetDocument,
  readSetFiles,
  toSetDocument,
} from '../../../services/policy/index.ts'

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
