import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type {
  ApprovalFacts,
  ApproverFacts,
  ExceptionFacts,
  ExceptionScope,
  Facts,
  SealRule,
  Sha256,
} from '../../../services/model/index.ts'
import { compilePolicySet, decide } from '../../../services/policy/index.ts'
import { approvalContext, approvalCounts } from '../../../services/policy/approvals.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'

const duties = loadShippedPolicies('separation-of-duties')
const AT = Date.parse('2026-06-01T12:00:00.000Z')
const iso = (offsetMs: number): string => new Date(AT + offsetMs).toISOString()
const A = 'aa'.repeat(32) as Sha256
const B = 'bb'.repeat(32) as Sha256
const CODE = 'arn:aws:lambda:us-east-1:000000000000:function:shop:2'
const LAYER = 'arn:aws:lambda:us-east-1:000000000000:layer:base:1'
const RULES = ['integrity', 'mismatch', 'expiry', 'revocation'] as const

const person = (principal: string, change: Partial<ApproverFacts> = {}): ApproverFacts => ({
  principal,
  kind: 'user',
  createdAt: iso(-9_000_000),
  roleSince: iso(-9_000_000),
  approvedAt: iso(-1_000),
  ...change,
})
const request = (
  approvers: readonly ApproverFacts[],
  change: Partial<ApprovalFacts> = {},
): ApprovalFacts => ({
  id: 'apr-1',
  functionName: 'shop',
  alias: 'prod',
  version: '2',
  release: A,
  weight: 1,
  requester: 'dora',
  openedAt: iso(-5_000),
  expiresAt: iso(5_000),
  approvers,
  ...change,
})
const exception = (change: Partial<ExceptionFacts> = {}): ExceptionFacts => ({
  id: 'bg-1',
  functionName: 'shop',
  alias: 'prod',
  version: '2',
  release: A,
  scope: ['policy'],
  requester: 'alice',
  second: 'bob',
  grantedAtMs: AT - 1_000,
  untilMs: AT + 1_000,
  endedAtMs: null,
  ...change,
})

function facts(change: Partial<Facts> = {}, failed: readonly SealRule[] = []): Facts {
  return {
    v: 1,
    at: iso(0),
    world: 1,
    validUntil: null,
    principal: { id: 'dora', kind: 'user', name: 'dora', roles: [], claims: {} },
    action: 'lambda:UpdateAlias',
    resource: 'arn:aws:lambda:us-east-1:000000000000:function:shop:prod',
    release: A,
    change: { from: '1', to: '2' },
    subjects: [
      {
        kind: 'function',
        arn: CODE,
        codeSha256: A,
        sha256: A,
        tree: A,
        verdict: {
          kind: 'trusted',
          seals: [],
          validUntilMs: undefined,
          findings: RULES.map((rule) => ({
            rule,
            status: failed.includes(rule) ? 'failed' : 'passed',
            expected: 'e',
            got: 'g',
          })),
        },
      },
    ],
    signingConfig: { arn: 'arn', policy: 'Enforce', allowedPublishers: [] },
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
    move: {
      functionName: 'shop',
      alias: 'prod',
      reaches: [{ version: '2', release: A, weight: 1 }],
      raises: [{ version: '2', release: A, weight: 1 }],
      leaves: [B],
    },
    approvals: [],
    exceptions: [],
    signerOwners: [{ subject: CODE, signer: 'key:1', owners: ['sam'] }],
    ...change,
  }
}
const outcome = (one: Facts) => decide(one, 'dec-1', duties).outcome

describe('counting approvals', () => {
  const count = (...approvers: ApproverFacts[]) =>
    approvalCounts(facts({ approvals: [request(approvers)] }))

  test('a person who was there before counts', () => {
    expect(count(person('alice'), person('bob'))).toEqual({
      count: 2,
      apartFromDeployer: 2,
      apartFromSigner: 2,
      apartFromBoth: 2,
    })
  })

  test.each([
    ['a workload', { kind: 'workload' as const }],
    ['the service itself', { kind: 'system' as const }],
    ['an owner created after the request', { createdAt: iso(-4_999) }],
    ['an owner created in the same millisecond', { createdAt: iso(-5_000) }],
    ['an owner who got the role after the request', { roleSince: iso(-4_999) }],
    ['an owner who has no such role any more', { roleSince: null }],
    ['a yes from before the request', { approvedAt: iso(-5_001) }],
  ])('%s does not', (_who, change) => {
    expect(count(person('alice', change))).toMatchObject({ count: 0, apartFromBoth: 0 })
  })

  test('the same owner over two requests is one', () => {
    const approvals = [request([person('alice')]), request([person('alice')], { id: 'apr-2' })]

    expect(approvalCounts(facts({ approvals })).count).toBe(1)
  })

  test('the deployer counts apart from nobody, the signer apart from the deployer alone', () => {
    expect(count(person('dora'), person('sam'), person('alice'))).toEqual({
      count: 3,
      apartFromDeployer: 2,
      apartFromSigner: 2,
      apartFromBoth: 1,
    })
  })

  test.each([
    ['a signer that is nobody’s', [{ subject: CODE, signer: 'key:1', owners: [] }]],
    [
      'one of two signers that is nobody’s',
      [
        { subject: CODE, signer: 'key:1', owners: ['sam'] },
        { subject: CODE, signer: 'key:2', owners: [] },
      ],
    ],
    ['no signer at all', []],
    ['a layer’s signer alone', [{ subject: LAYER, signer: 'key:1', owners: ['sam'] }]],
  ])('with %s nothing is known to be apart from the signer', (_what, signerOwners) => {
    const one = facts({ approvals: [request([person('alice'), person('bob')])], signerOwners })

    expect(approvalCounts(one)).toEqual({ count: 2, apartFromDeployer: 2 })
    expect(approvalContext(one)).not.toHaveProperty('principalIsSigner')
    expect(outcome(one)).toBe('deny')
  })

  test('of two releases that get more the one with fewer approvals decides', () => {
    const { move } = facts()
    if (move === undefined) throw new Error('no move')
    const raises = [
      { version: '2', release: A, weight: 0.8 },
      { version: '3', release: B, weight: 0.2 },
    ]
    const one = facts({
      move: { ...move, reaches: raises, raises },
      approvals: [request([person('alice'), person('bob')], { weight: 0.8 })],
    })

    expect(approvalCounts(one).count).toBe(0)
    expect(outcome(one)).toBe('deny')
  })

  test('counts follow one law, whoever approves: no more apart than there are', () => {
    const names = fc.constantFrom('dora', 'sam', 'alice', 'bob', 'carol')
    fc.assert(
      fc.property(fc.array(names), (approving) => {
        const counted = count(...approving.map((name) => person(name)))
        const distinct = new Set(approving)
        expect(counted.count).toBe(distinct.size)
        distinct.delete('dora')
        expect(counted.apartFromDeployer).toBe(distinct.size)
        distinct.delete('sam')
        expect(counted.apartFromBoth).toBe(distinct.size)
      }),
    )
  })
})

test('a share is told with four places, and never smaller than it is', () => {
  const { move } = facts()
  if (move === undefined) throw new Error('no move')
  const told = (weight: number): unknown =>
    approvalContext(facts({ move: { ...move, raises: [{ version: '2', release: A, weight }] } }))[
      'approvals'
    ]
  const share = (arg: string) => ({ share: { __extn: { fn: 'decimal', arg } } })

  expect(told(0.1)).toMatchObject(share('0.1000'))
  expect(told(0.07)).toMatchObject(share('0.0700'))
  expect(told(0.10001)).toMatchObject(share('0.1001'))
})

describe('break-glass', () => {
  const under = (
    change: Partial<ExceptionFacts> = {},
    more: Partial<Facts> = {},
    failed: readonly SealRule[] = [],
  ) => decide(facts({ exceptions: [exception(change)], ...more }, failed), 'dec-1', duties)

  test('turns a policy’s no into a warning that names it', () => {
    const decision = under()

    expect(decision).toMatchObject({
      outcome: 'warn',
      policySet: { determining: ['policy.two-approvals'] },
    })
    expect(decision.refusal).toBeUndefined()
    expect(decision.checks.find(({ rule }) => rule === 'policy.two-approvals')).toMatchObject({
      status: 'warned',
      exceptions: ['bg-1'],
      got: expect.stringContaining('break-glass bg-1') as string,
    })
  })

  test.each([
    ['over by now', { untilMs: AT }],
    ['of the future', { grantedAtMs: AT + 1 }],
    ['ended', { endedAtMs: AT }],
    ['for another alias', { alias: 'staging' }],
    ['for another function', { functionName: 'other' }],
    ['for another release', { release: B }],
  ])('%s waives nothing', (_what, change) => {
    expect(under(change)).toMatchObject({ outcome: 'deny', refusal: 'POLICY_DENIED' })
  })

  test('holds to the last millisecond', () => {
    expect(under({ untilMs: AT + 1 }).outcome).toBe('warn')
  })

  test('waives nothing for a second release that comes with the one it names', () => {
    const { move } = facts()
    if (move === undefined) throw new Error('no move')
    const reaches = [...move.reaches, { version: '3', release: B, weight: 0.2 }]

    expect(under({}, { move: { ...move, reaches } }).outcome).toBe('deny')
    const both = [exception(), exception({ id: 'bg-2', release: B })]
    const decision = decide(facts({ move: { ...move, reaches }, exceptions: both }), 'd', duties)
    expect(decision.checks.find(({ status }) => status === 'warned')?.exceptions).toEqual([
      'bg-1',
      'bg-2',
    ])
  })

  test.each([
    'lambda:CreateFunctionUrlConfig',
    'lambda:UpdateFunctionCode',
    'lacre:CreatePublisher',
    'lacre:GrantBreakGlass',
    'lacre:EndBreakGlass',
  ])('softens alias moves alone, not %s', (action) => {
    const empty = { name: 'none', set: compilePolicySet([]) }

    expect(decide(facts({ exceptions: [exception()], action }), 'd', empty).outcome).toBe('deny')
  })

  test.each(['policy', 'mismatch', 'expiry', 'revocation'] as const)(
    'never softens tampered code, with %s in its scope or all of it',
    (scope) => {
      const all: readonly ExceptionScope[] = ['policy', 'mismatch', 'expiry', 'revocation']

      for (const given of [[scope], all])
        expect(under({ scope: given }, {}, ['integrity'])).toMatchObject({
          outcome: 'deny',
          refusal: 'INVALID_CODE_SIGNATURE',
        })
    },
  )

  test.each(['mismatch', 'expiry', 'revocation'] as const)(
    'softens a failed %s check where its scope names it, and not otherwise',
    (rule) => {
      expect(under({}, {}, [rule]).refusal).toBe('CODE_VERIFICATION_FAILED')
      expect(under({ scope: [rule] }, {}, [rule]).refusal).toBe('POLICY_DENIED')
      expect(under({ scope: ['policy', rule] }, {}, [rule]).outcome).toBe('warn')
    },
  )

  test('waives nothing where the facts are not what the schema knows', () => {
    const decision = under({}, { action: 'lambda:UpdateAlias', isolation: 'full', resource: 'x' })

    expect(decision.outcome).toBe('deny')
    expect(decision.checks.find(({ rule }) => rule === 'policy.request')?.status).toBe('failed')
  })

  test('what would pass anyhow is passed, not warned', () => {
    const approvals = [request([person('alice'), person('bob')])]

    expect(under({}, { approvals }).outcome).toBe('allow')
  })
})

describe('the way back at the end of an exception', () => {
  const text = `@id("all") permit (principal, action, resource);
    @id("approved") forbid (principal, action, resource) unless { context.approvals.count >= 2 };
    @id("sealed") forbid (principal, action, resource) unless { context.verdict == "trusted" };
    @id("broken") forbid (principal, action, resource)
      when { context.approvals.count > 10 && context.nothing == 1 };`
  const set = { name: 'x', set: compilePolicySet([{ name: 'x', text }]) }
  const back = (change: Partial<Facts> = {}) =>
    decide(facts({ action: 'lacre:EndBreakGlass', ...change }), 'd', set)

  test('waits for no approval, and says so', () => {
    expect(back().outcome).toBe('allow')
    expect(back().checks.find(({ rule }) => rule === 'policy.approved')?.status).toBe('skipped')
  })

  test('is asked everything else', () => {
    const [subject] = facts().subjects
    if (subject === undefined) throw new Error('no subject')
    const unsigned = { ...subject, verdict: { ...subject.verdict, kind: 'unsigned' as const } }

    expect(back({ subjects: [unsigned] }).policySet.determining).toEqual(['policy.sealed'])
  })

  test('no other action is spared', () => {
    expect(back({ action: 'lambda:UpdateAlias' }).outcome).toBe('deny')
  })
})
