import { createHash } from 'node:crypto'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  canonicalJson,
  sha256,
  type Decision,
  type DecisionCheck,
} from '../../../services/model/index.ts'
import { compareSides, planHash, worstOf, type JudgedSide } from '../../../services/policy/index.ts'

const check: DecisionCheck = {
  rule: 'policy.a',
  subject: 'f',
  status: 'failed',
  expected: 'x',
  got: 'y',
}
const decision: Decision = {
  id: 'dec-1',
  at: '2026-05-03T14:00:00.000Z',
  outcome: 'allow',
  checks: [check],
  policySet: { version: 'default@1', determining: [] },
  factsDigest: sha256('facts'),
  world: 7,
}
const parts = {
  change: { action: 'lambda:UpdateAlias', resource: 'f:prod', content: { version: '2' } },
  release: sha256('release'),
  revisions: { world: 7, rows: null, live: null },
  decisions: [decision],
}
const withDecision = (over: Partial<Decision>) => ({
  ...parts,
  decisions: [{ ...decision, ...over }],
})

describe('the hash of a plan', () => {
  it('is the same for the same change, whatever it was called and whenever it was asked', () => {
    const again = withDecision({
      id: 'dec-2',
      at: '2027-01-01T00:00:00.000Z',
      factsDigest: sha256(''),
    })

    expect(planHash(again)).toBe(planHash(parts))
    expect(planHash(withDecision({ checks: [{ ...check, got: 'z' }] }))).toBe(planHash(parts))
  })

  it.each([
    ['the content', { ...parts, change: { ...parts.change, content: { version: '3' } } }],
    ['the resource', { ...parts, change: { ...parts.change, resource: 'f:test' } }],
    ['the release', { ...parts, release: null }],
    ['the world', { ...parts, revisions: { ...parts.revisions, world: 8 } }],
    ['the live set', { ...parts, revisions: { ...parts.revisions, live: { opened: 1 } } }],
    ['the outcome', withDecision({ outcome: 'warn' })],
    ['the refusal', withDecision({ refusal: 'POLICY_DENIED' })],
    ['the policy set', withDecision({ policySet: { version: 'default@2', determining: [] } })],
    ['a check', withDecision({ checks: [{ ...check, status: 'warned' }] })],
    ['what a check is about', withDecision({ checks: [{ ...check, subject: 'g' }] })],
    ['the number of decisions', { ...parts, decisions: [] }],
  ])('is another one where %s is', (_what, other) => {
    expect(planHash(other)).not.toBe(planHash(parts))
  })

  it('tells one refusal from another', () => {
    const hashes = (['POLICY_DENIED', 'INVALID_CODE_SIGNATURE'] as const).map((refusal) =>
      planHash(withDecision({ outcome: 'deny', refusal })),
    )

    expect(new Set(hashes).size).toBe(2)
  })

  it('is one of its canonical form, under a tag that no other digest has', () => {
    const { change, release, revisions } = parts
    const text = canonicalJson({
      change,
      release,
      revisions,
      decisions: [
        {
          outcome: 'allow',
          refusal: null,
          policySet: 'default@1',
          checks: [['policy.a', 'f', 'failed']],
        },
      ],
    })
    const expected = createHash('sha256').update(`lacre plan v1\0${text}`).digest('hex')

    expect(planHash(parts)).toBe(expected)
  })
})

const side = (over: Partial<JudgedSide> = {}): JudgedSide => ({
  outcome: 'allow',
  verdict: 'trusted',
  evaluated: true,
  checks: [],
  ...over,
})

describe('an effect', () => {
  it.each([
    ['allow', 'deny', 'refused'],
    ['warn', 'deny', 'refused'],
    ['deny', 'allow', 'admitted'],
    ['deny', 'warn', 'admitted'],
    ['allow', 'warn', 'warned'],
    ['warn', 'allow', 'changed'],
  ] as const)('from %s to %s is called %s', (now, after, kind) => {
    expect(compareSides(side({ outcome: now }), side({ outcome: after }))?.kind).toBe(kind)
  })

  it('is none where outcome and verdict stay, and one where the verdict alone changes', () => {
    expect(compareSides(side(), side({ checks: [check] }))).toBeUndefined()
    expect(compareSides(side(), side({ verdict: 'untrusted' }))?.kind).toBe('changed')
  })

  it('tells both sides without what made them so', () => {
    const before = side({ outcome: 'warn', verdict: 'unsigned', evaluated: false, checks: [check] })

    expect(compareSides(before, side())).toEqual({
      kind: 'changed',
      now: { outcome: 'warn', verdict: 'unsigned', evaluated: false },
      after: { outcome: 'allow', verdict: 'trusted', evaluated: true },
      why: [],
    })
  })

  it('says why: what refuses then, or what refused until now', () => {
    const bad = side({ outcome: 'deny', checks: [check] })

    expect(compareSides(side(), bad)?.why).toEqual([check])
    expect(compareSides(bad, side())?.why).toEqual([check])
  })
})

it('the worst verdict wins, in whatever order they come', () => {
  const order = ['tampered', 'untrusted', 'unsigned', 'trusted', 'none']

  fc.assert(
    fc.property(fc.shuffledSubarray(order, { minLength: 1 }), (kinds) => {
      const worst = order.find((kind) => kinds.includes(kind))
      expect(worstOf(kinds)).toBe(worst)
    }),
  )
  expect(worstOf([])).toBe('none')
})
