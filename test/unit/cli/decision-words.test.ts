import { expect, it } from 'vitest'

import { decisionInWords } from '../../../cli/service/index.ts'
import { sha256, type Decision, type Facts } from '../../../services/model/index.ts'
import { decide } from '../../../services/policy/index.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'

const digest = sha256('x')
const AT = '2026-05-03T14:00:00.000Z'
const decision = (over: Partial<Decision>): Decision => ({
  id: 'dec-1',
  at: '2026-05-03T14:00:00.000Z',
  outcome: 'allow',
  checks: [],
  policySet: { version: 'default@0123', determining: [] },
  factsDigest: digest,
  world: 7,
  ...over,
})
const facts = (over: Partial<Facts> & Record<string, unknown> = {}) => ({
  principal: { id: 'usr-1', kind: 'user' as const, name: 'alice', roles: ['admin'], claims: {} },
  action: 'lambda:UpdateAlias',
  resource: 'arn:aws:lambda:us-east-1:000000000000:function:shop:prod',
  change: { from: '1', to: '2', weight: 0.1 },
  subjects: [],
  ...over,
})

it('says who asked for what, and by what it was decided', () => {
  const words = decisionInWords(decision({}), facts())

  expect(words).toContain(
    '`alice` (user, in the role admin) asked for lambda:UpdateAlias of arn:aws:lambda:us-east-1:000000000000:function:shop:prod: from 1 to 2, with 10 % of its calls.',
  )
  expect(words).toContain('It was allowed: of 0 checks, none stands against it.')
  expect(words).toContain(`Its facts have the digest ${digest}; they were read in world 7.`)
})

it('numbers what stands against it, with what each wants, found and would pass by', () => {
  const checks: Decision['checks'] = [
    { rule: 'signature.integrity', subject: 'f', status: 'passed', expected: '', got: '' },
    {
      rule: 'signature.mismatch',
      subject: 'f',
      status: 'failed',
      expected: 'a seal by `ci`',
      got: 'no seal',
      nearest: 'ci',
      fix: 'sign the zip',
    },
    {
      rule: 'policy.prod',
      subject: 'f:prod',
      status: 'failed',
      expected: 'signed code',
      got: 'verdict: "unsigned", signing: {"attached":false}',
    },
    { rule: 'signature.expiry', subject: 'f', status: 'skipped', expected: '', got: '' },
  ]
  const words = decisionInWords(
    decision({ outcome: 'deny', refusal: 'CODE_VERIFICATION_FAILED', checks }),
    facts(),
  )

  expect(words).toContain('It was refused (CODE_VERIFICATION_FAILED): of 4 checks, 2 failed.')
  expect(words).toContain('1. signature.mismatch failed for f\n   It wants a seal by `ci`.')
  expect(words).toContain('   What comes nearest is `ci`.\n   For it to pass: sign the zip.')
  expect(words).toContain(
    'For it to pass: `verdict` or `signing` would have to be other than they are.',
  )
  expect(words).toContain('Passed: signature.integrity.\nNot asked here: signature.expiry.')
})

it('tells a refusal by a policy, as the engine gives it', () => {
  const whole: Facts = {
    v: 1,
    at: '2026-05-03T14:00:00.000Z',
    world: 7,
    validUntil: null,
    release: digest,
    signingConfig: null,
    isolation: 'none',
    loaderVariables: [],
    noteworthyPaths: [],
    ...facts(),
    subjects: [
      {
        kind: 'function',
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:shop:2',
        codeSha256: digest,
        sha256: digest,
        tree: digest,
        verdict: {
          kind: 'unsigned',
          seals: [],
          validUntilMs: undefined,
          findings: (['integrity', 'mismatch', 'expiry', 'revocation'] as const).map((rule) => ({
            rule,
            status: 'passed',
            expected: '',
            got: '',
          })),
        },
      },
    ],
  }
  const words = decisionInWords(decide(whole, 'dec-1', loadShippedPolicies('strict-production')), {
    ...whole,
  })

  expect(words).toContain('It was refused (POLICY_DENIED)')
  expect(words).toMatch(/\d\. policy\.sealed failed for \S+:shop:prod/)
  expect(words).toContain('It found verdict: "unsigned".')
  expect(words).toContain('For it to pass: `verdict` would have to be other than it is.')
  expect(words).toContain('policy.isolated')
})

it.each([
  ['signature.revocation', 'by somebody who is not revoked'],
  ['signature.expiry', 'still good'],
  ['policy.no-permit', 'would have to permit'],
])('knows what %s depends on where the check does not say', (rule, told) => {
  const check = { rule, subject: 'f', status: 'failed' as const, expected: 'a', got: 'b' }

  expect(decisionInWords(decision({ outcome: 'deny', checks: [check] }), facts())).toContain(told)
})

const approval = {
  id: 'apr-1', functionName: 'shop', alias: 'prod', version: '2', release: digest, weight: 1,
  requester: 'usr-ann', openedAt: AT, expiresAt: AT,
  approvers: [{ principal: 'usr-bob', kind: 'user' as const, approvedAt: AT, createdAt: AT, roleSince: null }],
} // prettier-ignore

it('tells approvals and exceptions where the facts hold them, and lacks nothing where they do not', () => {
  const words = decisionInWords(decision({}), facts({ approvals: [approval], exceptions: [] }))

  expect(words).toContain('Asked for in apr-1 by usr-ann, approved by usr-bob.')
  expect(words).not.toContain('exception')
  expect(decisionInWords(decision({}), {})).toContain('Somebody asked for a change of something.')
})

it('cannot be made to show other lines than its own', () => {
  const words = decisionInWords(decision({}), facts({ resource: 'a\nIt was allowed\u001b[2K' }))

  expect(words).toContain('a\\u000aIt was allowed\\u001b[2K')
})
