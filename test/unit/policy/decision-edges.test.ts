import { describe, expect, test } from 'vitest'

import {
  PlatformError,
  type ApprovalFacts,
  type Facts,
  type Revocation,
  type SealReport,
} from '../../../services/model/index.ts'
import {
  compilePolicySet,
  decide,
  findingOf,
  floorsAt,
  nextFloorRise,
  soakedMs,
  violatingSince,
  type FloorGround,
} from '../../../services/policy/index.ts'
import { approvalCounts } from '../../../services/policy/approvals.ts'
import { exceptionsInForce } from '../../../services/policy/break-glass.ts'
import { isHit } from '../../../services/policy/floor.ts'
import { floorState } from '../../../services/policy/stage-checks.ts'
import { ALIAS, FUNCTION, bareFacts as facts, release } from '../../support/bare-facts.ts'

/** What decisions, approvals, exceptions and floors say where a fact is missing, doubled or of a rare kind. */

const under = (text: string) => ({
  name: 'own',
  set: compilePolicySet([{ name: 'own.cedar', text }]),
})
const rulesOf = (of: Facts, text: string): (readonly [string, string, string])[] =>
  decide(of, 'dec-1', under(text)).checks.map(({ rule, subject, got }) => [rule, subject, got])

describe('what a policy refuses', () => {
  const text = `permit (principal, action, resource); @id("never") forbid (principal, action, resource);`

  test('is told once of a change that is two operations on one thing, and of each thing', () => {
    const publish = 'lambda:PublishVersion'
    const same = facts({ alsoAsked: [{ action: publish, resource: ALIAS }] })
    const other = facts({ alsoAsked: [{ action: publish, resource: FUNCTION }] })
    const never = 'the policy `never` forbids it'

    expect(rulesOf(same, text)).toEqual([['policy.never', ALIAS, never]])
    expect(rulesOf(other, text)).toEqual([
      ['policy.never', ALIAS, never],
      ['policy.never', FUNCTION, never],
    ])
  })

  test('is told with values as people read them, also inside of others', () => {
    const reads = `permit (principal, action, resource);
      @id("shares") forbid (principal, action, resource) when { context.change == context.change };`
    const change = { from: '1', to: '2', weight: 0.1 }

    expect(rulesOf(facts({ change }), reads)).toEqual([
      [
        'policy.shares',
        ALIAS,
        'change: {"from":"1","to":"2","weight":"0.1000","exposes":"0.0000"}',
      ],
    ])
  })

  test('an engine that fails is no answer: whatever it throws goes on', () => {
    const broken = (): never => {
      throw new PlatformError('INTERNAL', 'the engine is gone')
    }

    expect(() => decide(facts(), 'dec-1', under(text), broken)).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    )
  })

  test('facts that no schema knows refuse, and hold nobody back who leaves a violation', () => {
    const unknown = (): never => {
      throw new PlatformError('INVALID_PARAMETER', 'no such fact')
    }
    const leaving = { from: '1', to: '2' } as unknown as NonNullable<Facts['stage']>['leaving']
    const stage = {
      reach: 'aliases', exposes: 0, freezes: [], rising: [], floors: [], floorExceptions: [],
      promotions: [], leaving,
    } as unknown as NonNullable<Facts['stage']> // prettier-ignore
    let asked = 0
    const onlyWaived: Parameters<typeof decide>[3] = () => {
      asked += 1
      if (asked > 1) return unknown()
      return { decision: 'deny', determining: ['never'], errors: [] }
    }
    const told = (decision: ReturnType<typeof decide>) => [
      decision.outcome,
      ...decision.checks.map(({ rule, status, got }) => `${rule} ${status}: ${got}`),
    ]

    expect(told(decide(facts(), 'dec-1', under(text), unknown))).toEqual([
      'deny',
      'policy.request failed: no such fact',
    ])
    expect(told(decide(facts({ stage }), 'dec-1', under(text), onlyWaived))).toEqual([
      'allow',
      'policy.request skipped: no such fact',
    ])
  })

  test('a finding of a signature keeps the publisher that came nearest', () => {
    const finding = { rule: 'mismatch', status: 'failed', expected: 'e', got: 'g', nearest: 'team' }
    const verdict = { kind: 'untrusted', seals: [], findings: [finding] }
    const subject = { kind: 'function', arn: FUNCTION, verdict } as unknown as Facts['subjects'][0]
    const { checks } = decide(facts({ subjects: [subject] }), 'dec-1', under(text))

    expect(checks.find(({ rule }) => rule === 'signature.mismatch')).toMatchObject({
      nearest: 'team',
    })
  })
})

describe('approvals', () => {
  const move = {
    functionName: 'shop', alias: 'prod', leaves: [],
    reaches: [{ version: '2', release, weight: 1 }], raises: [{ version: '2', release, weight: 1 }],
  } as unknown as Facts['move'] // prettier-ignore
  const request = (openedAt: string, approvedAt = '2026-06-01T11:00:00.000Z') =>
    ({
      release,
      openedAt,
      approvers: [{
        principal: 'alice', kind: 'user', approvedAt,
        createdAt: '2026-01-01T00:00:00.000Z', roleSince: '2026-01-01T00:00:00.000Z',
      }],
    }) as unknown as ApprovalFacts // prettier-ignore
  const count = (approvals?: ApprovalFacts[]): number =>
    approvalCounts(facts({ move, ...(approvals && { approvals }) })).count

  test('do not count where a time is none, and there are none where nobody asked for them', () => {
    expect(count([request('2026-06-01T10:00:00.000Z')])).toBe(1)
    expect(count([request('yesterday')])).toBe(0)
    expect(count([request('2026-06-01T10:00:00.000Z', 'soon')])).toBe(0)
    expect(count()).toBe(0)
  })
})

describe('an exception', () => {
  const move = (reaches: readonly unknown[]) =>
    ({
      functionName: 'shop',
      alias: 'prod',
      reaches,
      raises: [],
      leaves: [],
    }) as unknown as Facts['move']

  test('is none for a move that none was granted for, and for one that reaches nothing', () => {
    expect(exceptionsInForce(facts({ move: move([{ release }]) }))).toBeUndefined()
    expect(exceptionsInForce(facts({ move: move([]), exceptions: [] }))).toBeUndefined()
  })

  test('ends a verdict with it, the first of several; one without an end, or unnamed, does not', () => {
    const exceptions = [
      { id: 'brg-1', untilMs: 900 },
      { id: 'brg-2', untilMs: 700 },
      { id: 'brg-3', untilMs: null },
      { id: 'brg-4', untilMs: 100 },
    ] as unknown as NonNullable<Facts['exceptions']>
    const untilOf = (ids: readonly string[], of = facts({ exceptions })) => {
      const checks = [
        { rule: 'policy.x', subject: ALIAS, status: 'warned' as const, expected: 'e', got: 'g', exceptions: ids },
      ] // prettier-ignore
      return findingOf(of, checks, { clockIsOff: false }).untilMs
    }

    expect(untilOf(['brg-1', 'brg-2', 'brg-3'])).toBe(700)
    expect(untilOf(['brg-3'])).toBeNull()
    expect(untilOf(['brg-1'], facts())).toBeNull()
  })
})

describe('a floor', () => {
  const seal = (publisher: string, counter: string, more: Partial<SealReport> = {}): SealReport =>
    ({
      digest: `${publisher}-${counter}`, counter, outcome: 'trusted', expiresAtMs: undefined,
      publisher: { publisherId: `pub-${publisher}`, name: publisher, arn: `arn:${publisher}` },
      signer: { kind: 'key', spkiSha256: 'k1', certificateSha256: 'c1' },
      ...more,
    }) as unknown as SealReport // prettier-ignore
  const ground = (intervals: FloorGround['intervals']): FloorGround => ({
    soakMs: 10,
    ruledAtMs: 0,
    stored: [],
    intervals,
    revocations: [],
    atMs: 100,
  })
  const live = (toMs: number | null, ...seals: SealReport[]): FloorGround['intervals'][number] =>
    ({ slot: 'primary', weight: 1, release, fromMs: 0, toMs, outcome: 'allow', seals }) as FloorGround['intervals'][number] // prettier-ignore

  test('is one to a publisher, told in the order of their names', () => {
    const seals = [seal('web', '3'), seal('app', '7')]

    expect(floorsAt(ground([live(null, ...seals)])).map((one) => [one.publisher, one.counter])).toEqual([
      ['app', '7'],
      ['web', '3'],
    ]) // prettier-ignore
    expect(floorsAt(ground([live(null, ...seals.toReversed())]))).toHaveLength(2)
  })

  test('rises no more where nothing is wholly live', () => {
    expect(nextFloorRise(ground([]))).toBeUndefined()
    expect(nextFloorRise(ground([live(50, seal('app', '1'))]))).toBeUndefined()
  })

  test.each([
    ['seal', 'app-1', 'app-2'],
    ['key', 'k1', 'c1'],
    ['certificate', 'c1', 'k1'],
    ['publisher', 'pub-app', 'app'],
    ['publisher-version', 'arn:app', 'pub-app'],
  ] as const)(
    'falls for a seal whose %s is revoked, and for no other',
    (targetKind, hit, other) => {
      const revoked = (target: string) => ({ targetKind, target }) as unknown as Revocation

      expect(isHit(seal('app', '1'), revoked(hit))).toBe(true)
      expect(isHit(seal('app', '1'), revoked(other))).toBe(false)
    },
  )

  test('that is asked about is the highest of all, whatever stands first', () => {
    const floor = (publisher: string, counter: string) =>
      ({ publisher, counter, place: 'shop:prod', release, raisedAtMs: 0, why: 'soaked' }) as const
    const counterOf = (...floors: readonly ReturnType<typeof floor>[]): string =>
      floorState(
        facts({
          stage: {
            reach: 'aliases', exposes: 0, freezes: [], floorExceptions: [], promotions: [], leaving: null,
            rising: floors.map(({ publisher }) => ({ place: `shop:${publisher}`, subject: FUNCTION, release, share: 1 })),
            floors: floors.map((one) => ({ ...one, place: `shop:${one.publisher}` })),
          } as unknown as NonNullable<Facts['stage']>,
        }),
      ).counter // prettier-ignore

    expect(counterOf(floor('a', '9'), floor('b', '10'))).toBe('10')
    expect(counterOf(floor('a', '10'), floor('b', '9'))).toBe('10')
  })

  test('what soaks still counts up to now', () => {
    const asked = { release, atMs: 100, endedWithinMs: null }

    expect(soakedMs([live(null)], asked)).toBe(100)
    expect(soakedMs([live(30)], asked)).toBe(30)
  })

  test('a violation by an end holds since the first seal ended; one that never ends says nothing', () => {
    const since = (...ends: (number | undefined)[]) => {
      const seals = ends.map((expiresAtMs) => seal('app', '1', { expiresAtMs }))
      const subject = { verdict: { seals } } as unknown as Facts['subjects'][0]
      return violatingSince(facts({ subjects: [subject] }), ['expiry'], { revocations: [], atMs: 100 }) // prettier-ignore
    }

    expect(since(undefined, 60, 40)).toBe(41)
    expect(since(undefined)).toBeUndefined()
  })
})
