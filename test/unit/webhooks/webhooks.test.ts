import { inspect } from 'node:util'

import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { rotateLedger } from '../../../services/audit/index.ts'
import { PlatformError, systemRandom, type Random } from '../../../services/model/index.ts'
import type { Webhooks } from '../../../services/webhooks/index.ts'
import { redeliverEntry } from '../../../services/webhooks/queue.ts'
import { BACKLOG_LIMIT } from '../../../services/webhooks/schedule.ts'
import type { WebhookPost, WebhookWork } from '../../../services/webhooks/ports.ts'
import { eventually } from '../../support/eventually.ts'
import { openState, tempDir, type State } from '../../support/state.ts'
import { appendEntry, openWebhooks, outboxRows, subscribe } from '../../support/webhooks.ts'

const DAY_MS = 24 * 3_600_000

let dir: ReturnType<typeof tempDir>
let state: State
let webhooks: Webhooks
let posts: WebhookPost[]
let disabled: string[]
beforeEach(async () => {
  dir = tempDir()
  state = await openState(dir.path)
  const random: Random = { ...systemRandom, fraction: () => 0 }
  webhooks = openWebhooks(state, random)
  posts = []
  disabled = []
})
afterEach(async () => {
  await webhooks[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

const indexOf = ({ body }: WebhookPost): number =>
  (JSON.parse(body) as { data: { index: number } }).data.index
const answered = (status: number) => Promise.resolve({ status, head: new Uint8Array() })

function start(post: (post: WebhookPost) => ReturnType<WebhookWork['post']>): void {
  webhooks.start({
    post: (one) => {
      posts.push(one)
      return post(one)
    },
    disable: (id, reason) => Promise.resolve(void disabled.push(`${id} ${reason}`)),
  })
}

/** Sleepers wake one after the other until it holds. */
async function passing(ms: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(async () => {
    if (await holds()) return true
    state.clock.advance(ms)
    return false
  }).toBe(true)
}

test('each is told in the order of the ledger, one entry at a time', async () => {
  const { url } = await subscribe(state, { url: 'http://127.0.0.1:9/a' })
  let underWay = 0
  let most = 0
  start(async () => {
    most = Math.max(most, ++underWay)
    await new Promise((resolve) => setImmediate(resolve))
    underWay -= 1
    return await answered(200)
  })

  const indexes: number[] = []
  for (let at = 0; at < 20; at += 1) indexes.push(await appendEntry(state))

  await eventually(async () => (await outboxRows(state)).length).toBe(0)
  expect(posts.map((post) => [post.url, indexOf(post)])).toEqual(indexes.map((at) => [url, at]))
  expect(most).toBe(1)
})

test('one that never answers holds nobody else up', async () => {
  for (let at = 0; at < 30; at += 1) await subscribe(state, { url: `http://127.0.0.1:9/slow${at}`, filter: { types: ['change'] } })
  await subscribe(state, { url: 'http://127.0.0.1:9/quick', filter: { types: ['change'] } })
  start(({ url, signal }) =>
    url.endsWith('/quick')
      ? answered(200)
      : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('gone')))),
  )
  for (let at = 0; at < 5; at += 1) await appendEntry(state)

  await eventually(() => posts.filter(({ url }) => url.endsWith('/quick')).length).toBe(5)

  expect(posts.filter(({ url }) => !url.endsWith('/quick'))).toHaveLength(30)
}) // prettier-ignore

test('what was not taken is sent again, the same but for its time and signature, before what is behind it', async () => {
  await subscribe(state)
  let failing = true
  start(() => answered(failing ? 503 : 204))
  const first = await appendEntry(state)
  const second = await appendEntry(state)

  await passing(1_000, () => posts.length >= 3)
  failing = false
  await passing(1_000, async () => (await outboxRows(state)).length === 0)

  const indexes = posts.map(indexOf)
  expect(indexes).toEqual([...indexes.slice(0, -1).map(() => first), second])
  const tries = posts.slice(0, -1)
  expect(new Set(tries.map(({ body }) => body)).size).toBe(1)
  expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(new Set(tries.map(({ headers }) => headers['webhook-timestamp'])).size).toBeGreaterThan(1)
  expect(new Set(tries.map(({ headers }) => headers['webhook-signature'])).size).toBeGreaterThan(1)
})

test('after a day an entry is dead and the next one has its turn; after three the webhook is switched off', async () => {
  const { id } = await subscribe(state)
  start(() => answered(500))
  const start_ = state.clock.nowMs()
  const indexes = [await appendEntry(state), await appendEntry(state)]

  await passing(7_200_000, async () =>
    (await outboxRows(state)).some((row) => row.state === 'dead'),
  )
  const lived = state.clock.nowMs() - start_
  expect(lived).toBeGreaterThan(DAY_MS / 2)
  expect(lived).toBeLessThan(1.1 * DAY_MS)
  expect((await outboxRows(state)).map((row) => [row.entry_index, row.state])).toEqual([
    [indexes[0], 'dead'],
    [indexes[1], 'pending'],
  ])

  for (let at = 0; at < 4; at += 1) await appendEntry(state)
  await passing(7_200_000, () => disabled.length > 0)
  expect(disabled[0]).toBe(`${id} failing`)
  expect(state.clock.nowMs() - start_).toBeGreaterThanOrEqual(3 * DAY_MS)
})

test('the first no after days without an entry does not switch off a webhook that an entry was too much for', async () => {
  await subscribe(state)
  const answers: number[] = []
  start(() => answered(answers.shift() ?? 204))
  answers.push(...Array.from({ length: 5 }, () => 400), 503)
  await appendEntry(state)
  await passing(60_000, async () => (await outboxRows(state)).some((row) => row.state === 'dead'))
  state.clock.advance(4 * DAY_MS)

  const second = await appendEntry(state)

  await passing(1_000, async () => (await outboxRows(state)).every((row) => row.state === 'dead'))
  expect(disabled).toEqual([])
  expect(posts.slice(-2).map(indexOf)).toEqual([second, second])
})

test('is switched off where too many entries wait, and they do not get fewer', async () => {
  const { id } = await subscribe(state)
  const later = state.clock.nowMs() + 20 * DAY_MS
  await state.store.transaction((tx) =>
    sql`insert into webhook_outbox (webhook_id, epoch, entry_index, state, attempts, created_at, run_at)
      with recursive at (n) as (select 1 union all select n + 1 from at where n <= ${BACKLOG_LIMIT})
      select ${id}, 1, n + 1000, 'pending', 0, ${later}, ${later} from at`.execute(tx),
  )
  start(() => answered(200))

  await passing(600_000, () => disabled.length > 0)

  expect(disabled[0]).toBe(`${id} backlog`)
})

test('what is under way when it stops says that, and not the URL', async () => {
  const webhook = await subscribe(state, { url: 'https://hooks.example.com/services/s3cret' })
  start(({ url, signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new PlatformError('UNAVAILABLE', `\`${url}\` cannot be fetched`)))))
  const tested = webhooks.test(webhook, 'lacre.test').catch((error: unknown) => error)
  await eventually(() => posts.length).toBe(1)

  await webhooks[Symbol.asyncDispose]()

  const error = await tested
  expect(error).toMatchObject({ code: 'UNAVAILABLE', message: 'the service is stopping' })
  expect(inspect(error, { depth: 9 })).not.toContain('s3cret')
}) // prettier-ignore

test('410 switches the webhook off, and the entry waits for whoever switches it on', async () => {
  const { id } = await subscribe(state)
  start(() => answered(410))

  await appendEntry(state)

  await eventually(() => disabled[0]).toBe(`${id} gone`)
  expect((await outboxRows(state)).map((row) => row.state)).toEqual(['pending'])
})

test('an entry that was changed in the database is told to nobody', async () => {
  await subscribe(state)
  const index = await appendEntry(state)
  await state.store.transaction(async (tx) => {
    // The ledger refuses the change itself; whoever writes the file does not ask it.
    const { body } = await tx.selectFrom('ledger_entry').select('body').where('index', '=', index).executeTakeFirstOrThrow()
    await tx.updateTable('webhook_outbox').set({ entry_index: index + 1_000 }).execute()
    await tx.insertInto('ledger_entry').values({ index: index + 1_000, leaf_hash: '0'.repeat(64), body }).execute()
  }) // prettier-ignore
  start(() => answered(200))

  await eventually(async () => (await outboxRows(state)).map((row) => row.state)).toEqual(['dead'])

  expect(posts).toEqual([])
})

test('keeps neither the URL, whose path may be a secret, nor what an answer could do to a terminal', async () => {
  await subscribe(state, { url: 'https://hooks.example.com/services/s3cret' })
  const head = Buffer.from('\u001b[31mno\u202e\u0000'.repeat(100))
  const answers: (() => ReturnType<WebhookWork['post']>)[] = [
    () => Promise.resolve({ status: 500, head }),
    () => {
      const detail = { why: 'it took too long' }
      throw new PlatformError('UNAVAILABLE', '`https://hooks.example.com/services/s3cret`', { detail })
    },
    () => {
      throw new Error('https://hooks.example.com/services/s3cret refused')
    },
  ]
  start(() => (answers.shift() ?? (() => answered(200)))())
  await appendEntry(state)

  await passing(1_000, async () => (await outboxRows(state)).length === 0)

  const kept = await state.store.reader.selectFrom('webhook_delivery').selectAll().execute()
  expect(kept.map((row) => row.outcome)).toEqual(['failed', 'failed', 'failed', 'delivered'])
  expect(kept[0]?.answer).toMatch(/^\\u001b\[31mno\\u202e\\u0000/)
  expect(kept[0]?.answer.length).toBeLessThanOrEqual(512)
  expect(kept[1]?.answer).toBe('it took too long')
  expect(JSON.stringify([kept, state.log.lines])).not.toContain('s3cret')
}) // prettier-ignore

test('what was under way when it stops is not settled, and is sent again by the next', async () => {
  await subscribe(state)
  start(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut off'))))) // prettier-ignore
  const index = await appendEntry(state)
  await eventually(() => posts.length).toBe(1)

  await webhooks[Symbol.asyncDispose]()
  expect(await outboxRows(state)).toMatchObject([{ entry_index: index, attempts: 0 }])
  webhooks = openWebhooks(state)
  start(() => answered(200))

  await eventually(async () => (await outboxRows(state)).length).toBe(0)
  expect(posts.map(indexOf)).toEqual([index, index])
})

test('forgets attempts and dead entries after 30 days, and keeps 1,000 attempts of each at most', async () => {
  const { id } = await subscribe(state)
  const nowMs = state.clock.nowMs()
  const attempt = { webhook_id: id, attempt: 1, outcome: 'failed' as const, status: 500, latency_ms: 1, answer: '' }
  await state.store.transaction(async (tx) => {
    const old = nowMs - 31 * DAY_MS
    await tx.insertInto('webhook_delivery').values({ ...attempt, epoch: 1, entry_index: 1, at: old }).execute()
    await tx.insertInto('webhook_outbox').values({ webhook_id: id, epoch: 1, entry_index: 1, state: 'dead', attempts: 9, created_at: old, run_at: old, first_tried_at: old }).execute()
    for (let at = 0; at < 1_005; at += 1)
      await tx.insertInto('webhook_delivery').values({ ...attempt, epoch: 1, entry_index: at + 2, at: nowMs }).execute()
  })

  start(() => answered(200))

  const kept = async () =>
    (await state.store.reader.selectFrom('webhook_delivery').select('entry_index').orderBy('id').execute()).map((row) => row.entry_index)
  await eventually(async () => (await kept()).length).toBe(1_000)
  expect((await kept())[0]).toBe(7)
  expect(await outboxRows(state)).toEqual([])
}) // prettier-ignore

describe('after a rotation of the ledger', () => {
  /** As `lacre ledger rotate-key`: the service is stopped meanwhile. */
  async function rotate(): Promise<void> {
    await webhooks[Symbol.asyncDispose]()
    await state[Symbol.asyncDispose]()
    state = await openState(dir.path, { open: rotateLedger, clock: state.clock })
    webhooks = openWebhooks(state)
    // The times of a ledger come after those of the one before.
    state.clock.advance(10)
  }
  const placeOf = ({ body }: WebhookPost): string => {
    const { source, data } = JSON.parse(body) as { source: string; data: { index: number } }
    return `${source} ${data.index}`
  }

  test('what was still to be told of the ledger before is told first, each entry once', async () => {
    await subscribe(state)
    const before = state.audit.origin
    const index = await appendEntry(state)
    await rotate()
    const after = state.audit.origin
    const later = await appendEntry(state)

    start(() => answered(200))
    await eventually(async () => (await outboxRows(state)).length).toBe(0)

    const places = posts.map(placeOf)
    expect(places[0]).toBe(`${before} ${index}`)
    expect(places.at(-1)).toBe(`${after} ${later}`)
    expect(places).toEqual([...new Set(places)])
    expect(new Set(posts.map(({ headers }) => headers['webhook-id'])).size).toBe(places.length)
  })

  test('one of the ledger before is told again as it was, and no change waits for its place', async () => {
    const { id } = await subscribe(state)
    start(() => answered(200))
    const index = await appendEntry(state)
    await eventually(async () => (await outboxRows(state)).length).toBe(0)
    const [told] = posts
    await rotate()
    const head = async () =>
      (await state.store.reader.selectFrom('ledger_head').select('size').executeTakeFirstOrThrow())
        .size
    // The new ledger has not come to this index yet.
    expect(await head()).toBeLessThanOrEqual(index)
    const done = await state.store.transaction((tx) =>
      redeliverEntry(tx, { webhookId: id, entryIndex: index }, state.clock.nowMs()),
    )
    while ((await head()) <= index) await appendEntry(state)
    posts = []
    start(() => answered(200))
    await eventually(async () => (await outboxRows(state)).length).toBe(0)

    expect(done).toBe(true)
    expect(posts[0]?.body).toBe(told?.body)
    expect(posts.map(placeOf)).toContain(`${state.audit.origin} ${index}`)
    const kept = await state.store.reader.selectFrom('webhook_delivery').selectAll().execute()
    expect(new Set(kept.map((row) => `${row.epoch} ${row.entry_index} ${row.attempt}`)).size).toBe(
      kept.length - 1,
    )
  })
})
