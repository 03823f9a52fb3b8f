import { describe, expect, test } from 'vitest'

import type { Facts, Principal, Sha256, SubjectFacts } from '../../../services/model/index.ts'
import { toAdmissionRequest, toResource } from '../../../services/policy/admission.ts'

/** What policies are told of a change, in the words of the schema. */

const digest = 'ab'.repeat(32) as Sha256
const ACCOUNT = 'us-east-1:000000000000'
const LAMBDA = `arn:aws:lambda:${ACCOUNT}`
const SIGNER = `arn:aws:signer:${ACCOUNT}`

describe('a name', () => {
  const entity = (type: string, id: string, attrs: object, parents: readonly object[] = []) => ({
    uid: { type: `Lacre::${type}`, id },
    attrs,
    parents,
  })
  const shop = entity('Function', 'shop', { name: 'shop' })
  const alias = (name: string) =>
    entity('Alias', `shop:${name}`, { name, functionName: 'shop' }, [shop.uid])

  test.each([
    [`${LAMBDA}:function:shop`, [shop]],
    [`${LAMBDA}:function:shop:7`, [shop]],
    [`${LAMBDA}:function:shop:42`, [shop]],
    [`${LAMBDA}:function:shop:$LATEST`, [shop]],
    [`${LAMBDA}:function:shop:prod`, [alias('prod'), shop]],
    [`${LAMBDA}:function:shop:v7`, [alias('v7'), shop]],
    [`${LAMBDA}:function:shop:7v`, [alias('7v'), shop]],
    [`${LAMBDA}:layer:base`, [entity('Layer', 'base', { name: 'base' })]],
    [`${LAMBDA}:layer:base:3`, [entity('Layer', 'base', { name: 'base' })]],
    [`${LAMBDA}:code-signing-config:csc-1`, [entity('CodeSigningConfig', 'csc-1', {})]],
    [`${SIGNER}:/signing-profiles/ci_1/AAAAAAAAAA`, [entity('Publisher', 'ci_1', { name: 'ci_1' })]],
    ['lacre:policy-set/admission', [entity('PolicySet', 'admission', { kind: 'admission' })]],
  ])('%s is told by what it stands for', (arn, entities) => {
    expect(toResource(arn)).toEqual({ id: entities[0]?.uid, entities })
  }) // prettier-ignore

  test.each([
    '*',
    'arn:aws:signer',
    `${LAMBDA}:function`,
    `${LAMBDA}:layer`,
    `${LAMBDA}:code-signing-config`,
    `${LAMBDA}:event-source-mapping:uuid`,
    `arn:aws:s3:${ACCOUNT}:function:shop`,
    `arn:aws:s3:${ACCOUNT}:layer:base`,
    `arn:aws:s3:${ACCOUNT}:code-signing-config:csc-1`,
    `${LAMBDA}:/signing-profiles/ci`,
    `${SIGNER}:/signing-profiles/`,
    `${SIGNER}:/signing-profiles/-`,
    `${SIGNER}:/x/signing-profiles/ci`,
    'lacre:policy-set/',
    'lacre:policy-set/admission/x',
    'lacre:policy-set/--',
    'x lacre:policy-set/admission',
  ])('%s is an object, by its whole name', (arn) => {
    const uid = { type: 'Lacre::Object', id: arn }

    expect(toResource(arn)).toEqual({ id: uid, entities: [{ uid, attrs: {}, parents: [] }] })
  })
})

interface SealShape {
  readonly name: string | undefined
  readonly outcome?: string
}
function subject(
  kind: string,
  more: { readonly verdict?: string; readonly signers?: number; readonly seals?: readonly SealShape[] } = {},
): SubjectFacts {
  const seals = (more.seals ?? []).map(({ name, outcome = 'trusted' }) => ({
    digest, counter: '0', outcome, publisher: name === undefined ? undefined : { name, arn: `arn:${name}` },
  }))
  return {
    kind, arn: `${LAMBDA}:${kind}:x`, codeSha256: digest, sha256: digest, tree: digest,
    verdict: {
      kind: more.verdict ?? 'trusted', seals, findings: [], validUntilMs: undefined,
      ...(more.signers !== undefined && { signers: more.signers }),
    },
  } as unknown as SubjectFacts
} // prettier-ignore
const user: Principal = { id: 'usr-1', kind: 'user', name: 'dora', roles: [], claims: {} }

function facts(change: Partial<Facts> = {}): Facts {
  return {
    v: 1,
    at: '2026-06-01T12:00:00.000Z',
    world: 1,
    validUntil: null,
    principal: user,
    action: 'lambda:UpdateAlias',
    resource: `${LAMBDA}:function:shop:prod`,
    release: digest,
    change: { from: null, to: null },
    subjects: [],
    signingConfig: null,
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
    ...change,
  }
}
const context = (change: Partial<Facts> = {}) => toAdmissionRequest(facts(change)).context

describe('who asks', () => {
  test.each([
    ['user', 'User'],
    ['workload', 'Workload'],
  ] as const)('is told as a %s with name and roles', (kind, type) => {
    const principal = { ...user, kind, roles: ['deployer', 'auditor'] }
    const uid = { type: `Lacre::${type}`, id: 'usr-1' }
    const parents = ['deployer', 'auditor'].map((id) => ({ type: 'Lacre::Role', id }))

    const request = toAdmissionRequest(facts({ principal }))
    expect(request).toMatchObject({
      principal: uid,
      action: { type: 'Lacre::Action', id: 'lambda:UpdateAlias' },
      resource: { type: 'Lacre::Alias', id: 'shop:prod' },
    })
    expect(request.entities).toEqual([
      { uid, attrs: { name: 'dora' }, parents },
      ...toResource(facts().resource).entities,
    ])
  })
})

describe('what would run', () => {
  test('is told by its worst verdict, and by name what is not trusted', () => {
    const worst = (...kinds: readonly string[]) =>
      context({ subjects: kinds.map((verdict) => subject('function', { verdict })) })['verdict']

    expect(worst('trusted', 'unsigned', 'untrusted', 'tampered')).toBe('tampered')
    expect(worst('trusted', 'unsigned', 'untrusted')).toBe('untrusted')
    expect(worst('trusted', 'unsigned')).toBe('unsigned')
    expect(worst('trusted', 'trusted')).toBe('trusted')
    expect(worst()).toBe('none')
    const subjects = [subject('layer', { verdict: 'unsigned' }), subject('function')]
    expect(context({ subjects })).toMatchObject({ untrusted: [`${LAMBDA}:layer:x`] })
  })

  test('has behind it who is trusted for function and every layer, each named once and in order', () => {
    const sealed = (kind: string, ...names: readonly string[]) =>
      subject(kind, { seals: names.map((name) => ({ name })) })
    const subjects = [sealed('function', 'qa', 'ci', 'dev', 'ci'), sealed('layer', 'dev', 'ci', 'qa')]
    const more = [...subjects, sealed('layer', 'ci', 'qa')]

    expect(context({ subjects: more })).toMatchObject({
      publishers: ['ci', 'qa'],
      publisherVersions: ['arn:ci', 'arn:qa'],
    })
    expect(context({ subjects: [...subjects, sealed('layer')] })).toMatchObject({ publishers: [] })
    expect(context()).toMatchObject({ publishers: [], publisherVersions: [] })
  }) // prettier-ignore

  test('has behind it nobody whose seal is not trusted, or that no publisher knows', () => {
    const seals = [{ name: 'ci', outcome: 'untrusted' }, { name: undefined }, { name: 'qa' }]

    expect(context({ subjects: [subject('function', { seals })] })).toMatchObject({
      publishers: ['qa'],
    })
  })

  test.each([
    ['the fewest of all', [subject('function', { signers: 3 }), subject('layer', { signers: 2 })], 2],
    ['none where one is not counted', [subject('function', { signers: 3 }), subject('layer')], 0],
    ['none where nothing would run', [], 0],
  ])('has as many signers as %s', (_what, subjects, signers) => {
    expect(context({ subjects })).toMatchObject({ signers })
  }) // prettier-ignore
})

test.each([
  [null, { attached: false, enforced: false }],
  ['Warn', { attached: true, enforced: false }],
  ['Enforce', { attached: true, enforced: true }],
] as const)('a code signing config of %s is told', (policy, signing) => {
  const signingConfig = policy === null ? null : { arn: 'arn', policy, allowedPublishers: [] }

  expect(context({ signingConfig })).toMatchObject({ signing })
})

test('tells of the change what is known of it, and nothing else', () => {
  const exposes = { __extn: { fn: 'decimal', arg: '0.0000' } }
  const half = { __extn: { fn: 'decimal', arg: '0.5000' } }

  expect(context()['change']).toEqual({ exposes })
  expect(context({ change: { from: '1', to: '2' } })['change']).toEqual({ from: '1', to: '2', exposes }) // prettier-ignore
  expect(context({ change: { from: null, to: '2', weight: 0.5 } })['change']).toEqual({ to: '2', weight: half, exposes }) // prettier-ignore
})

test('tells what loads code by itself, how functions are kept apart, and the time', () => {
  const change = { loaderVariables: ['NODE_OPTIONS'], noteworthyPaths: ['extensions/a'] }

  expect(context({ ...change, isolation: 'partial' })).toMatchObject({
    ...change,
    isolation: 'partial',
    now: { __extn: { fn: 'datetime', arg: '2026-06-01T12:00:00.000Z' } },
  })
})
