import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'

import {
  PlatformError,
  canonicalJson,
  type DecisionCheck,
  type Facts,
  type Json,
  type SealFinding,
  type SealRule,
} from '../../../services/model/index.ts'
import { compilePolicySet, decide, factsDigest } from '../../../services/policy/index.ts'
import { ALIAS, FUNCTION, bareFacts as facts, release } from '../../support/bare-facts.ts'

/** What an operator reads of a decision: each check by itself, whole. */

const RULES: readonly SealRule[] = ['integrity', 'mismatch', 'expiry', 'revocation']

function subject(...findings: readonly SealFinding[]): Facts['subjects'][number] {
  const verdict = { kind: 'trusted', seals: [], findings, validUntilMs: undefined } as const
  return { kind: 'function', arn: FUNCTION, codeSha256: release, sha256: release, tree: release, verdict }
} // prettier-ignore
const finding = (rule: SealRule, more: Partial<SealFinding> = {}): SealFinding => ({
  rule, status: 'passed', expected: `asked by ${rule}`, got: `found by ${rule}`, ...more,
}) // prettier-ignore
const passed = (...but: readonly SealRule[]): SealFinding[] =>
  RULES.filter((rule) => !but.includes(rule)).map((rule) => finding(rule))

const under = (text: string) => ({
  name: 'own',
  set: compilePolicySet([{ name: 'own.cedar', text }]),
})
const open = under('@id("all") permit (principal, action, resource);')
const told = (of: Facts, policies: Parameters<typeof decide>[2] = open, rule = ''): DecisionCheck[] =>
  decide(of, 'dec-1', policies).checks.filter((check) => check.rule.startsWith(rule)) // prettier-ignore

describe('a decision', () => {
  test('says nothing of a refusal where there is none, nor of a number that its set has not', () => {
    const decision = decide(facts(), 'dec-1', open)

    expect(decision).not.toHaveProperty('refusal')
    expect(decision.policySet).not.toHaveProperty('number')
    expect(decide(facts(), 'dec-1', { ...open, version: 3 }).policySet).toHaveProperty('number', 3)
  })

  test('is bound to the canonical form of its facts, under a tag that no other digest has', () => {
    const text = canonicalJson(facts() as unknown as Json)
    const expected = createHash('sha256').update(`lacre facts v1\0${text}`).digest('hex')

    expect(factsDigest(facts())).toBe(expected)
  })
})

describe('a check of a signature', () => {
  const enforced = { arn: 'arn', policy: 'Enforce', allowedPublishers: [] } as const
  const [nearest, fix, reason] = ['team', 'seal it again', 'unknown-signer']

  test.each<[string, Partial<SealFinding>, Partial<DecisionCheck>]>([
    ['as it was found', {}, { got: 'found by mismatch' }],
    ['with the reason', { reason }, { got: 'found by mismatch (unknown-signer)' }],
    ['with who came nearest', { nearest }, { got: 'found by mismatch', nearest }],
    ['with what to do', { fix }, { got: 'found by mismatch', fix }],
  ])('is told %s', (_what, more, expected) => {
    const findings = [finding('mismatch', more), ...passed('mismatch')]

    expect(told(facts({ subjects: [subject(...findings)], signingConfig: enforced }))[1]).toStrictEqual({
      rule: 'signature.mismatch', subject: FUNCTION, status: 'passed', expected: 'asked by mismatch', ...expected,
    })
  }) // prettier-ignore

  test.each(RULES)('that was not made fails, and says that it was not: %s', (rule) => {
    expect(told(facts({ subjects: [subject(...passed(rule))] }), open, `signature.${rule}`)).toEqual([
      { rule: `signature.${rule}`, subject: FUNCTION, status: 'failed', expected: 'a finding for every check', got: 'none' },
    ])
  }) // prettier-ignore

  test.each([
    ['integrity', null, 'passed', 'passed'],
    ['integrity', null, 'warned', 'failed'],
    ['integrity', 'Warn', 'warned', 'failed'],
    ['expiry', null, 'failed', 'skipped'],
    ['expiry', null, 'passed', 'skipped'],
    ['expiry', 'Warn', 'passed', 'passed'],
    ['expiry', 'Warn', 'failed', 'warned'],
    ['expiry', 'Enforce', 'warned', 'warned'],
    ['expiry', 'Enforce', 'failed', 'failed'],
  ] as const)('of %s under %s that is found %s is %s', (rule, policy, status, expected) => {
    const findings = [finding(rule, { status }), ...passed(rule)]
    const signingConfig = policy === null ? null : { ...enforced, policy }

    expect(
      told(
        facts({ subjects: [subject(...findings)], signingConfig }),
        open,
        `signature.${rule}`,
      ).map((check) => check.status),
    ).toEqual([expected])
  })
})

describe('what the default set records', () => {
  const recorded = (rule: string, expected: string, got: string): DecisionCheck => ({
    rule,
    subject: ALIAS,
    status: 'passed',
    expected,
    got,
  })

  test.each<[string, Partial<Facts>, DecisionCheck[]]>([
    [
      'variables that load code',
      { loaderVariables: ['NODE_OPTIONS', 'LD_PRELOAD'] },
      [recorded('configuration.loader-variables', 'recorded (the default set allows variables that load code)', 'NODE_OPTIONS, LD_PRELOAD')],
    ],
    [
      'where it may connect to',
      { egress: ['a.example:443', 'b.example:443'] },
      [recorded('configuration.egress', 'recorded (the default set allows any list; the operator opens it with --egress)', 'a.example:443, b.example:443')],
    ],
    [
      'paths that run by themselves, each',
      { noteworthyPaths: ['extensions/a', 'extensions/b'] },
      ['extensions/a', 'extensions/b'].map((path) =>
        recorded('layers.noteworthy-path', 'recorded (runs by itself, or is found before others)', path),
      ),
    ],
    [
      'how what would run is kept apart',
      { subjects: [subject(...passed())], isolation: 'partial' },
      [recorded('runtime.isolation', 'recorded (the default set allows it)', 'isolation: partial')],
    ],
    ['nothing of isolation that is full', { subjects: [subject(...passed())] }, []],
    ['nothing of isolation where nothing would run', { isolation: 'none' }, []],
  ])('%s', (_what, more, expected) => {
    const checks = told(facts(more)).filter(({ rule }) => !rule.startsWith('signature.'))

    expect(checks).toEqual(expected)
    expect(decide(facts(more), 'dec-1', open).outcome).toBe('allow')
  }) // prettier-ignore
})

describe('a refusal of the admission policies', () => {
  const stage = (leaving: NonNullable<Facts['stage']>['leaving']): NonNullable<Facts['stage']> => ({
    reach: 'aliases', exposes: 0, freezes: [], rising: [], floors: [], floorExceptions: [],
    promotions: [], leaving,
  }) // prettier-ignore
  const leaving = facts({
    stage: stage({ violating: [], to: [{ version: '2', release, decisionId: 'dec-0' }] }),
  })
  const all = '@id("all") permit (principal, action, resource);'
  const twice = `${all} @id("two") @reason("two owners") @fix("ask them")
    forbid (principal, action, resource) unless { context.approvals.count >= 2 && !context.freeze.active
      && context.isolation == "full" };`
  const noReason = `${all} @id("two") forbid (principal, action, resource) when { context.isolation == "full" };`
  const read = 'approvals.count: 0, freeze.active: false, isolation: "full"'
  const refused = (rule: string, more: Partial<DecisionCheck>): DecisionCheck => ({
    rule: `policy.${rule}`, subject: ALIAS, status: 'failed', expected: '', got: '', ...more,
  }) // prettier-ignore
  const unevaluated = true

  test.each<[string, Facts, Parameters<typeof decide>[2], DecisionCheck]>([
    ['has reason and fix of the policy', facts(), under(twice),
      refused('two', { expected: 'two owners', got: read, fix: 'ask them' })],
    ['names the policy where that gives no reason', facts(), under(noReason),
      refused('two', { expected: 'what the policy `two` demands', got: 'isolation: "full"' })],
    ['is waived for who leaves, and says what of it', leaving, under(twice),
      refused('two', { status: 'skipped', expected: 'two owners', fix: 'ask them',
        got: `${read} (approvals, freeze waived: the service found that this leaves what violates for what was good here before)` })],
    ['is not waived for who leaves by what else it reads', leaving, under(noReason),
      refused('two', { expected: 'what the policy `two` demands', got: 'isolation: "full"' })],
    ['says which action nothing permits', facts(), under(''),
      refused('no-permit', { expected: 'a policy that permits `lambda:UpdateAlias`', got: 'none does' })],
    ['is not waived where nothing permits who leaves', leaving, under(''),
      refused('no-permit', { expected: 'a policy that permits `lambda:UpdateAlias`', got: 'none does' })],
  ])('%s', (_what, of, policies, expected) => {
    expect(told(of, policies)).toStrictEqual([expected])
  }) // prettier-ignore

  const errs = under(
    `${all} @id("errs") forbid (principal, action, resource) when { context.nowhere };`,
  )
  const unusable = { name: 'own', set: { digest: release, fault: 'damaged' } }
  const rollback = 'stop the service and go back to an earlier set: `lacre policy rollback --data DIR`' // prettier-ignore
  const unknown: Parameters<typeof decide>[3] = () => {
    throw new PlatformError('INVALID_PARAMETER', 'no such fact')
  }

  test.each<[string, Parameters<typeof decide>[2], Parameters<typeof decide>[3], Partial<DecisionCheck>]>([
    ['a policy that errs', errs, undefined, { rule: 'policy.errs', expected: 'a policy that can be evaluated; one that errs denies' }],
    ['a set that cannot be used', unusable, undefined, { rule: 'policy.set', expected: 'a policy set in force that can be used', got: 'damaged', fix: rollback }],
    ['facts that no schema knows', open, unknown, { rule: 'policy.request', expected: 'facts that the schema of the policies knows', got: 'no such fact' }],
  ])('by %s is no evidence, and holds nobody back who leaves', (_what, policies, ask, expected) => {
    const checksOf = (of: Facts) => decide(of, 'dec-1', policies, ask).checks

    expect(checksOf(facts())).toMatchObject([{ ...expected, status: 'failed', unevaluated }])
    expect(checksOf(leaving)).toMatchObject([{ ...expected, status: 'skipped', unevaluated }])
  }) // prettier-ignore

  test('says what else is to be done where the set that cannot be used tells it', () => {
    const set = { digest: release, fault: 'damaged', fix: 'apply another' }

    expect(told(facts(), { name: 'own', set })).toMatchObject([{ fix: 'apply another' }])
  })

  test('holds too where the engine names a policy that nobody knows: nothing permits', () => {
    const { checks, outcome } = decide(facts(), 'dec-1', open, () => ({
      decision: 'deny',
      determining: ['unheard'],
      errors: [],
    }))

    expect(outcome).toBe('deny')
    expect(checks.map(({ rule }) => rule)).toEqual(['policy.no-permit'])
  })

  test.each([
    [true, 'allow'],
    [undefined, 'deny'],
  ] as const)('is none of what takes away, whatever it is called: %s is %s', (takesAway, outcome) => {
    const of = facts(takesAway === undefined ? {} : { takesAway })

    expect(decide(of, 'dec-1', unusable).outcome).toBe(outcome)
  }) // prettier-ignore
})
