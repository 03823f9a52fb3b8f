import { describe, expect, test } from 'vitest'

import type {
  DecisionCheck,
  Facts,
  FloorFact,
  PromotionFact,
  Sha256,
  StageFacts,
  SubjectFacts,
} from '../../../services/model/index.ts'
import { decide } from '../../../services/policy/index.ts'
import { toAdmissionRequest } from '../../../services/policy/admission.ts'
import { waivedContext } from '../../../services/policy/stage-context.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'

/** What an operator set for a stage holds under every policy set, the default one too (RULES §5). */

const HOUR_MS = 3_600_000
const PLACE = 'shop:prod'
const CODE = 'arn:aws:lambda:us-east-1:000000000000:function:shop:2'
const ALIAS = 'arn:aws:lambda:us-east-1:000000000000:function:shop:prod'
const digest = 'ab'.repeat(32) as Sha256
const RULES = ['integrity', 'mismatch', 'expiry', 'revocation'] as const
const policies = loadShippedPolicies('default')

/** Code with one seal of each of these counters, by publisher; trusted unless it is said. */
function code(
  counters: Readonly<Record<string, string>> = {},
  more: { readonly kind?: string; readonly arn?: string; readonly outcome?: string } = {},
): SubjectFacts {
  const { kind = 'function', arn = CODE, outcome = 'trusted' } = more
  const seals = Object.entries(counters).map(([name, counter]) => ({
    digest, counter, outcome, publisher: { name, arn: `arn:${name}`, publisherId: name },
  })) // prettier-ignore
  const findings = RULES.map((rule) => ({ rule, status: 'passed', expected: 'e', got: 'g' }))
  const verdict = { kind: 'trusted', seals, findings, validUntilMs: undefined }
  return { kind, arn, codeSha256: digest, sha256: digest, tree: digest, verdict } as unknown as SubjectFacts
} // prettier-ignore

function facts(stage: Partial<StageFacts> | undefined, more: Partial<Facts> = {}): Facts {
  return {
    v: 1,
    at: '2026-06-01T12:00:00.000Z',
    world: 1,
    validUntil: null,
    principal: { id: 'dora', kind: 'user', name: 'dora', roles: [], claims: {} },
    action: 'lambda:UpdateAlias',
    resource: ALIAS,
    release: digest,
    change: { from: '1', to: '2' },
    subjects: [code()],
    signingConfig: null,
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
    ...(stage !== undefined && {
      stage: {
        reach: 'aliases',
        exposes: 0,
        freezes: [],
        rising: [{ place: PLACE, subject: CODE, release: digest, share: 1 }],
        floors: [],
        floorExceptions: [],
        promotions: [],
        leaving: null,
        ...stage,
      },
    }),
    ...more,
  }
}
const decided = (stage: Partial<StageFacts> | undefined, more: Partial<Facts> = {}) =>
  decide(facts(stage, more), 'dec-1', policies)
const stageChecks = (stage: Partial<StageFacts>, more: Partial<Facts> = {}): DecisionCheck[] =>
  decided(stage, more).checks.filter(({ rule }) => rule.startsWith('stage.'))

const leaving = {
  violating: [{ version: '1', rules: ['signature.revocation'] }],
  to: [{ version: '2', release: digest, decisionId: 'dec-0' }],
}
const WAIVED =
  'waived: the service found that this leaves what violates for what was good here before'

describe('a freeze', () => {
  const byHand = { kind: 'freeze', name: PLACE, reason: 'stocktaking' } as const
  const byClock = { kind: 'window', name: 'weekend', reason: 'nobody is here' } as const

  test('refuses, and says which it is, why, and what to do', () => {
    expect(decided({ freezes: [byHand] })).toMatchObject({
      outcome: 'deny',
      refusal: 'POLICY_DENIED',
      policySet: { determining: ['stage.freeze'] },
    })
    expect(stageChecks({ freezes: [byHand, byClock] })).toEqual([
      {
        rule: 'stage.freeze',
        subject: ALIAS,
        status: 'failed',
        expected: 'no freeze on what changes',
        got: '`shop:prod` is frozen: stocktaking',
        fix: 'lift it (`lacre stage unfreeze shop:prod`); deleting and disabling are never frozen',
      },
      {
        rule: 'stage.freeze',
        subject: ALIAS,
        status: 'failed',
        expected: 'no freeze on what changes',
        got: 'the freeze window `weekend` is open: nobody is here',
        fix: 'wait until the window ends; deleting and disabling are never frozen',
      },
    ])
  })

  test('is waived for who leaves a violation, and stays told', () => {
    expect(decided({ freezes: [byHand], leaving }).outcome).toBe('allow')
    expect(stageChecks({ freezes: [byHand], leaving })).toMatchObject([
      {
        status: 'skipped',
        expected: 'no freeze on what changes',
        got: `\`shop:prod\` is frozen: stocktaking (${WAIVED})`,
      },
    ])
  })

  test('holds nobody up who takes away', () => {
    expect(stageChecks({ freezes: [byHand] }, { takesAway: true })).toEqual([])
    expect(decided({ freezes: [byHand] }, { takesAway: true }).outcome).toBe('allow')
  })
})

describe('a promotion rule', () => {
  const promotion = (soakedMs: number, more: Partial<PromotionFact> = {}): PromotionFact => ({
    place: PLACE,
    rule: 'shop:*',
    from: 'test',
    soakMs: 24 * HOUR_MS,
    subject: CODE,
    release: digest,
    soakedMs,
    ...more,
  })

  test('refuses until its time is over, to the millisecond, and says what is missing', () => {
    const short = promotion(24 * HOUR_MS - 1)

    expect(decided({ promotions: [short] }).refusal).toBe('POLICY_DENIED')
    expect(stageChecks({ promotions: [short] })).toEqual([
      {
        rule: 'stage.promotion',
        subject: CODE,
        status: 'failed',
        expected: '24 h wholly live in `test`, without a break (shop:*)',
        got: '23.99 h of this release',
        fix: 'point `test` at this version, with no second one, and wait',
      },
    ])
  })

  test('passes what was live for as long as it asks, and has nothing to mend then', () => {
    expect(decided({ promotions: [promotion(24 * HOUR_MS)] }).outcome).toBe('allow')
    expect(stageChecks({ promotions: [promotion(24 * HOUR_MS)] })).toEqual([
      {
        rule: 'stage.promotion',
        subject: CODE,
        status: 'passed',
        expected: '24 h wholly live in `test`, without a break (shop:*)',
        got: '24 h of this release',
      },
    ])
  })

  test('is waived for who leaves a violation', () => {
    expect(stageChecks({ promotions: [promotion(0)], leaving })).toMatchObject([
      { status: 'skipped', got: `0 h of this release (${WAIVED})` },
    ])
  })

  test('is told to policies by the release that lacks most', () => {
    const promotions = [
      promotion(30 * HOUR_MS, { from: 'far' }),
      promotion(2.9 * HOUR_MS, { from: 'near', soakMs: 4 * HOUR_MS }),
      promotion(20 * HOUR_MS, { from: 'middle', soakMs: 20 * HOUR_MS }),
    ]

    expect(toAdmissionRequest(facts({ promotions })).context).toMatchObject({
      promotion: { required: true, met: false, from: 'near', soakedHours: 2 },
    })
  })
})

describe('a floor', () => {
  const floor = (counter: string, more: Partial<FloorFact> = {}): FloorFact => ({
    publisher: 'ci',
    counter,
    release: null,
    raisedAtMs: 0,
    why: 'soaked',
    place: PLACE,
    ...more,
  })
  const exception = { id: 'fex-1', place: PLACE, release: digest, expiresAtMs: 3_000 }
  const status = (stage: Partial<StageFacts>, ...subjects: readonly SubjectFacts[]) =>
    stageChecks(stage, { subjects }).map((check) => check.status)

  test('refuses what is below it, and names floor, counter and the way out', () => {
    const subjects = [code({ ci: '6' })]

    expect(decided({ floors: [floor('7')] }, { subjects }).refusal).toBe('POLICY_DENIED')
    expect(stageChecks({ floors: [floor('7')] }, { subjects })).toEqual([
      {
        rule: 'stage.floor',
        subject: CODE,
        status: 'failed',
        expected: 'release counter 7 or above of `ci` in `shop:prod` (soaked)',
        got: '6',
        fix: 'a true rollback wants an exception: `lacre stage except shop:prod`',
      },
    ])
  })

  test('passes what stands on it, and is not waived for who leaves a violation', () => {
    expect(stageChecks({ floors: [floor('7')] }, { subjects: [code({ ci: '7' })] })).toEqual([
      {
        rule: 'stage.floor',
        subject: CODE,
        status: 'passed',
        expected: 'release counter 7 or above of `ci` in `shop:prod` (soaked)',
        got: '7',
      },
    ])
    expect(status({ floors: [floor('7')], leaving }, code({ ci: '6' }))).toEqual(['failed'])
  })

  test('lets an excepted release through, and says by what and until when', () => {
    const stage = { floors: [floor('7')], floorExceptions: [exception] }

    expect(stageChecks(stage, { subjects: [code({ ci: '6' })] })).toEqual([
      {
        rule: 'stage.floor',
        subject: CODE,
        status: 'skipped',
        expected: 'release counter 7 or above of `ci` in `shop:prod` (soaked)',
        got: '6, let through by fex-1 until 1970-01-01T00:00:03.000Z',
      },
    ])
    expect(decided(stage, { subjects: [code({ ci: '6' })] }).outcome).toBe('allow')
  })

  test.each([
    ['another release', { release: 'cd'.repeat(32) }],
    ['another alias', { place: 'shop:test' }],
  ])('is not lowered by an exception for %s', (_what, change) => {
    const floorExceptions = [{ ...exception, ...change }]

    expect(status({ floors: [floor('7')], floorExceptions }, code({ ci: '6' }))).toEqual(['failed'])
  })

  test('asks nothing of another alias', () => {
    expect(status({ floors: [floor('7', { place: 'shop:test' })] }, code({ ci: '6' }))).toEqual([])
  })

  test.each([
    ['has no seal', code()],
    ['another publisher alone has sealed', code({ qa: '9' })],
    ['has a seal that is not trusted', code({ ci: '9' }, { outcome: 'untrusted' })],
    ['is no subject that anybody judged', code({ ci: '9' }, { arn: `${CODE}0` })],
    ['is a layer by that name', code({ ci: '9' }, { kind: 'layer' })],
  ])('counts 0 for what %s', (_what, subject) => {
    expect(stageChecks({ floors: [floor('7')] }, { subjects: [subject] })).toMatchObject([
      { status: 'failed', got: '0' },
    ])
  })

  test('of each publisher is held to, and the one that is not met is told', () => {
    const floors = [floor('7'), floor('3', { publisher: 'qa', why: 'set by an operator' })]

    expect(status({ floors }, code({ ci: '7', qa: '3' }))).toEqual(['passed'])
    expect(stageChecks({ floors }, { subjects: [code({ ci: '8', qa: '2' })] })).toMatchObject([
      {
        status: 'failed',
        expected: 'release counter 3 or above of `qa` in `shop:prod` (set by an operator)',
        got: '2',
      },
    ])
  })

  test('is compared as a number of 64 bits', () => {
    const most = '18446744073709551615'

    expect(status({ floors: [floor('10')] }, code({ ci: '9' }))).toEqual(['failed'])
    expect(status({ floors: [floor(most)] }, code({ ci: '18446744073709551614' }))).toEqual(['failed'])
    expect(status({ floors: [floor(most)] }, code({ ci: most }))).toEqual(['passed'])
  }) // prettier-ignore

  test('is told to policies: the highest that is asked about, and whether all are met', () => {
    const rising = ['shop:a', 'shop:b', 'shop:c'].map((place) => ({
      place, subject: CODE, release: digest, share: 1,
    })) // prettier-ignore
    const floors = [floor('5', { place: 'shop:a' }), floor('9', { place: 'shop:b' })]
    const told = (counter: string) =>
      toAdmissionRequest(facts({ rising, floors }, { subjects: [code({ ci: counter })] })).context

    expect(told('8')).toMatchObject({ floor: { required: true, met: false, counter: 9 } })
    expect(told('9')).toMatchObject({ floor: { required: true, met: true, counter: 9 } })
  })
})

describe('what policies read of stages', () => {
  const context = (stage: Partial<StageFacts> | undefined, more: Partial<Facts> = {}) =>
    toAdmissionRequest(facts(stage, more)).context
  const NOTHING_ASKED = {
    leaving: false,
    floor: { required: false, met: true, counter: 0 },
    freeze: { active: false, names: [] },
    promotion: { required: false, met: true, from: '', soakedHours: 0 },
  }

  test('is there where nobody set anything', () => {
    expect(context({})).toMatchObject({ ...NOTHING_ASKED, reach: 'aliases' })
    expect(context(undefined)).toMatchObject(NOTHING_ASKED)
  })

  test.each([
    ['function', 'all'],
    ['layer', 'none'],
    ['layer, function', 'all'],
  ])('of a %s of which nobody looked: it reaches %s', (kinds, reach) => {
    const subjects = kinds.split(', ').map((kind) => code({}, { kind }))

    expect(context(undefined, { subjects })).toMatchObject({ reach })
  })

  test('names every freeze once, in order', () => {
    const freezes = ['weekend', 'audit', 'weekend'].map((name) => ({
      kind: 'window' as const, name, reason: '',
    })) // prettier-ignore

    expect(context({ freezes })).toMatchObject({
      freeze: { active: true, names: ['audit', 'weekend'] },
    })
  })

  test('is leaving where the service found a target, and not where a version is judged alone', () => {
    expect(context({ leaving })).toMatchObject({ leaving: true })
    expect(context({ leaving: { violating: [], to: [] } })).toMatchObject({ leaving: false })
  })

  test.each([
    ['the highest of one function', [code({ ci: '4', qa: '6', dev: '5' })], 6],
    ['the lowest of several', [code({ ci: '6' }), code({ ci: '4' }), code({ ci: '5' })], 4],
    ['none of a layer', [code({ ci: '6' }), code({ ci: '1' }, { kind: 'layer' })], 6],
    ['none of a seal that is not trusted', [code({ ci: '6' }, { outcome: 'untrusted' })], 0],
    ['0 where nothing would run', [], 0],
    ['the largest exact number for more', [code({ ci: '18446744073709551615' })], 2 ** 53 - 1],
  ])('the counter is %s', (_what, subjects, counter) => {
    expect(context({}, { subjects })).toMatchObject({ counter })
  })

  test('is asked without freeze, soak and approvals of who leaves, and with all else', () => {
    const before = context({ freezes: [{ kind: 'freeze', name: PLACE, reason: '' }], leaving })
    const { freeze, promotion, approvals, ...rest } = waivedContext(before)

    expect({ freeze, promotion }).toEqual({
      freeze: NOTHING_ASKED.freeze,
      promotion: NOTHING_ASKED.promotion,
    })
    expect(approvals).toEqual({
      count: 1_000_000,
      apartFromDeployer: 1_000_000,
      apartFromSigner: 1_000_000,
      apartFromBoth: 1_000_000,
      share: { __extn: { fn: 'decimal', arg: '0.0000' } },
    })
    expect(before).toMatchObject({ ...rest, leaving: true })
  })
})
