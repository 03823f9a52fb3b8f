import { expect, test } from 'vitest'

import {
  functionArn,
  sha256,
  type DecisionCheck,
  type Facts,
  type SealFinding,
  type SealInput,
} from '../../../services/model/index.ts'
import { JUDGED_ALONE, decide, findingOf, violatingSince } from '../../../services/policy/index.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'
import { publisherFromPem } from '../../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publicPem,
  publisher,
  root,
  sealOf,
} from '../../support/pki.ts'
import { zipOf } from '../../support/zip-builder.ts'
import { listPem, revocationList } from '../../support/revocation-data.ts'

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

const zip = await openZip()
const key = keyPair()
const ca = root()
const DAY_MS = 86_400_000
/** A list whose server is down since yesterday: it is out of date. */
const stalePem = listPem(
  revocationList(ca, { thisUpdateMs: AT_MS - 2 * DAY_MS, nextUpdateMs: AT_MS - DAY_MS }),
)
const byKey = publisher(publicPem(key), { name: 'build' })
const caDocument = {
  ...publisherFromPem(ca.pem),
  revocation: { lists: [{ pem: stalePem }], onFailure: 'closed' as const },
}
const byCa = publisher(caDocument, { name: 'audit' })
const keySeal = await sealOf(zip, identityOf(key), { predicate: { counter: '7' } })
const caSeal = await sealOf(zip, identityOf(issue({ issuer: ca, serial: 7 })))
const tamperedSeal = await sealOf(
  await openZip(zipOf({ 'index.js': 'exports.handler = () => 2' })),
  identityOf(key),
)
const policies = loadShippedPolicies('default')
const stolen = {
  targetKind: 'publisher',
  target: byKey.id,
  effectiveAtMs: 0,
  recordedAtMs: 0,
  reason: 'stolen',
} as const

/** What the gate's checks of what the seals really come to are found to be, under a floor of each of these publishers. */
function foundOf(
  seals: readonly SealInput[],
  given: Pick<Parameters<typeof judgeZip>[2] & object, 'requirements' | 'revocations'>,
  floors: readonly string[] = [],
) {
  const verdict = judgeZip(zip, [byKey, byCa], { detached: seals, ...given })
  const subject = {
    kind: 'function',
    arn,
    codeSha256: digest,
    sha256: digest,
    tree: digest,
    verdict,
  }
  const stage = {
    reach: 'all', exposes: 0, freezes: [], floorExceptions: [], promotions: [],
    rising: [{ place: 'shop:prod', subject: arn, release: digest, share: 1 }],
    floors: floors.map((name) => ({
      publisher: name, counter: '7', place: 'shop:prod', release: digest, raisedAtMs: 0, why: 'soaked',
    })),
    leaving: JUDGED_ALONE,
  } // prettier-ignore
  const about = {
    v: 1, at: '2026-06-01T00:00:00.000Z', world: 1, validUntil: null, action: 'lambda:UpdateAlias',
    principal: { id: 'usr-admin', kind: 'user', name: 'admin', roles: ['admin'], claims: {} },
    resource: functionArn(place, 'shop', 'prod'), release: digest, change: { from: '2', to: '2' },
    subjects: [subject], signingConfig: { arn: 'arn', policy: 'Enforce', allowedPublishers: [] },
    isolation: 'full', loaderVariables: [], noteworthyPaths: [], stage,
  } as unknown as Facts // prettier-ignore
  const { checks } = decide(about, 'dec-none', policies)
  const { state, causes } = findingOf(about, checks, { clockIsOff: false })
  return [verdict.kind, state, ...causes]
}

const TWO = { minSigners: 2, minPublishers: 2 }

test('takes a signer whose list is out of date for one that could not be checked, whoever else is trusted', () => {
  expect(foundOf([keySeal], { requirements: TWO })).toEqual(['untrusted', 'violating', 'publisher'])
  expect(foundOf([keySeal, caSeal], { requirements: TWO })).toEqual(['untrusted', 'indeterminate'])
})

test('takes a counter that a list out of date took away for one that is not known', () => {
  expect(foundOf([keySeal], {}, ['build'])).toEqual(['trusted', 'compliant'])
  expect(foundOf([keySeal], {}, ['audit'])).toEqual(['trusted', 'violating', 'floor'])
  expect(foundOf([keySeal, caSeal], {}, ['audit'])).toEqual(['trusted', 'indeterminate'])
})

test('finds nothing in a revoked seal while another could count, and finds it where none could', () => {
  const given = { revocations: [stolen] }

  expect(foundOf([keySeal], given)).toEqual(['untrusted', 'violating', 'revocation'])
  expect(foundOf([keySeal, caSeal], given)).toEqual(['untrusted', 'indeterminate'])
  expect(foundOf([caSeal, keySeal], given)).toEqual(['untrusted', 'indeterminate'])
})

test('takes what was not judged of a tampered seal for no evidence', () => {
  expect(foundOf([tamperedSeal], {}, ['build'])).toEqual(['tampered', 'violating'])
})
