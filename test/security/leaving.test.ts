import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { Sha256 } from '../../services/model/index.ts'
import {
  createCodeSigningConfig,
  freeze,
  lastCompliant,
  readApprovalRequest,
  requestApproval,
  revoke,
  setFloor,
  setPromotionRule,
} from '../../services/operations/index.ts'
import { askInstead } from '../support/policies.ts'
import { compilePolicySet } from '../../services/policy/index.ts'
import { CALLER, type Answered } from '../support/lambda-api.ts'
import { NAME, startStaged, told, type Staged } from '../support/staged.ts'

/** Promise P5: whoever is authorized leaves what violates, from any state; and by leaving nobody gets in. */

const HOUR_MS = 3_600_000
const path = { FunctionName: NAME }
const freezeAll = { scope: NAME, reason: 'incident' }

let staged: Staged
beforeEach(async () => {
  staged = await startStaged()
})
afterEach(() => staged[Symbol.asyncDispose]())

/** Swaps the admission set for this text, without a schema: what errs does so when it is asked. */
function policies(text: string): void {
  const set = compilePolicySet([{ name: 'test.cedar', text }])
  askInstead(staged.api, { name: 'test', set })
}

/** An enforcing config that trusts these publishers, attached to the function. */
async function enforce(...names: readonly string[]): Promise<void> {
  const { api } = staged
  const rows = await api.deps.store.reader
    .selectFrom('publisher')
    .innerJoin('publisher_version', 'publisher_version.publisher_id', 'publisher.id')
    .select(['publisher.name', 'publisher_version.version'])
    .where('publisher.name', 'in', [...names])
    .execute()
  const { result } = await createCodeSigningConfig(api.deps, CALLER, {
    publisherArns: rows.map(
      ({ name, version }) =>
        `arn:aws:signer:us-east-1:000000000000:/signing-profiles/${name}/${version}`,
    ),
    policy: 'Enforce',
    tags: {},
  })
  const json = { CodeSigningConfigArn: result.arn }
  expect((await api.call('PutFunctionCodeSigningConfig', { path, json })).status).toBe(200)
}

async function revokePublisher(name: string): Promise<void> {
  await revoke(staged.api.deps, CALLER, {
    subject: { kind: 'publisher', name },
    effectiveAtMs: undefined,
    reason: 'stolen',
  })
}

/** `prod` serves what `bad` sealed; before it served what `ci` sealed. Then `bad` is revoked. */
async function violating(): Promise<{ readonly good: string; readonly bad: string }> {
  const { publisher, release, point } = staged
  const thief = await publisher('bad')
  const good = await release('good', '1')
  const bad = await release('bad', '1', thief)
  await enforce('ci', 'bad')
  await point('prod', good)
  expect((await point('prod', bad)).status).toBe(200)
  await revokePublisher('bad')
  return { good, bad }
}

describe('moving away from what violates, to what was good here before', () => {
  test('is not held up by a freeze and says what was waived, and why', async () => {
    const { good, bad } = await violating()
    await freeze(staged.api.deps, CALLER, freezeAll)

    const answer = await staged.point('prod', good)

    expect(answer.status).toBe(200)
    const { decision, facts } = await staged.decision(answer)
    expect(told(decision, 'stage.freeze')).toEqual([
      expect.stringMatching(/^skipped .*frozen: incident \(waived: the service found/),
    ])
    expect(facts.stage?.leaving).toMatchObject({
      violating: [{ version: bad, rules: ['signature.revocation'] }],
      to: [{ version: good, decisionId: expect.stringMatching(/^dec-/) as string }],
    })
  })

  test('is not held up by soak', async () => {
    const { good } = await violating()
    await setPromotionRule(staged.api.deps, CALLER, {
      scope: `${NAME}:prod`,
      from: 'staging',
      soakMs: 24 * HOUR_MS,
      endedWithinMs: null,
    })

    expect((await staged.point('prod', good)).status).toBe(200)
  })

  test('is not held up by policies that read freeze, promotion or approvals, and by no others spared', async () => {
    const { good } = await violating()
    await freeze(staged.api.deps, CALLER, freezeAll)
    const everything = '@id("all") permit (principal, action, resource);'
    const approvals =
      '@id("approved") forbid (principal, action == Lacre::Action::"lambda:UpdateAlias", resource) unless { context has approvals && context.approvals.count >= 2 };'
    const frozen =
      '@id("thawed") forbid (principal, action == Lacre::Action::"lambda:UpdateAlias", resource) when { context.freeze.active };'
    policies(`${everything}\n${approvals}\n${frozen}`)

    const answer = await staged.point('prod', good)

    expect(answer.status).toBe(200)
    const { decision } = await staged.decision(answer)
    const skipped = decision.checks.filter(({ status }) => status === 'skipped')
    expect(skipped.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(['policy.approved', 'policy.thawed', 'stage.freeze']),
    )
  })

  test('is held up by what a policy that reads the freeze forbids besides', async () => {
    const { good } = await violating()
    const mixed =
      'permit (principal, action, resource); @id("mixed") forbid (principal, action == Lacre::Action::"lambda:UpdateAlias", resource) when { context.freeze.active || context.isolation == "none" };'
    policies(mixed)

    const answer = await staged.point('prod', good)

    // The runtime of the test isolates nothing: that is no matter of freezing.
    expect(answer.status).toBe(403)
    expect(told((await staged.decision(answer)).decision, 'policy.mixed')).toHaveLength(1)
  })

  test('works under a broken policy set and a revoked publisher', async () => {
    const { good } = await violating()
    await freeze(staged.api.deps, CALLER, freezeAll)
    policies('@id("broken") forbid (principal, action, resource) when { context.nowhere.to.be };')

    const answer = await staged.point('prod', good)

    expect(answer.status).toBe(200)
    const { decision } = await staged.decision(answer)
    expect(decision.checks.find(({ rule }) => rule === 'policy.broken')?.status).toBe('skipped')
  })

  test('takes the weight off a violating second version', async () => {
    const { publisher, release, point, api } = staged
    const thief = await publisher('bad')
    const good = await release('good', '1')
    const bad = await release('bad', '1', thief)
    await enforce('ci', 'bad')
    await point('prod', good)
    expect((await point('prod', good, { [bad]: 0.5 })).status).toBe(200)
    await revokePublisher('bad')
    await freeze(api.deps, CALLER, freezeAll)

    expect((await point('prod', good)).status).toBe(200)
  })
})

describe('a request to approve more of a release', () => {
  /** `bad` has half of the calls, and somebody asks for all of them. */
  async function asked(): Promise<{ readonly good: string; readonly id: string }> {
    const { publisher, release, point, api } = staged
    const thief = await publisher('bad')
    const good = await release('good', '1')
    const bad = await release('bad', '1', thief)
    await enforce('ci', 'bad')
    await point('prod', good)
    expect((await point('prod', good, { [bad]: 0.5 })).status).toBe(200)
    const { id, kind, name } = CALLER.principal
    await api.deps.store.transaction((tx) =>
      tx
        .insertInto('principal')
        .values({ id, kind, name, roles: '["admin"]', created_at: 0 })
        .execute(),
    )
    const { result } = await requestApproval(api.deps, CALLER, {
      functionName: NAME,
      alias: 'prod',
      version: bad,
      weight: 1,
      reason: 'it went well',
      forMs: HOUR_MS,
    })
    return { good, id: result.id }
  }

  test('is void once the release was left because it violates, in the transaction of the move', async () => {
    const { good, id } = await asked()
    await revokePublisher('bad')
    await freeze(staged.api.deps, CALLER, freezeAll)
    expect((await readApprovalRequest(staged.api.deps, id)).state).toBe('open')

    const answer = await staged.point('prod', good)

    expect(answer.status).toBe(200)
    expect(await readApprovalRequest(staged.api.deps, id)).toMatchObject({
      state: 'void',
      settledBy: (await staged.decision(answer)).decision.id,
    })
  })

  test('stays open where a compliant release is taken back', async () => {
    const { good, id } = await asked()

    expect((await staged.point('prod', good)).status).toBe(200)
    expect((await readApprovalRequest(staged.api.deps, id)).state).toBe('open')
  })
})

describe('is no leaving, and refused while frozen', () => {
  const moveRefused = async (answer: Answered): Promise<void> => {
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(404)
    expect((await staged.decision(answer)).facts.stage?.leaving).toBeNull()
  }

  test('a move away from what is compliant', async () => {
    const one = await staged.release('one', '1')
    const two = await staged.release('two', '2')
    await enforce('ci')
    await staged.point('prod', one)
    await staged.point('prod', two)
    await freeze(staged.api.deps, CALLER, freezeAll)

    await moveRefused(await staged.point('prod', one))
  })

  test('a move to what was never live in this alias, also where another alias had it', async () => {
    const other = await staged.release('other', '1')
    await staged.point('staging', other)
    await violating()
    await freeze(staged.api.deps, CALLER, freezeAll)

    await moveRefused(await staged.point('prod', other))
  })

  test.each<[string, (it: string, good: string) => [string, Record<string, number>]]>([
    ['beside another', (it, good) => [good, { [it]: 0.1 }]],
    ['as the first with little weight', (it, good) => [it, { [good]: 0.9 }]],
  ])('a move to what was a canary alone, %s', async (_how, shares) => {
    const { publisher, release, point } = staged
    const thief = await publisher('bad')
    const good = await release('good', '1')
    const canary = await release('canary', '1')
    const bad = await release('bad', '1', thief)
    await enforce('ci', 'bad')
    await point('prod', good)
    expect((await point('prod', ...shares(canary, good))).status).toBe(200)
    expect((await point('prod', bad)).status).toBe(200)
    await revokePublisher('bad')
    await freeze(staged.api.deps, CALLER, freezeAll)

    await moveRefused(await point('prod', canary))
    expect((await point('prod', good)).status).toBe(200)
  })

  test('a move that leaves weight on what violates', async () => {
    const { good, bad } = await violating()
    await freeze(staged.api.deps, CALLER, freezeAll)

    await moveRefused(await staged.point('prod', good, { [bad]: 0.01 }))
  })

  test('a move to what violates itself', async () => {
    const { good } = await violating()
    await freeze(staged.api.deps, CALLER, freezeAll)
    await revokePublisher('ci')

    await moveRefused(await staged.point('prod', good))
  })

  test('a move below the floor', async () => {
    const { good } = await violating()
    await setFloor(staged.api.deps, CALLER, {
      functionName: NAME,
      alias: 'prod',
      soakMs: HOUR_MS,
      raise: { publisher: 'ci', counter: '2' },
    })
    await freeze(staged.api.deps, CALLER, freezeAll)

    await moveRefused(await staged.point('prod', good))
  })
})

describe('taking away', () => {
  test('passes from any state: frozen, refused by every policy, publisher revoked', async () => {
    const { good } = await violating()
    const { api } = staged
    const alias = { ...path, Name: 'prod' }
    const capacity = { ProvisionedConcurrentExecutions: 1 }
    const put = { path, query: { Qualifier: good }, json: capacity }
    expect((await api.call('PutProvisionedConcurrencyConfig', put)).status).toBe(202)
    await freeze(api.deps, CALLER, freezeAll)
    policies('forbid (principal, action, resource);')

    const disabled = await api.call('PutFunctionConcurrency', {
      path,
      json: { ReservedConcurrentExecutions: 0 },
    })
    // Provisioned capacity keeps a cap of 0 away, as on AWS: it goes first.
    const scaled = await api.call('DeleteProvisionedConcurrencyConfig', {
      path,
      query: { Qualifier: good },
    })
    const off = await api.call('PutFunctionConcurrency', {
      path,
      json: { ReservedConcurrentExecutions: 0 },
    })
    const opened = await api.call('DeleteFunctionConcurrency', { path })
    const raised = await api.call('PutFunctionConcurrency', {
      path,
      json: { ReservedConcurrentExecutions: 5 },
    })
    const gone = await api.call('DeleteAlias', { path: alias })
    const deleted = await api.call('DeleteFunction', { path })

    expect(disabled.status).toBe(400)
    expect([scaled, off, gone, deleted].map(({ status }) => status)).toEqual([204, 200, 204, 204])
    // Switching on again is no leaving.
    expect([opened.status, raised.status].every((status) => status === 400 || status === 403)).toBe(true)
  }) // prettier-ignore
})

describe('where an alias may return to by itself', () => {
  test('is the version that was live there last and is compliant now', async () => {
    const { good } = await violating()
    const { deps, clock } = staged.api

    expect(await lastCompliant(deps, NAME, 'prod', { atMs: clock.nowMs() })).toMatchObject({
      version: good,
    })
    await revokePublisher('ci')
    expect(await lastCompliant(deps, NAME, 'prod', { atMs: clock.nowMs() })).toBeUndefined()
    expect(await lastCompliant(deps, NAME, 'nowhere', { atMs: clock.nowMs() })).toBeUndefined()
  })

  test('is no canary, and not the release that is to leave', async () => {
    const { release, point, api } = staged
    const one = await release('one', '1')
    const two = await release('two', '2')
    await point('prod', one, { [two]: 0.4 })
    const { deps, clock } = api
    const last = async (leaving?: Sha256) =>
      (await lastCompliant(deps, NAME, 'prod', { atMs: clock.nowMs(), leaving }))?.version

    expect(await last()).toBe(one)
    await point('prod', two)
    expect(await last()).toBe(two)
    const { release: leaving } =
      (await lastCompliant(deps, NAME, 'prod', { atMs: clock.nowMs() })) ?? {}
    expect(await last(leaving)).toBe(one)
  })

  test('is nothing below the floor', async () => {
    await violating()
    const { deps, clock } = staged.api
    await setFloor(deps, CALLER, {
      functionName: NAME,
      alias: 'prod',
      soakMs: HOUR_MS,
      raise: { publisher: 'ci', counter: '2' },
    })

    expect(await lastCompliant(deps, NAME, 'prod', { atMs: clock.nowMs() })).toBeUndefined()
  })
})
