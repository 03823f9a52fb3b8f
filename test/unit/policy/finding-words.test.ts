import { describe, expect, test } from 'vitest'

import {
  sha256,
  type DecisionCheck,
  type Facts,
  type SealFinding,
} from '../../../services/model/index.ts'
import { findingOf, unjudged, violatingSince } from '../../../services/policy/index.ts'

/** What an operator reads of a version that was judged again, within its limits; what is evidence and what is none. */

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:shop:2'
const check = (rule: string, more: Partial<DecisionCheck> = {}): DecisionCheck => ({
  rule, subject: ARN, status: 'failed', expected: 'one thing', got: 'another', ...more,
}) // prettier-ignore
const finding = (rule: SealFinding['rule'], reason?: string): SealFinding => ({
  rule, status: 'failed', expected: 'e', got: 'g', ...(reason !== undefined && { reason }),
}) // prettier-ignore
const revoked = finding('revocation', 'publisher-revoked')

interface SealShape {
  readonly findings?: readonly SealFinding[]
  readonly publisher?: string
  readonly expiresAtMs?: number
}
function facts(
  verdict: readonly SealFinding[] = [],
  seals: readonly SealShape[] = [],
  exceptions?: readonly object[],
): Facts {
  const told = seals.map(({ findings = [], publisher = 'pub-1', expiresAtMs }) => ({
    digest: sha256(publisher), findings, expiresAtMs, publisher: { publisherId: publisher },
  })) // prettier-ignore
  const subject = { kind: 'function', arn: ARN, verdict: { findings: verdict, seals: told } }
  return { subjects: [subject], ...(exceptions && { exceptions }) } as unknown as Facts
}
const believed = { clockIsOff: false }
const reason = (rule: string, more: Partial<DecisionCheck> = {}) => {
  const { subject, expected, got } = check(rule, more)
  return { rule, subject, expected, got }
}

describe('a finding', () => {
  const excepted = check('policy.a', { status: 'warned', exceptions: ['brg-1'] })
  const until = (...ends: readonly number[]) =>
    facts([], [], ends.map((untilMs, at) => ({ id: `brg-${at + 1}`, untilMs }))) // prettier-ignore
  const skipped = check('policy.b', { status: 'skipped', unevaluated: true })

  test.each<[string, Facts, readonly DecisionCheck[], ReturnType<typeof findingOf>]>([
    ['of nothing is all there is', facts(), [check('policy.a', { status: 'passed' })],
      { state: 'compliant', reasons: [], causes: [], untilMs: null }],
    ['tells what fails alone, whatever else was not asked or is let through', until(900), [check('policy.c'), skipped, excepted],
      { state: 'violating', reasons: [reason('policy.c')], causes: ['policy'], untilMs: null }],
    ['tells what could not be asked, also beside what is let through', until(900), [skipped, excepted],
      { state: 'indeterminate', reasons: [reason('policy.b')], causes: [], untilMs: null }],
    ['tells what is let through, and until when', until(900), [excepted],
      { state: 'excepted', reasons: [reason('policy.a')], causes: [], untilMs: 900 }],
    ['ends with the first of the exceptions that any check names', until(900, 700, 100),
      [excepted, check('policy.d', { status: 'warned', exceptions: ['brg-2'] })],
      { state: 'excepted', reasons: [reason('policy.a'), reason('policy.d')], causes: [], untilMs: 700 }],
  ])('%s', (_what, of, checks, expected) => {
    expect(findingOf(of, checks, believed)).toEqual(expected)
  }) // prettier-ignore

  test('keeps eight reasons, and 300 characters of each text in them', () => {
    const long = 'x'.repeat(301)
    const checks = Array.from({ length: 9 }, (_none, at) =>
      check(`policy.${at}`, { subject: long, expected: long, got: long }),
    )
    const cut = 'x'.repeat(300)

    expect(findingOf(facts(), checks, believed).reasons).toEqual(
      checks.slice(0, 8).map(({ rule }) => ({ rule, subject: cut, expected: cut, got: cut })),
    )
  })

  test('has the clock that nobody can believe for the first of its eight', () => {
    const checks = Array.from({ length: 9 }, (_none, at) => check(`policy.${at}`))
    const { reasons, ...rest } = findingOf(facts(), checks, { clockIsOff: true })

    expect(rest).toEqual({ state: 'indeterminate', causes: [], untilMs: null })
    expect(reasons).toEqual([
      {
        rule: 'clock',
        subject: '',
        expected: 'a wall clock that goes as the monotonic clock does',
        got: 'it is off by more than 60 s since the service started',
      },
      ...checks.slice(0, 7).map(({ rule }) => reason(rule)),
    ])
  })

  test('is none where the judgement failed, and says why', () => {
    const why = `it broke: ${'x'.repeat(400)}`

    expect(unjudged(why)).toEqual({
      state: 'indeterminate',
      reasons: [{ rule: 'evaluation', subject: '', expected: 'a judgement', got: why.slice(0, 300) }],
      causes: [],
      untilMs: null,
    })
  }) // prettier-ignore
})

describe('a cause', () => {
  const expired = finding('expiry', 'certificate-expired')

  test.each<[string, Facts, readonly string[], readonly string[]]>([
    ['is found beside others, each by itself', facts([revoked, expired]), ['signature.revocation', 'stage.floor', 'signature.mismatch', 'policy.a'],
      ['revocation', 'expiry', 'floor', 'publisher', 'policy']],
    ['is no revocation where a floor alone refuses', facts([revoked, expired]), ['stage.floor'], ['floor']],
    ['is no revocation where nothing refuses that seals could answer', facts([revoked, expired]), ['stage.freeze'], []],
    ['is a finding that gives no reason', facts([finding('expiry')]), ['signature.expiry'], ['expiry']],
    ['is found of one seal beside another that is sound', facts([revoked], [{ findings: [revoked] }, {}]), ['policy.a'], ['revocation', 'policy']],
    ['is not found of one seal beside another that could not be checked',
      facts([revoked], [{ findings: [revoked] }, { findings: [finding('revocation', 'crl-missing')] }]), ['policy.a'], []],
    ['is found of a seal of which more is known than what could not be checked',
      facts([revoked], [{ findings: [revoked, finding('revocation', 'crl-missing')] }]), ['policy.a'], ['revocation']],
    ['is not found where a finding was not judged', facts([finding('mismatch', 'not-judged')]), ['signature.mismatch'], []],
  ])('%s', (_what, of, rules, expected) => {
    const { causes, state } = findingOf(of, rules.map((rule) => check(rule)), believed)

    expect(causes).toEqual(expected)
    expect(state).toBe(expected.length > 0 ? 'violating' : 'indeterminate')
  }) // prettier-ignore
})

describe('since when it holds', () => {
  const revocation = (target: string, effectiveAtMs: number) =>
    ({ targetKind: 'publisher', target, effectiveAtMs, recordedAtMs: 0, reason: '' }) as const
  const seals = facts([], [{ publisher: 'pub-1', expiresAtMs: 99 }, { publisher: 'pub-2' }])

  test.each([
    ['the revocation of one of two seals', ['revocation'], 100, 40],
    ['a revocation of this millisecond', ['revocation'], 40, 40],
    ['no revocation of a time to come', ['revocation'], 39, undefined],
    ['the end of one of two seals, the millisecond after it', ['expiry'], 100, 100],
    ['no end of a time to come', ['expiry'], 99, undefined],
    ['nothing that is a date', ['policy', 'floor', 'publisher'], 100, undefined],
  ] as const)('%s', (_what, causes, atMs, expected) => {
    const revocations = [revocation('pub-3', 10), revocation('pub-2', 40)]

    expect(violatingSince(seals, causes, { revocations, atMs })).toBe(expected)
  })
})
