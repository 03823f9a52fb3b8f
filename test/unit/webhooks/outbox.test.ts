import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { changeWebhook, deleteWebhook } from '../../../services/webhooks/index.ts'
import { openState, tempDir, type State } from '../../support/state.ts'
import { appendEntry, outboxRows, subscribe } from '../../support/webhooks.ts'

let dir: ReturnType<typeof tempDir>
let state: State
beforeEach(async () => {
  dir = tempDir()
  state = await openState(dir.path)
})
afterEach(async () => {
  await state[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

const told = async () =>
  (await outboxRows(state)).map((row) => `${row.webhook_id} ${row.entry_index}`)

test('an entry and what is to be told of it are there together, or neither', async () => {
  const { id } = await subscribe(state)
  const sizeOf = async () =>
    (await state.store.reader.selectFrom('ledger_head').select('size').executeTakeFirstOrThrow())
      .size
  const before = await sizeOf()

  const failed = state.store.transaction(async (tx) => {
    await state.audit.append(tx, {
      type: 'change',
      at: 0,
      principal: { id: 'usr-1', kind: 'user', name: 'admin' },
      action: 'a',
      resource: 'r',
      decision: null,
      world: 0,
      touched: [],
    })
    throw new Error('the disk is full')
  })

  await expect(failed).rejects.toThrow('the disk is full')
  expect(await told()).toEqual([])
  expect(await sizeOf()).toBe(before)
  const index = await appendEntry(state)
  expect(await told()).toEqual([`${id} ${index}`])
})

test('every type of entry is told of, also one that nobody has thought of yet', async () => {
  const { id } = await subscribe(state)
  const indexes = [
    await appendEntry(state, { type: 'live.violation' }),
    await appendEntry(state, { type: 'key.created', resource: 'key/x' }),
    await appendEntry(state, { type: 'something.new', resource: 'lacre:thing/1' }),
  ]

  expect(await told()).toEqual(indexes.map((index) => `${id} ${index}`))
})

test('a subscription counts from the transaction after the one that makes it, and to the one that ends it', async () => {
  await appendEntry(state)
  const webhook = await subscribe(state)
  const first = await appendEntry(state)
  await appendEntry(state, {
    work: (tx) => changeWebhook(tx, { ...webhook, state: 'disabled' }),
    touchesWebhook: webhook.id,
  })
  await appendEntry(state)

  expect(await told()).toEqual([`${webhook.id} ${first}`])

  await appendEntry(state, {
    work: (tx) => deleteWebhook(tx, webhook.id),
    touchesWebhook: webhook.id,
  })
  expect(await told()).toEqual([])
})

test('a change of a subscription that is rolled back changes nothing of who is told', async () => {
  const webhook = await subscribe(state)
  const failed = appendEntry(state, {
    work: async (tx) => {
      await changeWebhook(tx, { ...webhook, state: 'disabled' })
      // The set is read within this transaction, and must not be kept.
      await state.audit.append(tx, {
        type: 'webhook',
        at: 0,
        principal: { id: 'usr-1', kind: 'user', name: 'admin' },
        action: 'a',
        resource: 'r',
        decision: null,
        world: 0,
        touched: [{ table: 'webhook', key: { id: webhook.id } }],
      })
      throw new Error('refused')
    },
  })

  await expect(failed).rejects.toThrow('refused')
  const index = await appendEntry(state)
  expect(await told()).toEqual([`${webhook.id} ${index}`])
})

test('a change of a subscription that is undone by a commit that fails changes nothing of who is told', async () => {
  // So that all three share it, however slow the machine is.
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const webhook = await subscribe(state)
  const changed = appendEntry(state, {
    work: (tx) => changeWebhook(tx, { ...webhook, state: 'disabled' }),
    touchesWebhook: webhook.id,
  })
  // Sees the change in its own transaction, and is undone with it.
  const beside = appendEntry(state)
  const failing = state.store.transaction(async (tx) => {
    const key = { id: 'AKIA1', principal_id: 'usr-none', secret_sealed: 'x' }
    await tx
      .insertInto('access_key')
      .values({ ...key, status: 'Active', created_at: 1 })
      .execute()
  })

  for (const one of await Promise.allSettled([changed, beside, failing]))
    expect(one.status).toBe('rejected')
  const index = await appendEntry(state)
  expect(await told()).toEqual([`${webhook.id} ${index}`])
})

test('nobody is told of his own subscription, whoever else is told of it', async () => {
  const loop = await subscribe(state, { name: 'loop' })
  const other = await subscribe(state, { name: 'other' })
  const before = await told()

  const index = await appendEntry(state, {
    type: 'webhook.disabled',
    resource: 'lacre:webhook/loop',
  })

  expect((await told()).filter((one) => !before.includes(one))).toEqual([`${other.id} ${index}`])
  expect(before).toEqual([expect.stringContaining(loop.id)])
})

test('outcomes are those of the decision that the entry names; one without fits none', async () => {
  await state.store.transaction(async (tx) => {
    const none = '0'.repeat(64)
    await tx.insertInto('document').values({ sha256: none, body: '{}' }).execute()
    for (const outcome of ['allow', 'deny'] as const)
      await tx
        .insertInto('decision')
        .values({ id: `dec-${outcome}`, at: 0, outcome, principal_id: 'usr-1', action: 'a', resource: 'r', document: none, facts: none })
        .execute()
  }) // prettier-ignore
  const { id } = await subscribe(state, { filter: { outcomes: ['deny', 'warn'] } })

  await appendEntry(state)
  await appendEntry(state, { decision: 'dec-allow' })
  const index = await appendEntry(state, { type: 'refusal', decision: 'dec-deny' })

  expect(await told()).toEqual([`${id} ${index}`])
})

test.each([
  ['arn:aws:lambda:us-east-1:000000000000:function:checkout:prod', true],
  ['arn:aws:lambda:us-east-1:000000000000:function:checkout:staging', false],
  ['arn:aws:lambda:us-east-1:000000000000:function:checkout', false],
  ['arn:aws:lambda:us-east-1:000000000000:layer:checkout:1', false],
  ['lacre:promotion-rule/checkout:prod', false],
])('a scope is matched with what the entry is about: %s', async (resource, expected) => {
  await subscribe(state, { filter: { scopes: ['checkout:p*'] } })

  await appendEntry(state, { resource })

  expect(await told()).toHaveLength(Number(expected))
})
