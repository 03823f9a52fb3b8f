import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { governance } from '../support/governance.ts'
import { answering, eventsOf, startReceiver, type Receiver } from '../support/receiver.ts'
import { eventually } from '../support/eventually.ts'
import { startService, type Service } from '../support/service.ts'
import { tempDir } from '../support/state.ts'

let receiver: Receiver
let dir: ReturnType<typeof tempDir>
let service: Service | undefined
beforeAll(async () => {
  dir = tempDir()
  receiver = await startReceiver()
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

const start = () => startService({ data: dir.path, args: ['--allow-source', '127.0.0.0/8'] })
const freeze = async (at: number) =>
  (
    await governance(service!.admin, {
      method: 'PUT',
      path: `/freezes/shop-${at}`,
      body: { reason: 'r' },
    }).catch(() => ({ status: 0 }))
  ).status

it('kill -9: whatever was answered is told after the restart, in order, and nothing that was not committed', async () => {
  service = await start()
  const made = await governance<{ secret: string }>(service.admin, {
    method: 'POST',
    path: '/webhooks',
    body: { name: 'all', url: receiver.url, filter: { actions: ['lacre:PutFreeze'] } },
  })
  const acknowledged: number[] = []
  let at = 0

  for (const round of [3, 7, 11, 5]) {
    // Every other attempt is not answered, so that some are under way and some wait when it dies.
    let calls = 0
    receiver.answer = (received, response) => {
      if (++calls % 3 !== 0) answering(200)(received, response)
    }
    for (let done = 0; done < round; at += 1) {
      if ((await freeze(at)) !== 200) continue
      acknowledged.push(at)
      done += 1
    }
    const dying = Promise.all([freeze(at), freeze(at + 1), freeze(at + 2)])
    await service.kill9()
    for (const [index, status] of (await dying).entries())
      if (status === 200) acknowledged.push(at + index)
    at += 3
    receiver.answer = answering(200)
    service = await start()
  }

  const subjects = () => eventsOf(receiver.got).map(({ subject }) => Number(subject.split('shop-')[1]))
  await eventually(() => acknowledged.filter((one) => !subjects().includes(one))).toEqual([])
  await eventually(async () => {
    const { body } = await governance<{ webhook: { pending: number } }>(service!.admin, { path: '/webhooks/all' })
    return body.webhook.pending
  }).toBe(0)
  const { body } = await governance<{ entries: { index: number; body: string }[] }>(service.admin, { path: '/ledger/entries', query: { limit: '256' } })
  const committed = new Map(body.entries.map((entry) => [entry.index, JSON.parse(entry.body) as { resource: string }]))
  for (const { data, subject } of eventsOf(receiver.got)) expect(committed.get(data.index)?.resource).toBe(subject)
  // The first time that each is told follows the ledger.
  const firsts = [...new Set(eventsOf(receiver.got).map(({ data }) => data.index))]
  expect(firsts).toEqual(firsts.toSorted((a, b) => a - b))
  expect(made.status).toBe(201)
}, 120_000) // prettier-ignore

it('keeps no secret of a webhook in the clear in any file', async () => {
  const made = await governance<{ secret: string }>(service!.admin, {
    method: 'POST',
    path: '/webhooks',
    body: { name: 'sealed', url: receiver.url },
  })

  await service!.stop()

  const secret = made.body.secret.slice('whsec_'.length)
  const files = readdirSync(dir.path, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  )
  expect(secret).toHaveLength(44)
  expect(files.length).toBeGreaterThan(3)
  for (const file of files)
    expect(readFileSync(join(file.parentPath, file.name)).includes(secret)).toBe(false)
})
