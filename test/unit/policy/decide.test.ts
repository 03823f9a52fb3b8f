import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type {
  Facts,
  SealFinding,
  SealRule,
  Sha256,
  SubjectFacts,
  Verdict,
} from '../../../services/model/index.ts'
import { compilePolicySet, decide, factsDigest } from '../../../services/policy/index.ts'
import { loadShippedPolicies, shippedPolicies } from '../../../services/shipped-policies.ts'

const parity = loadShippedPolicies('default')
const strict = loadShippedPolicies('strict-production')

const RULES: readonly SealRule[] = ['integrity', 'mismatch', 'expiry', 'revocation']
const digest = 'ab'.repeat(32) as Sha256

function verdict(failed: readonly SealRule[]): Verdict {
  const findings = RULES.map<SealFinding>((rule) => ({
    rule,
    status: failed.includes(rule) ? 'failed' : 'passed',
    expected: 'what is asked for',
    got: 'what is there',
  }))
  return { kind: 'trusted', seals: [], findings, validUntilMs: undefined }
}

function subject(arn: string, failed: readonly SealRule[] = []): SubjectFacts {
  return {
    kind: arn.includes(':layer:') ? 'layer' : 'function',
    arn,
    codeSha256: digest,
    sha256: digest,
    tree: digest,
    verdict: verdict(failed),
  }
}

function facts(subjects: readonly SubjectFacts[], policy: 'Warn' | 'Enforce' | null): Facts {
  return {
    v: 1,
    at: '2026-11-22T10:00:00.000Z',
    world: 7,
    validUntil: null,
    principal: { id: 'usr-admin', kind: 'user', name: 'admin', roles: ['admin'], claims: {} },
    action: 'lambda:UpdateFunctionCode',
    resource: 'arn:aws:lambda:us-east-1:000000000000:function:orders',
    release: digest,
    change: { from: null, to: null },
    subjects,
    signingConfig: policy === null ? null : { arn: 'arn', policy, allowedPublishers: [] },
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
  }
}

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:orders'
const LAYER = 'arn:aws:lambda:us-east-1:000000000000:layer:shared:1'

describe('a failed integrity check', () => {
  test.each(['Warn', 'Enforce', null] as const)('refuses under %s', (policy) => {
    const decision = decide(facts([subject(FUNCTION, ['integrity'])], policy), 'dec-1', parity)

    expect(decision.outcome).toBe('deny')
    expect(decision.refusal).toBe('INVALID_CODE_SIGNATURE')
  })

  test('of a layer refuses the function', () => {
    const decision = decide(
      facts([subject(FUNCTION), subject(LAYER, ['integrity'])], 'Warn'),
      'dec-1',
      parity,
    )

    expect(decision.refusal).toBe('INVALID_CODE_SIGNATURE')
  })

  test('comes before what the code signing config says', () => {
    const decision = decide(
      facts([subject(FUNCTION, ['mismatch']), subject(LAYER, ['integrity'])], 'Enforce'),
      'dec-1',
      parity,
    )

    expect(decision.refusal).toBe('INVALID_CODE_SIGNATURE')
  })
})

describe.each(['mismatch', 'expiry', 'revocation'] as const)('a failed %s check', (rule) => {
  test('refuses under Enforce', () => {
    const decision = decide(facts([subject(FUNCTION, [rule])], 'Enforce'), 'dec-1', parity)

    expect(decision.outcome).toBe('deny')
    expect(decision.refusal).toBe('CODE_VERIFICATION_FAILED')
    expect(decision.policySet.determining).toEqual([`signature.${rule}`])
  })

  test('warns under Warn', () => {
    const decision = decide(facts([subject(FUNCTION, [rule])], 'Warn'), 'dec-1', parity)

    expect(decision.outcome).toBe('warn')
    expect(decision.refusal).toBeUndefined()
  })

  test('is not judged where no config is attached, and says so', () => {
    const decision = decide(facts([subject(FUNCTION, [rule])], null), 'dec-1', parity)

    expect(decision.outcome).toBe('allow')
    expect(decision.checks.find((check) => check.rule === `signature.${rule}`)?.status).toBe(
      'skipped',
    )
  })
})

test('a refusal tells every check of every subject, also those after the first that failed', () => {
  const decision = decide(
    facts([subject(FUNCTION, ['mismatch', 'expiry']), subject(LAYER, ['revocation'])], 'Enforce'),
    'dec-1',
    parity,
  )

  const failed = decision.checks.filter((check) => check.status === 'failed')
  expect(decision.checks).toHaveLength(8)
  expect(failed.map((check) => [check.subject, check.rule])).toEqual([
    [FUNCTION, 'signature.mismatch'],
    [FUNCTION, 'signature.expiry'],
    [LAYER, 'signature.revocation'],
  ])
})

test('a verdict that lacks one of the four checks is refused, not passed', () => {
  const bare = subject(FUNCTION)
  const missing: SubjectFacts = {
    ...bare,
    verdict: { ...bare.verdict, findings: bare.verdict.findings.slice(1) },
  }

  expect(decide(facts([missing], null), 'dec-1', parity).outcome).toBe('deny')
})

test('the decision is a function of the facts alone', () => {
  const same = facts([subject(FUNCTION, ['expiry'])], 'Warn')

  expect(decide(same, 'dec-1', parity)).toEqual(decide(structuredClone(same), 'dec-1', parity))
})

test('any changed fact changes the digest that the decision is bound to', () => {
  const plain = facts([subject(FUNCTION)], 'Enforce')

  fc.assert(
    fc.property(
      fc.constantFrom(
        { world: 8 },
        { action: 'lambda:Other' },
        { isolation: 'none' as const },
        { signingConfig: null },
        { subjects: [] },
        { loaderVariables: ['NODE_OPTIONS'] },
      ),
      (change) => factsDigest({ ...plain, ...change }) !== factsDigest(plain),
    ),
  )
})

test('what loads code by itself is told, and allowed by the default set', () => {
  const decision = decide(
    {
      ...facts([subject(FUNCTION)], 'Enforce'),
      loaderVariables: ['NODE_OPTIONS'],
      isolation: 'none',
      noteworthyPaths: [`${LAYER}: extensions/agent`],
    },
    'dec-1',
    parity,
  )

  expect(decision.outcome).toBe('allow')
  expect(decision.checks.map((check) => check.rule)).toEqual(
    expect.arrayContaining([
      'configuration.loader-variables',
      'runtime.isolation',
      'layers.noteworthy-path',
    ]),
  )
})

test('where it may connect to is told, and seen by policies; what may connect nowhere has nothing to be seen', () => {
  const text = `permit (principal, action, resource);
    @id("known-hosts") forbid (principal, action, resource) when { context has egress }
    unless { ["a.example:443"].containsAll(context.egress) };`
  const set = compilePolicySet([{ name: 'hosts.cedar', text }], shippedPolicies().admission.schema)
  const outcomes = [undefined, ['a.example:443'], ['a.example:443', 'b.example:443']].map(
    (egress) => {
      const all = { ...facts([subject(FUNCTION)], null), ...(egress && { egress }) }
      const { outcome, checks } = decide(all, 'dec-1', { name: 'hosts', set })
      return [outcome, checks.find(({ rule }) => rule === 'configuration.egress')?.got]
    },
  )

  expect(outcomes).toEqual([
    ['allow', undefined],
    ['allow', 'a.example:443'],
    ['deny', 'a.example:443, b.example:443'],
  ])
})

test('one failed finding refuses, also behind a passed one of the same rule', () => {
  const plain = subject(FUNCTION)
  const doubled: SubjectFacts = {
    ...plain,
    verdict: {
      ...plain.verdict,
      findings: [...plain.verdict.findings, ...verdict(['integrity']).findings.slice(0, 1)],
    },
  }

  expect(decide(facts([doubled], 'Warn'), 'dec-1', parity).refusal).toBe('INVALID_CODE_SIGNATURE')
})

describe('the admission policies', () => {
  const under = (change: Partial<Facts>, policies = strict) =>
    decide({ ...facts([subject(FUNCTION)], 'Enforce'), ...change }, 'dec-1', policies)

  test('are named with the decision', () => {
    expect(under({}).policySet.version).toMatch(/^strict-production@[0-9a-f]{12}$/)
    expect(under({}, parity).policySet.version).toMatch(/^default@[0-9a-f]{12}$/)
  })

  test('refuse with every reason, and the values that failed', () => {
    const decision = under({ isolation: 'none', loaderVariables: ['NODE_OPTIONS'] })

    expect(decision).toMatchObject({ outcome: 'deny', refusal: 'POLICY_DENIED' })
    expect(decision.checks.filter(({ status }) => status === 'failed')).toMatchObject([
      { rule: 'policy.isolated', got: expect.stringContaining('isolation: "none"') as string },
      {
        rule: 'policy.no-loader-variables',
        expected: 'environment variables that load code run what nobody sealed',
        got: 'loaderVariables: ["NODE_OPTIONS"]',
      },
      { rule: 'policy.reached-by-alias', got: 'reach: "all"' },
    ])
    expect(decision.policySet.determining).toEqual([
      'policy.isolated',
      'policy.no-loader-variables',
      'policy.reached-by-alias',
    ])
  })

  test('name each value that was looked at in its own words, and what is missing', () => {
    const text = `permit (principal, action, resource);
      @id("two") forbid (principal, action, resource) unless {
        context.approvals.share.greaterThan(decimal("0.1")) ||
        (context.approvals has apartFromBoth && context.approvals.apartFromBoth >= 2) };
      @id("late") forbid (principal, action, resource) when {
        context.now > datetime("2020-01-01") && context.change has weight };
      @id("built") forbid (principal, action, resource) unless {
        context.attested.own has provenance && context.attested.own.provenance.sources.contains("x") };`
    const policies = { name: 'own', set: compilePolicySet([{ name: 'a.cedar', text }]) }

    const got = under({ change: { from: '1', to: '2', weight: 0.5 } }, policies)
      .checks.filter(({ status }) => status === 'failed')
      .map((check) => `${check.rule}: ${check.got}`)
      .toSorted()

    expect(got).toEqual([
      'policy.built: attested.own.provenance: missing',
      'policy.late: now: 2026-11-22T10:00:00.000Z, change.weight: 0.5000',
      'policy.two: approvals.share: 0.0000, approvals.apartFromBoth: missing',
    ])
  })

  test('are told beside the checks of the code signing config, which word the refusal', () => {
    const decision = under({ subjects: [subject(FUNCTION, ['mismatch'])], isolation: 'none' })

    expect(decision.refusal).toBe('CODE_VERIFICATION_FAILED')
    expect(decision.policySet.determining).toEqual([
      'policy.isolated',
      'policy.reached-by-alias',
      'signature.mismatch',
    ])
  })

  test.each(['lambda:DeleteFunction', 'lambda:DeleteAlias', 'lambda:RemovePermission'])(
    'are not asked about leaving: %s',
    (action) => {
      const broken = { name: 'broken', set: compilePolicySet([]) }

      expect(under({ action, isolation: 'none' }, broken).outcome).toBe('allow')
    },
  )

  test.each(['lambda:DeleteFunctionCodeSigningConfig', 'lambda:DeleteCodeSigningConfig'])(
    'are asked about taking a code signing config away: %s',
    (action) => {
      const empty = { name: 'empty', set: compilePolicySet([]) }

      expect(under({ action, subjects: [] }, empty)).toMatchObject({
        outcome: 'deny',
        refusal: 'POLICY_DENIED',
        policySet: { determining: ['policy.no-permit'] },
      })
    },
  )

  test('deny where a policy cannot be evaluated', () => {
    const text = `permit(principal, action, resource);
      @id("broken") forbid(principal, action, resource) when { context.missing };`
    const set = compilePolicySet([{ name: 'x', text }])

    expect(under({}, { name: 'x', set })).toMatchObject({
      outcome: 'deny',
      policySet: { determining: ['policy.broken'] },
    })
  })

  test.each([
    ['lambda:UpdateAlias', 'deny'],
    ['lacre:ApplyPolicySet', 'deny'],
    ['lambda:DeleteFunctionCodeSigningConfig', 'deny'],
    ['lambda:DeleteFunction', 'allow'],
    ['lambda:DeleteAlias', 'allow'],
    ['lambda:RemovePermission', 'allow'],
  ] as const)('that cannot be used: %s is %s', (action, outcome) => {
    const unusable = { name: 'own', version: 7, set: { digest, fault: 'its text is damaged' } }
    const decision = under({ action, subjects: [] }, unusable)

    expect(decision.outcome).toBe(outcome)
    expect(decision.policySet).toMatchObject({ version: `own@${digest.slice(0, 12)}`, number: 7 })
    if (outcome === 'deny')
      expect(decision.checks).toContainEqual(
        expect.objectContaining({
          rule: 'policy.set',
          status: 'failed',
          got: 'its text is damaged',
          fix: expect.stringContaining('lacre policy rollback') as string,
        }),
      )
  })

  test('deny an action that the schema does not know', () => {
    expect(under({ action: 'lambda:Unheard' }, parity)).toMatchObject({
      outcome: 'deny',
      policySet: { determining: ['policy.request'] },
    })
  })
})

test('counts as publisher of a change only who stands behind the function and every layer', () => {
  const sealedBy = (arn: string, names: readonly string[]): SubjectFacts => ({
    ...subject(arn),
    verdict: {
      ...verdict([]),
      signers: names.length,
      seals: names.map((name) => ({
        digest,
        format: 'bundle',
        form: 'statement',
        place: 'block',
        outcome: 'trusted',
        signer: undefined,
        publisher: {
          publisherId: `pub-${name}`,
          name,
          version: 'AAAAAAAAAA',
          arn: `arn:aws:signer:us-east-1:000000000000:/signing-profiles/${name}/AAAAAAAAAA`,
          allowed: true,
        },
        trustedTimesMs: [],
        expiresAtMs: undefined,
        counter: '0',
        findings: [],
        unchecked: [],
      })),
    },
  })
  const text = `permit(principal, action, resource);
    @id("prod") forbid(principal, action, resource) unless { context.publishers.contains("prod") };
    @id("two") forbid(principal, action, resource) unless { context.signers >= 2 };`
  const policies = { name: 'x', set: compilePolicySet([{ name: 'x', text }]) }
  const determining = (code: readonly string[], layer: readonly string[]) =>
    decide(facts([sealedBy(FUNCTION, code), sealedBy(LAYER, layer)], 'Enforce'), 'dec-1', policies)
      .policySet.determining

  expect(determining(['dev', 'prod'], ['prod', 'ops'])).toEqual([])
  expect(determining(['dev', 'ops'], ['prod', 'ops'])).toEqual(['policy.prod'])
  expect(determining(['prod'], ['prod', 'ops'])).toEqual(['policy.two'])
})
