import { describe, expect, test } from 'vitest'

import type {
  ApproverFacts,
  DecisionCheck,
  ExceptionFacts,
  Facts,
  Sha256,
} from '../../../services/model/index.ts'
import { approvalContext, approvalCounts, counts } from '../../../services/policy/approvals.ts'
import { exceptionsInForce, underBreakGlass } from '../../../services/policy/break-glass.ts'

/** To the millisecond which approvals count; what policies are told of them; what an exception softens of a check. */

const AT = Date.parse('2026-06-01T12:00:00.000Z')
const OPENED = AT - 5_000
const iso = (ms: number): string => new Date(ms).toISOString()
const [A, B] = ['aa', 'bb'].map((byte) => byte.repeat(32) as Sha256) as [Sha256, Sha256]
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:shop'

const request = (approvers: readonly ApproverFacts[], openedAt = iso(OPENED)) => ({
  id: 'apr-1', functionName: 'shop', alias: 'prod', version: '2', release: A, weight: 1,
  requester: 'dora', openedAt, expiresAt: iso(AT + 5_000), approvers,
}) // prettier-ignore
const person = (more: Partial<ApproverFacts> = {}): ApproverFacts => ({
  principal: 'alice', kind: 'user', createdAt: iso(OPENED - 9), roleSince: iso(OPENED - 9),
  approvedAt: iso(AT - 1_000), ...more,
}) // prettier-ignore
const exception = (more: Partial<ExceptionFacts> = {}): ExceptionFacts => ({
  id: 'bg-1', functionName: 'shop', alias: 'prod', version: '2', release: A, scope: ['policy'],
  requester: 'alice', second: 'bob', grantedAtMs: AT - 1_000, untilMs: AT + 1_000, endedAtMs: null,
  ...more,
}) // prettier-ignore

const share = (release: Sha256, weight = 1) => ({ version: '2', release, weight })
const moving = (...releases: readonly Sha256[]): NonNullable<Facts['move']> => ({
  functionName: 'shop', alias: 'prod', leaves: [],
  reaches: releases.map((one) => share(one)), raises: releases.map((one) => share(one)),
}) // prettier-ignore

function facts(more: Partial<Facts> = {}): Facts {
  return {
    v: 1,
    at: iso(AT),
    world: 1,
    validUntil: null,
    principal: { id: 'dora', kind: 'user', name: 'dora', roles: [], claims: {} },
    action: 'lambda:UpdateAlias',
    resource: `${FUNCTION}:prod`,
    release: A,
    change: { from: '1', to: '2' },
    subjects: [{ kind: 'function', arn: FUNCTION } as unknown as Facts['subjects'][number]],
    signingConfig: null,
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
    ...more,
  }
}
const signed = (...owners: readonly string[]) => ({
  signerOwners: [{ subject: FUNCTION, signer: 'key:1', owners }],
})

describe('an approval counts', () => {
  test.each<[string, Partial<ApproverFacts>, boolean]>([
    ['of who was there the millisecond before', { createdAt: iso(OPENED - 1) }, true],
    ['not of who came in the same millisecond', { createdAt: iso(OPENED) }, false],
    ['of who had the role the millisecond before', { roleSince: iso(OPENED - 1) }, true],
    ['not of who got the role in the same millisecond', { roleSince: iso(OPENED) }, false],
    ['not of who has no role that approves', { roleSince: null }, false],
    ['made in the millisecond of the request', { approvedAt: iso(OPENED) }, true],
    ['not made the millisecond before', { approvedAt: iso(OPENED - 1) }, false],
    ['not of a workload', { kind: 'workload' }, false],
    ['not of who came at no time', { createdAt: 'once' }, false],
    ['not of who got the role at no time', { roleSince: 'once' }, false],
    ['not made at no time', { approvedAt: 'soon' }, false],
  ])('%s', (_what, more, expected) => {
    expect(counts(request([]), person(more))).toBe(expected)
  })

  test('not where the request was opened at no time', () => {
    expect(counts(request([], 'yesterday'), person())).toBe(false)
  })
})

describe('who signed', () => {
  const approvals = [request([person()])]

  test('is nobody where nothing would run: nothing is known to be apart from the signer', () => {
    const of = facts({ subjects: [], move: moving(A), approvals, ...signed('sam') })

    expect(approvalCounts(of)).toEqual({ count: 1, apartFromDeployer: 1 })
    expect(approvalContext(of)).not.toHaveProperty('principalIsSigner')
  })

  test.each([
    ['dora', true],
    ['sam', false],
  ])('is told to policies: where it is %s it is who moves: %s', (owner, isSigner) => {
    expect(approvalContext(facts(signed('olga', owner)))).toHaveProperty(
      'principalIsSigner',
      isSigner,
    )
  })
})

describe('what policies are told of approvals', () => {
  const approvalsOf = (more: Partial<Facts>) => approvalContext(facts(more))['approvals']
  const arg = (text: string) => ({ __extn: { fn: 'decimal', arg: text } })
  const stage = (...shares: readonly number[]) =>
    ({ rising: shares.map((one) => ({ place: 'shop:prod', subject: FUNCTION, release: A, share: one })) }) as unknown as NonNullable<Facts['stage']> // prettier-ignore
  const raising = (...weights: readonly number[]) => ({
    ...moving(A),
    raises: weights.map((weight) => share(A, weight)),
  })

  test.each<[string, Partial<Facts>, string]>([
    ['the largest share that a move raises', { move: raising(0.2, 0.5, 0.3) }, '0.5000'],
    ['what the move raises, whatever the stage has', { move: raising(0.2), stage: stage(0.9) }, '0.2000'],
    ['the largest share that rises where nothing is moved', { stage: stage(0.1, 0.4) }, '0.4000'],
    ['none where nothing rises', {}, '0.0000'],
    ['none where a move raises nothing', { move: raising() }, '0.0000'],
  ])('the share is %s', (_what, more, expected) => {
    expect(approvalsOf(more)).toMatchObject({ share: arg(expected) })
  }) // prettier-ignore

  test('there are none where a move raises nothing, or nothing is moved', () => {
    const none = { count: 0, apartFromDeployer: 0, share: arg('0.0000') }

    expect(approvalsOf({ approvals: [request([person()])] })).toEqual(none)
    expect(approvalsOf({ move: raising(), approvals: [request([person()])] })).toEqual(none)
  })

  test('break-glass is told while an exception is in force for all that is reached', () => {
    const broken = (...exceptions: readonly ExceptionFacts[]) =>
      approvalContext(facts({ move: moving(A, B), exceptions }))['breakGlass']

    expect(broken(exception(), exception({ id: 'bg-2', release: B }))).toBe(true)
    expect(broken(exception())).toBe(false)
    expect(broken()).toBe(false)
  })
})

describe('under break-glass', () => {
  const check = (rule: string, more: Partial<DecisionCheck> = {}): DecisionCheck => ({
    rule, subject: FUNCTION, status: 'failed', expected: 'e', got: 'g', ...more,
  }) // prettier-ignore
  const softened = (exceptions: readonly ExceptionFacts[], ...checks: readonly DecisionCheck[]) =>
    underBreakGlass(facts({ move: moving(A, B), exceptions }), checks)
  const both = (first: Partial<ExceptionFacts>, second: Partial<ExceptionFacts>) => [
    exception(first),
    exception({ id: 'bg-2', release: B, ...second }),
  ]

  test('a check that failed is a warning, and names every exception once', () => {
    const policy = check('policy.two', { fix: 'ask them' })
    const warned = { ...policy, status: 'warned' }

    expect(softened(both({}, {}), policy)).toStrictEqual([
      { ...warned, got: 'g; waived by break-glass bg-1, bg-2', exceptions: ['bg-1', 'bg-2'] },
    ])
    expect(softened(both({}, { id: 'bg-1' }), policy)).toStrictEqual([
      { ...warned, got: 'g; waived by break-glass bg-1', exceptions: ['bg-1'] },
    ])
  })

  test.each<[string, DecisionCheck]>([
    ['a check that passed', check('signature.mismatch', { status: 'passed' })],
    ['a check that was skipped', check('policy.two', { status: 'skipped' })],
    ['a check that only warned', check('signature.expiry', { status: 'warned' })],
    ['tampered code', check('signature.integrity')],
    ['facts that no schema knows', check('policy.request')],
    ['a floor', check('stage.floor')],
    ['a freeze', check('stage.freeze')],
  ])('%s stays as it is', (_what, one) => {
    const scope = ['policy', 'mismatch', 'expiry', 'revocation'] as const

    expect(softened(both({ scope }, { scope }), one)).toEqual([one])
  })

  test('a check is softened by a scope that every one of them has', () => {
    const [policy, expiry] = [check('policy.two'), check('signature.expiry')]
    const exceptions = both({ scope: ['policy', 'expiry'] }, { scope: ['expiry'] })

    expect(softened(exceptions, policy, expiry).map(({ status }) => status)).toEqual([
      'failed',
      'warned',
    ])
  })

  test('nothing is where the time of the move is none', () => {
    const given = { move: moving(A), exceptions: [exception()] }

    expect(exceptionsInForce(facts(given))).toHaveLength(1)
    expect(exceptionsInForce(facts({ ...given, at: 'now' }))).toBeUndefined()
  })
})
