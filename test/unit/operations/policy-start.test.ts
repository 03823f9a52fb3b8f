import { expect, test } from 'vitest'

import { nextAtStart } from '../../../services/operations/policy-start.ts'
import { compilePolicySet, type PolicySetSource } from '../../../services/policy/index.ts'

const SCHEMA = 'entity U; entity R; action go appliesTo { principal: [U], resource: [R] };'
const NEWER = `${SCHEMA} action come appliesTo { principal: [U], resource: [R] };`
const source = (text: string): PolicySetSource => ({
  files: [{ name: 'a.cedar', text }],
  cases: null,
})
const OPEN = source('@id("open") permit (principal, action, resource);')
const SHUT = source('@id("shut") forbid (principal, action, resource);')
const OWN = source('@id("own") permit (principal, action, resource);')
const shippedBy = (schema: string) => ({
  schema,
  sets: new Map([
    ['default', OPEN],
    ['strict', SHUT],
  ]),
  validated: new Map<string, string>(),
})
const digestOf = ({ files }: PolicySetSource, schema = SCHEMA) =>
  compilePolicySet(files, schema).digest

/** As it was recorded under SCHEMA. */
function known(
  name: string,
  of: PolicySetSource,
  { how = 'shipped' as 'shipped' | 'applied' | 'rolled-back', schema = SCHEMA, fault = '' } = {},
) {
  const digest = digestOf(of)
  const set = fault === '' ? compilePolicySet(of.files, schema) : { digest, fault }
  const record = {
    kind: 'admission' as const,
    version: 3,
    name,
    digest,
    schemaSha256: 's',
    document: 'd',
    how,
    ofVersion: undefined,
    appliedAtMs: 1,
    principalId: 'p',
    decisionId: undefined,
  }
  return { record, set }
}
const at = (now: ReturnType<typeof known> | undefined, named?: string, schema = SCHEMA) =>
  nextAtStart(now, { shipped: shippedBy(schema), named })

test('the first start takes the set that is named, or else the first that comes with the program', () => {
  expect(at(undefined)).toMatchObject({ name: 'default', how: 'shipped', text: OPEN })
  expect(at(undefined, 'strict')).toMatchObject({ name: 'strict', text: SHUT })
})

test('what is in force stays where nothing else is named', () => {
  expect(at(known('default', OPEN))).toBeUndefined()
  expect(at(known('strict', SHUT))).toBeUndefined()
  expect(at(known('own', OWN, { how: 'applied' }))).toBeUndefined()
  expect(at(known('default', OPEN), 'default')).toBeUndefined()
})

test('a set that is named takes the place of another, and of an own one', () => {
  expect(at(known('default', OPEN), 'strict')).toMatchObject({ name: 'strict' })
  expect(at(known('own', OWN, { how: 'applied' }), 'default')).toMatchObject({ name: 'default' })
})

test('a shipped set follows the program: another text or schema is another version', () => {
  expect(at(known('default', SHUT))).toMatchObject({ name: 'default', text: OPEN })
  expect(at(known('default', OPEN, { schema: NEWER }), undefined, NEWER)).toMatchObject({
    name: 'default',
    digest: digestOf(OPEN, NEWER),
  })
})

test('an own set keeps its text under a newer schema, as a version of its own', () => {
  const now = known('own', OWN, { how: 'applied', schema: NEWER })

  expect(at(now, undefined, NEWER)).toEqual({
    name: 'own',
    digest: digestOf(OWN, NEWER),
    how: 'applied',
    ofVersion: 3,
    text: { document: 'd' },
  })
})

test('a set that cannot be used stays, to be seen, until the operator names one', () => {
  const broken = known('default', OPEN, { fault: 'damaged' })
  const own = known('own', OWN, { how: 'applied', fault: 'damaged' })

  expect(at(broken)).toBeUndefined()
  expect(at(own)).toBeUndefined()
  expect(at(broken, 'default')).toMatchObject({ name: 'default', text: OPEN })
  expect(at(own, 'strict')).toMatchObject({ name: 'strict' })
})
