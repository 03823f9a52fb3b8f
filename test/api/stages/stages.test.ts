import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { verifyLedger } from '../../../services/audit/index.ts'
import { PlatformError, type FreezeWindow } from '../../../services/model/index.ts'
import {
  freeze,
  grantFloorException,
  invoke,
  liftFreeze,
  readStages,
  revoke,
  setFloor,
  setFreezeWindow,
  setPromotionRule,
  setReach,
} from '../../../services/operations/index.ts'
import { CALLER } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { NAME, startStaged, told, type Staged } from '../../support/staged.ts'
import { stored } from '../../support/stored.ts'

const HOUR_MS = 3_600_000
const prod = { functionName: NAME, alias: 'prod' }

let staged: Staged
beforeEach(async () => {
  staged = await startStaged()
})
afterEach(async () => {
  const { api } = staged
  const report = await api.deps.store.snapshot((reader) => verifyLedger(reader, { data: true }))
  expect(report.findings).toEqual([])
  await staged[Symbol.asyncDispose]()
})

const path = { FunctionName: NAME }

describe('a freeze', () => {
  it('refuses every move of the alias in the default set too, tells why, keeps nothing, until it is lifted', async () => {
    const { api, point, release } = staged
    const one = await release('one')
    const two = await release('two')
    await point('prod', one)
    await freeze(api.deps, CALLER, { scope: `${NAME}:prod`, reason: 'audit' })
    const before = await stored(api.deps)

    const answer = await point('prod', two)

    expect(answer.status).toBe(403)
    const { decision } = await staged.decision(answer)
    expect(told(decision, 'stage.freeze')).toEqual([`failed \`${NAME}:prod\` is frozen: audit`])
    expect(await stored(api.deps)).toEqual(before)
    expect((await point('staging', two)).status).toBe(201)
    await liftFreeze(api.deps, CALLER, `${NAME}:prod`)
    expect((await point('prod', two)).status).toBe(200)
  })

  it('of a function belongs to its name: it outlives the function and meets the one made again', async () => {
    const { api, release } = staged
    await release('one')
    await freeze(api.deps, CALLER, { scope: NAME, reason: 'holiday' })

    expect((await api.call('DeleteFunction', { path })).status).toBe(204)
    const created = await api.call('CreateFunction', {
      json: { FunctionName: NAME, Role: 'arn:aws:iam::000000000000:role/r', Runtime: 'nodejs20.x', Handler: 'index.handler' },
      zip: nodePackage('again'),
    }) // prettier-ignore

    expect(created.status).toBe(403)
    const settings = await api.call('PutFunctionEventInvokeConfig', { path, json: { MaximumRetryAttempts: 1 } })
    expect(settings.status).toBe(404)
  }) // prettier-ignore

  it('stops uploads, configuration and settings of the function, and no tag', async () => {
    const { api, release } = staged
    await release('one')
    await freeze(api.deps, CALLER, { scope: NAME, reason: 'audit' })

    const statuses = [
      await api.call('UpdateFunctionCode', { path, zip: nodePackage('two') }),
      await api.call('UpdateFunctionConfiguration', { path, json: { Timeout: 9 } }),
      await api.call('PutFunctionEventInvokeConfig', { path, json: { MaximumRetryAttempts: 1 } }),
      await api.call('PutFunctionRecursionConfig', { path, json: { RecursiveLoop: 'Allow' } }),
      await api.call('TagResource', {
        path: { Resource: `arn:aws:lambda:us-east-1:000000000000:function:${NAME}` },
        json: { Tags: { key: 'value' } },
      }),
    ].map(({ status }) => status)

    expect(statuses).toEqual([403, 403, 403, 403, 204])
  })

  it('in a window holds by the clock, also when the window opens between decision and commit', async () => {
    const { api, point, release } = staged
    const one = await release('one')
    const two = await release('two')
    await point('prod', one)
    const clock = api.clock
    const minute = Math.floor(clock.nowMs() / 60_000) * 60_000
    clock.set(minute)
    const text = (ms: number): string => new Date(ms).toISOString().slice(0, 16)
    const window: FreezeWindow = {
      name: 'turn',
      timeZone: 'UTC',
      scope: '*:prod',
      holidays: [],
      ranges: [{ kind: 'dated', from: text(minute + 60_000), to: text(minute + 120_000) }],
    }
    await setFreezeWindow(api.deps, CALLER, window)
    const { store } = api.deps
    const snapshot = store.snapshot.bind(store)
    let moved = false
    // Right after what is decided on was read, the clock goes into the window.
    const spy = async <T>(work: Parameters<typeof snapshot<T>>[0]): Promise<T> => {
      const read = await snapshot(work)
      if (!moved && typeof read === 'object' && read !== null && 'world' in read) {
        moved = true
        clock.set(minute + 60_000)
      }
      return read
    }
    store.snapshot = spy

    const during = await point('prod', two)

    expect(moved).toBe(true)
    expect(during.status).toBe(403)
    store.snapshot = snapshot
    clock.set(minute + 120_000)
    expect((await point('prod', two)).status).toBe(200)
  })
})

describe('promotion', () => {
  it('waits until the release was wholly live in the alias before it for so long, without a break', async () => {
    const { api, point, release, hours } = staged
    const one = await release('one')
    const two = await release('two')
    await setPromotionRule(api.deps, CALLER, {
      scope: `${NAME}:prod`, from: 'staging', soakMs: 24 * HOUR_MS, endedWithinMs: null,
    }) // prettier-ignore
    await point('staging', one, { [two]: 0.5 })
    hours(30)

    const shared = await point('prod', one)
    await point('staging', two)
    hours(23)
    const early = await point('prod', two)
    hours(1)
    const soaked = await point('prod', two)

    // Half of the calls is not all of them.
    expect([shared.status, early.status, soaked.status]).toEqual([403, 403, 201])
    const { decision } = await staged.decision(early)
    expect(told(decision, 'stage.promotion')).toEqual(['failed 23 h of this release'])
  })

  it('is not interrupted by a new description, and judges both versions and a rising weight', async () => {
    const { api, point, release, hours } = staged
    const one = await release('one')
    const two = await release('two')
    await point('prod', one)
    await setPromotionRule(api.deps, CALLER, {
      scope: '*:prod', from: 'staging', soakMs: 10 * HOUR_MS, endedWithinMs: null,
    }) // prettier-ignore
    await point('staging', two)
    hours(5)
    const described = { path: { ...path, Name: 'staging' }, json: { Description: 'new' } }
    expect((await api.call('UpdateAlias', described)).status).toBe(200)

    const canary = await point('prod', one, { [two]: 0.1 })
    hours(5)
    const later = await point('prod', one, { [two]: 0.1 })
    const whole = await point('prod', two)

    expect([canary.status, later.status, whole.status]).toEqual([403, 200, 200])
    const shown = await Promise.all([later, whole].map((one) => staged.decision(one)))
    expect(shown.map(({ facts }) => facts.stage?.exposes)).toEqual([0.1, 1])
  })

  it('with a bound forgets a soak that ended too long ago', async () => {
    const { api, point, release, hours } = staged
    const one = await release('one')
    const two = await release('two')
    await point('staging', one)
    hours(10)
    await point('staging', two)
    const rule = { scope: `${NAME}:prod`, from: 'staging', soakMs: 10 * HOUR_MS }
    await setPromotionRule(api.deps, CALLER, { ...rule, endedWithinMs: 2 * HOUR_MS })
    hours(3)

    expect((await point('prod', one)).status).toBe(403)
    await setPromotionRule(api.deps, CALLER, { ...rule, endedWithinMs: null })
    expect((await point('prod', one)).status).toBe(201)
  })
})

describe('a floor', () => {
  it('rises when a release was wholly live for its soak time, and refuses lower counters, older and unsigned code', async () => {
    const { api, point, release, hours } = staged
    const three = await release('three', '3')
    const five = await release('five', '5')
    const bare = await release('bare')
    await setFloor(api.deps, CALLER, { ...prod, soakMs: 2 * HOUR_MS })
    await point('prod', three)
    await point('prod', five)
    hours(1)
    expect((await point('prod', three)).status).toBe(200)
    await point('prod', five)
    hours(2)

    const lower = await point('prod', three)
    const unsigned = await point('prod', bare)

    expect([lower.status, unsigned.status]).toEqual([403, 403])
    const shown = await Promise.all([lower, unsigned].map((one) => staged.decision(one)))
    expect(shown.map(({ decision }) => told(decision, 'stage.floor'))).toEqual([['failed 3'], ['failed 0']])
    expect((await readStages(api.deps)).floors).toMatchObject([
      { alias: 'prod', floors: [{ publisher: 'ci', counter: '5', why: 'soaked' }] },
    ])
  }) // prettier-ignore

  it('compares counters beyond 2^53 exactly', async () => {
    const { api, point, release } = staged
    const low = await release('low', '18446744073709551614')
    const high = await release('high', '18446744073709551615')
    await setFloor(api.deps, CALLER, {
      ...prod, soakMs: 0, raise: { publisher: 'ci', counter: '18446744073709551615' },
    }) // prettier-ignore

    expect((await point('prod', low)).status).toBe(403)
    expect((await point('prod', high)).status).toBe(201)
  })

  it('outlives alias and function, and falls only by an exception that expires', async () => {
    const { api, point, release, hours } = staged
    const three = await release('three', '3')
    const five = await release('five', '5')
    await setFloor(api.deps, CALLER, { ...prod, soakMs: HOUR_MS })
    await point('prod', five)
    hours(1)
    await api.call('DeleteAlias', { path: { ...path, Name: 'prod' } })
    expect((await point('prod', three)).status).toBe(403)

    await grantFloorException(api.deps, CALLER, {
      ...prod, version: three, reason: 'five breaks', expiresAtMs: api.clock.nowMs() + HOUR_MS,
    }) // prettier-ignore
    const excepted = await point('prod', three)
    await point('prod', five)
    const shown = async () => (await readStages(api.deps)).floors.flatMap(({ exceptions }) => exceptions)
    expect(await shown()).toHaveLength(1)
    // As break-glass: no exception holds before it was granted, whatever the clock says.
    hours(-1)
    expect(await shown()).toEqual([])
    hours(2)
    const expired = await point('prod', three)

    expect([excepted.status, expired.status]).toEqual([201, 403])
    const { decision } = await staged.decision(excepted)
    expect(told(decision, 'stage.floor')).toEqual([expect.stringMatching(/^skipped 3, let through by flx-/)])
  }) // prettier-ignore

  it('rises at once when what was live before is revoked, and not to what is revoked itself', async () => {
    const { api, point, release } = staged
    const three = await release('three', '3')
    const five = await release('five', '5')
    await setFloor(api.deps, CALLER, { ...prod, soakMs: 24 * HOUR_MS })
    const first = await point('prod', three)
    await point('prod', five)
    const { facts } = await staged.decision(first)
    const sha256 = facts.subjects[0]?.verdict.seals[0]?.digest ?? ''

    await revoke(api.deps, CALLER, {
      subject: { kind: 'seal', sha256 }, effectiveAtMs: undefined, reason: 'stolen',
    }) // prettier-ignore

    const [floor] = (await readStages(api.deps)).floors
    expect(floor?.floors).toMatchObject([{ counter: '5', why: 'what was live before is revoked' }])
    await expect(
      revoke(api.deps, CALLER, { subject: { kind: 'publisher', name: 'ci' }, effectiveAtMs: undefined, reason: 'gone' }),
    ).resolves.toBeDefined()
    expect((await readStages(api.deps)).floors[0]?.floors).toMatchObject([{ counter: '5' }])
  }) // prettier-ignore

  it('does not fall when the release that raised it is revoked later', async () => {
    const { api, point, release, hours } = staged
    const five = await release('five', '5')
    await setFloor(api.deps, CALLER, { ...prod, soakMs: HOUR_MS })
    await point('prod', five)
    hours(2)
    await revoke(api.deps, CALLER, {
      subject: { kind: 'publisher', name: 'ci' }, effectiveAtMs: undefined, reason: 'gone',
    }) // prettier-ignore
    hours(2)

    expect((await readStages(api.deps)).floors[0]?.floors).toMatchObject([{ counter: '5' }])
  })
})

describe('reach', () => {
  const call = async (qualifier?: string): Promise<unknown> => {
    const { api } = staged
    const input = {
      functionName: NAME,
      qualifier,
      invocationType: 'RequestResponse' as const,
      payload: new Uint8Array(),
      tail: false,
      signal: new AbortController().signal,
    }
    try {
      return (await invoke(api.deps, CALLER, input)).executedVersion
    } catch (error) {
      if (error instanceof PlatformError) return error.code
      throw error
    }
  }
  const liveNames = async (): Promise<string[]> => {
    const rows = await staged.api.deps.store.snapshot((reader) =>
      staged.api.deps.live.table(reader),
    )
    return rows.map(({ alias }) => alias).toSorted()
  }

  it('under `aliases` closes versions, $LATEST and the bare name, unless listed, and the live set says so', async () => {
    const { api, point, release } = staged
    const one = await release('one')
    const two = await release('two')
    await point('prod', two)
    const open = await Promise.all([call(), call('$LATEST'), call(one), call('prod')])

    await setReach(api.deps, CALLER, { functionName: NAME, mode: 'aliases', direct: [one] })

    expect(open).toEqual(['$LATEST', '$LATEST', one, two])
    const closed = await Promise.all([call(), call('$LATEST'), call(two), call(one), call('prod')])
    expect(closed).toEqual(['POLICY_DENIED', 'POLICY_DENIED', 'POLICY_DENIED', one, two])
    expect(await call('99')).toBe('FUNCTION_NOT_FOUND')
    expect(await liveNames()).toEqual([one, 'prod'])
    await setReach(api.deps, CALLER, { functionName: NAME, mode: 'all', direct: [] })
    expect(await liveNames()).toEqual(['$LATEST', one, two, 'prod'])
  })

  it('belongs to the name: what is created again is closed from the first moment', async () => {
    const { api, release } = staged
    await release('one')
    await setReach(api.deps, CALLER, { functionName: NAME, mode: 'aliases', direct: [] })
    await api.call('DeleteFunction', { path })
    await api.call('CreateFunction', {
      json: { FunctionName: NAME, Role: 'arn:aws:iam::000000000000:role/r', Runtime: 'nodejs20.x', Handler: 'index.handler' },
      zip: nodePackage('again'),
    }) // prettier-ignore
    await api.settle()

    expect(await call()).toBe('POLICY_DENIED')
  })
})

describe('bad input', () => {
  const window: FreezeWindow = {
    name: 'w', timeZone: 'Europe/Berlin', scope: '*', holidays: [],
    ranges: [{ kind: 'weekly', days: [1], from: '08:00', to: '09:00' }],
  } // prettier-ignore
  const wrong: readonly [string, () => Promise<unknown>][] = [
    ['a zone that is none', () => setFreezeWindow(staged.api.deps, CALLER, { ...window, timeZone: 'Mars/Olympus' })],
    ['an offset for a zone', () => setFreezeWindow(staged.api.deps, CALLER, { ...window, timeZone: '+01:00' })],
    ['31 February', () => setFreezeWindow(staged.api.deps, CALLER, { ...window, holidays: ['2026-02-31'] })],
    ['a window of nothing', () => setFreezeWindow(staged.api.deps, CALLER, { ...window, ranges: [] })],
    ['a range that ends before it begins', () => setFreezeWindow(staged.api.deps, CALLER, { ...window, ranges: [{ kind: 'dated', from: '2026-12-24T00:00', to: '2026-12-23T00:00' }] })],
    ['a scope of three parts', () => freeze(staged.api.deps, CALLER, { scope: 'a:b:c', reason: 'r' })],
    ['no reason', () => freeze(staged.api.deps, CALLER, { scope: 'a', reason: ' ' })],
    ['a counter of 2^64', () => setFloor(staged.api.deps, CALLER, { ...prod, soakMs: 0, raise: { publisher: 'ci', counter: '18446744073709551616' } })],
    ['an alias that waits for itself', () => setPromotionRule(staged.api.deps, CALLER, { scope: 'a:prod', from: 'prod', soakMs: 1, endedWithinMs: null })],
    ['a direct target that is an alias', () => setReach(staged.api.deps, CALLER, { functionName: NAME, mode: 'aliases', direct: ['prod'] })],
  ] // prettier-ignore

  it.each(wrong)('is refused and leaves no decision: %s', async (_what, attempt) => {
    const count = async (): Promise<number> =>
      (await staged.api.deps.store.reader.selectFrom('decision').select('id').execute()).length
    const before = await count()

    await expect(attempt()).rejects.toMatchObject({ code: 'INVALID_PARAMETER' })
    expect(await count()).toBe(before)
  })
})
