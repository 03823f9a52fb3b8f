import { expect, test } from 'vitest'

import {
  functionArn,
  sha256,
  type DecisionCheck,
  type Facts,
  type SealFinding,
} from '../../../services/model/index.ts'
import { findingOf, violatingSince } from '../../../services/policy/index.ts'

/** What is found and what could not be checked are kept apart: only the first is reacted to (RULES §6). */

const place = { account: '000000000000', region: 'us-east-1' }
const arn = functionArn(place, 'shop', '2')
const digest = sha256('code')
const revoked: SealFinding = {
  rule: 'revocation',
  status: 'failed',
  reason: 'publisher-revoked',
  expected: 'not revoked',
  got: 'revoked',
}
const stale: SealFinding = { ...revoked, reason: 'crl-stale' }
const ended: SealFinding = { ...revoked, rule: 'expiry', reason: 'certificate-expired' }
const early: SealFinding = { ...revoked, rule: 'expiry', reason: 'certificate-not-yet-valid' }

function facts(findings: readonly SealFinding[] = []): Facts {
  const seal = { digest, expiresAtMs: 500, publisher: { publisherId: 'pub-1' }, findings }
  return {
    subjects: [
      {
        kind: 'function',
        arn,
        codeSha256: digest,
        verdict: { kind: 'untrusted', findings, seals: [seal] },
      },
    ],
    exceptions: [{ id: 'brg-1', untilMs: 900 }],
  } as unknown as Facts
}

const failed = (rule: string, more: Partial<DecisionCheck> = {}): DecisionCheck => ({
  rule, subject: arn, status: 'failed', expected: 'one thing', got: 'another', ...more,
}) // prettier-ignore
const found = (findings: readonly SealFinding[], ...checks: readonly DecisionCheck[]) => {
  const { state, causes } = findingOf(facts(findings), checks, { clockIsOff: false })
  return [state, ...causes]
}

test.each<[string, readonly SealFinding[], readonly DecisionCheck[], readonly string[]]>([
  ['nothing failed', [], [], ['compliant']],
  ['a recorded revocation', [revoked], [failed('signature.revocation')], ['violating', 'revocation']],
  ['a revocation that a policy refuses for', [revoked], [failed('policy.trusted')], ['violating', 'revocation', 'policy']],
  ['a true expiry', [ended], [failed('signature.expiry')], ['violating', 'expiry']],
  ['another publisher', [], [failed('signature.mismatch')], ['violating', 'publisher']],
  ['another policy', [], [failed('policy.new')], ['violating', 'policy']],
  ['a floor that rose', [], [failed('stage.floor')], ['violating', 'floor']],
  ['a stale list', [stale], [failed('signature.revocation')], ['indeterminate']],
  ['a policy that refuses for a stale list', [stale], [failed('policy.trusted')], ['indeterminate']],
  ['a stale list beside a revocation', [stale, revoked], [failed('signature.revocation')], ['violating', 'revocation']],
  ['a certificate of a time to come', [early], [failed('signature.expiry')], ['indeterminate']],
  ['a policy that errs', [], [failed('policy.new', { status: 'skipped', unevaluated: true })], ['indeterminate']],
  ['a set that cannot be used', [], [failed('policy.set', { unevaluated: true })], ['indeterminate']],
  ['a seal that is wrong for the bytes, which nobody recorded', [], [failed('signature.integrity')], ['violating']],
  ['an exception', [revoked], [failed('signature.revocation', { status: 'warned', exceptions: ['brg-1'] })], ['excepted']],
])('%s', (_what, findings, checks, expected) => {
  expect(found(findings, ...checks)).toEqual(expected)
}) // prettier-ignore

test('tells until when an exception lets it be', () => {
  const check = failed('policy.new', { status: 'warned', exceptions: ['brg-1'] })

  expect(findingOf(facts(), [check], { clockIsOff: false }).untilMs).toBe(900)
})

test('believes nothing while the wall clock is off, and says so', () => {
  const checks = [failed('signature.expiry')]
  const { state, causes, reasons } = findingOf(facts([ended]), checks, { clockIsOff: true })

  expect([state, causes]).toEqual(['indeterminate', []])
  expect(reasons.map(({ rule }) => rule)).toEqual(['clock', 'signature.expiry'])
})

test('holds since the earliest of what is part of it and has come to pass', () => {
  const of = (effectiveAtMs: number, target = 'pub-1') =>
    ({ targetKind: 'publisher', target, effectiveAtMs, recordedAtMs: 0, reason: '' }) as const
  const revocations = [of(300), of(200), of(100, 'pub-2')]
  const since = (atMs: number, ...causes: readonly ('revocation' | 'expiry' | 'policy')[]) =>
    violatingSince(facts(), causes, { revocations, atMs })

  expect(since(1_000, 'revocation')).toBe(200)
  expect(since(1_000, 'expiry')).toBe(501)
  expect(since(400, 'expiry')).toBeUndefined()
  expect(since(1_000, 'policy')).toBeUndefined()
})
