import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { systemClock, type Clock } from '../../services/model/index.ts'
import { adminKeys, openEdge, type TestEdge } from '../support/edge.ts'
import { signWithSmithy, type Ask, type Signed } from '../support/signers.ts'

const NOW = Date.parse('2026-05-03T14:00:00Z')

class SteppedClock implements Clock {
  ms = NOW
  nowMs(): number {
    return this.ms
  }
  monotonicMs(): number {
    return systemClock.monotonicMs()
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(ms, signal)
  }
}

async function send(edge: TestEdge, signed: Signed): Promise<number> {
  const answer = await edge.app.inject({
    method: signed.method as 'POST',
    url: signed.url,
    headers: signed.headers,
    payload: signed.body as string,
  })
  return answer.statusCode
}
const sign = (ask: Ask): Promise<Signed> =>
  signWithSmithy(adminKeys, { atMs: NOW, body: '{}', ...ask })
const PUBLISH = { path: '/2015-03-31/functions/f/versions' }

function counting() {
  let calls = 0
  const handler = async () => {
    calls += 1
    return { status: 201, body: {} }
  }
  return {
    handlers: { PublishVersion: handler, GetFunction: handler, UpdateAlias: handler },
    calls: () => calls,
  }
}

it('lets an equal call through within 2 s and refuses it after that', async () => {
  const clock = new SteppedClock()
  const { handlers, calls } = counting()
  await using edge = await openEdge({ handlers, clock })
  const signed = await sign(PUBLISH)

  expect(await send(edge, signed)).toBe(201)
  clock.ms += 2_000
  expect(await send(edge, signed)).toBe(201)
  clock.ms += 1
  expect(await send(edge, signed)).toBe(403)
  expect(calls()).toBe(2)
})

it('counts 2 s from when the signature was first seen, not from the last time', async () => {
  const clock = new SteppedClock()
  const { handlers } = counting()
  await using edge = await openEdge({ handlers, clock })
  const signed = await sign(PUBLISH)

  await send(edge, signed)
  for (const expected of [201, 201, 403]) {
    clock.ms += 900
    expect(await send(edge, signed)).toBe(expected)
  }
})

it('remembers over a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'lacre-replay-'))
  const clock = new SteppedClock()
  const { handlers, calls } = counting()
  const signed = await sign(PUBLISH)
  try {
    {
      await using edge = await openEdge({ handlers, clock, dataDir })
      expect(await send(edge, signed)).toBe(201)
    }
    clock.ms += 60_000
    await using edge = await openEdge({ handlers, clock, dataDir })
    expect(await send(edge, signed)).toBe(403)
    expect(calls()).toBe(1)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})

it('refuses a signature of the future that comes again when its time has come', async () => {
  const clock = new SteppedClock()
  const { handlers, calls } = counting()
  await using edge = await openEdge({ handlers, clock })
  const signed = await sign({ ...PUBLISH, atMs: NOW + 299_000 })

  expect(await send(edge, signed)).toBe(201)
  for (let minute = 1; minute <= 12; minute += 1) {
    clock.ms = NOW + minute * 60_000
    // New ones in between, so that old rows are pruned.
    await send(
      edge,
      await sign({ ...PUBLISH, atMs: clock.ms, body: `{"Description":"${minute}"}` }),
    )
    expect(await send(edge, signed)).toBe(403)
  }
  expect(calls()).toBe(13)
})

it('refuses when the clock was set back, since nobody knows how long ago it was', async () => {
  const clock = new SteppedClock()
  const { handlers } = counting()
  await using edge = await openEdge({ handlers, clock })
  const signed = await sign(PUBLISH)

  await send(edge, signed)
  clock.ms -= 60_000
  expect(await send(edge, signed)).toBe(403)
})

it('keeps rows for as long as their signature could be good, and no longer', async () => {
  const clock = new SteppedClock()
  const { handlers } = counting()
  await using edge = await openEdge({ handlers, clock })
  await send(edge, await sign(PUBLISH))
  clock.ms += 3_600_000

  for (let i = 0; i < 300; i += 1)
    await send(edge, await sign({ ...PUBLISH, atMs: clock.ms, body: `{"Description":"${i}"}` }))
  const rows = await edge.store.reader.selectFrom('seen_signature').selectAll().execute()

  expect(rows.filter((row) => row.first_seen_at === NOW)).toEqual([])
  expect(rows.length).toBe(300)
})

it('refuses all but equal calls at one instant when many race after the grace', async () => {
  const clock = new SteppedClock()
  const { handlers, calls } = counting()
  await using edge = await openEdge({ handlers, clock })
  const signed = await sign(PUBLISH)
  await send(edge, signed)
  clock.ms += 10_000

  const statuses = await Promise.all(Array.from({ length: 16 }, () => send(edge, signed)))

  expect(new Set(statuses)).toEqual(new Set([403]))
  expect(calls()).toBe(1)
})

it('does not check reads and invocations', async () => {
  const clock = new SteppedClock()
  const { handlers } = counting()
  await using edge = await openEdge({
    handlers,
    clock,
    invoke: async () => ({ status: 200, headers: {}, payload: Buffer.from('null') }),
  })
  const read = await sign({ method: 'GET', path: '/2015-03-31/functions/f', body: '' })
  const invoke = await sign({ path: '/2015-03-31/functions/f/invocations' })

  for (const signed of [read, invoke]) {
    clock.ms = NOW
    const first = await send(edge, signed)
    clock.ms += 100_000
    expect(await send(edge, signed)).toBe(first)
  }
})

it('is not spent by whoever sees a signature and sends it with another body', async () => {
  const clock = new SteppedClock()
  const { handlers } = counting()
  await using edge = await openEdge({ handlers, clock })
  const signed = await sign(PUBLISH)

  expect(await send(edge, { ...signed, body: '{"a":1}' })).toBe(403)
  clock.ms += 60_000
  expect(await send(edge, signed)).toBe(201)
})
