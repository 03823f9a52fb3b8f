import { expect, test } from 'vitest'

import {
  FOLLOW_BYTES_PER_SECOND,
  FOLLOW_IDLE_MS,
  followFace,
  type FollowParts,
  type LogsAnswer,
} from '../../../../services/http/console/follow.ts'
import { FOLLOWERS_LIMIT, Followers } from '../../../../services/http/console/followers.ts'
import type { TakenRequest } from '../../../../services/http/pipeline.ts'

const page = (messages: readonly string[]): LogsAnswer => ({
  logGroup: 'g',
  events: messages.map((message) => ({ time: '2026-05-03T14:00:00.000Z', message })),
  after: 'a',
  before: 'b',
  done: true,
})

/** A follower of a log that a test writes, on a clock of its own; what it sent, and when, milliseconds. */
async function followed(read: (turn: number) => readonly string[], turns = Infinity) {
  let nowMs = 0
  let turn = 0
  const followers = new Followers()
  const stopping = new AbortController()
  const route = {
    method: 'GET',
    path: '/functions/:functionName/logs',
    handle: ({ query }: { query: { waitMs?: string } }) => {
      const messages = read(turn)
      turn += 1
      if (turn > turns) stopping.abort()
      // As the route does: it waits where there is nothing.
      if (messages.length === 0) nowMs += Number(query.waitMs ?? 0)
      return Promise.resolve({ status: 200, body: page(messages) })
    },
  }
  const parts = {
    routes: [route],
    access: { authorize: () => Promise.resolve() },
    sessions: { whoseSession: () => Promise.resolve({ id: 'p' }) },
    clock: {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: (ms: number, signal: AbortSignal) => {
        nowMs += ms
        return signal.aborted ? Promise.reject(new Error('aborted')) : Promise.resolve()
      },
    },
    followers,
    stopping: stopping.signal,
  } as unknown as FollowParts
  const request = { method: 'GET', path: '/', query: 'function=f&after=x', headers: [] }
  const taken = {
    caller: { principal: { id: 'p' } },
    signal: new AbortController().signal,
  } as unknown as TakenRequest
  const answer = await followFace(parts, { secret: 's' }).plan(request).run(taken)
  const held = followers.count
  const sent: { readonly atMs: number; readonly text: string }[] = []
  await answer.stream?.((bytes) => {
    sent.push({ atMs: nowMs, text: Buffer.from(bytes).toString('utf8') })
    return Promise.resolve()
  })
  return { sent, nowMs, held, left: followers.count }
}

test('a log in which nothing comes is let go, and the place given back', async () => {
  const { sent, nowMs, held, left } = await followed(() => [])

  expect(sent.at(-1)?.text).toContain('event: end\ndata: "nothing came for ten minutes"')
  expect(nowMs).toBeGreaterThanOrEqual(FOLLOW_IDLE_MS)
  expect(nowMs).toBeLessThan(FOLLOW_IDLE_MS + 10_000)
  expect([held, left]).toEqual([1, 0])
})

test('one in which something comes now and then is not', async () => {
  const { sent } = await followed((turn) => (turn % 50 === 0 ? ['x'] : []), 500)

  expect(sent.at(-1)?.text).toContain('the service stops')
})

test('a function that writes without end takes no more than its bytes a second', async () => {
  const much = Array.from({ length: 100 }, () => 'x'.repeat(4_000))
  const { sent } = await followed(() => much, 40)

  const bytes = sent.slice(0, -2).reduce((sum, { text }) => sum + text.length, 0)
  const tookMs = (sent.at(-2)?.atMs ?? 0) - (sent[0]?.atMs ?? 0)
  expect(bytes).toBeGreaterThan(10_000_000)
  expect(bytes / (tookMs / 1_000)).toBeLessThanOrEqual(FOLLOW_BYTES_PER_SECOND * 1.001)
})

test('so many follow in all, and a place given back twice counts once', () => {
  const followers = new Followers()
  const places = Array.from({ length: FOLLOWERS_LIMIT }, (_, at) => followers.take(`s${at}`))

  expect(() => followers.take('one more')).toThrow('as many logs')
  places[0]?.[Symbol.dispose]()
  places[0]?.[Symbol.dispose]()
  followers.take('one more')
  expect(() => followers.take('and another')).toThrow('as many logs')
})
