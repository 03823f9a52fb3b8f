import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import {
  InvokeCommand,
  PutFunctionEventInvokeConfigCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { zipOf } from '../../support/packages.ts'

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:failed'
const HOOKED = 'arn:aws:sns:us-east-1:000000000000:hooked'

interface Posted {
  readonly requestId: string
  readonly queue: string
  readonly body: string
}
const posted: Posted[] = []
/** Refuses the first, takes the others. */
const hook: Server = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  request.on('end', () => {
    posted.push(JSON.parse(text) as Posted)
    response.writeHead(posted.length === 1 ? 503 : 204).end()
  })
})
await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
const hookUrl = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`

const app = await startTestApp({
  eventDelayScale: '0.0005',
  eventWebhook: [`${HOOKED}=${hookUrl}`],
  allowSource: ['127.0.0.1'],
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  hook.close()
})

const code = `
exports.handler = async () => {
  if (process.env.MENDED !== 'yes') throw new Error('not yet')
  return 'mended'
}
`
await createActive(app.client, 'fails', { Code: { ZipFile: zipOf({ 'index.js': code }) } })

async function configure(onFailure: string, onSuccess = QUEUE): Promise<void> {
  await app.client.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: 'fails',
      MaximumRetryAttempts: 0,
      DestinationConfig: {
        OnFailure: { Destination: onFailure },
        OnSuccess: { Destination: onSuccess },
      },
    }),
  )
}

async function dead(): Promise<string> {
  const answer = await app.client.send(
    new InvokeCommand({ FunctionName: 'fails', InvocationType: 'Event', Payload: '{"n":1}' }),
  )
  const id = answer.$metadata.requestId ?? ''
  const isDead = async () => expect((await app.deps.events.show(id)).state).toBe('dead')
  // Outside of a test, too.
  await vi.waitFor(isDead, { timeout: 15_000 })
  return id
}

interface Listed {
  readonly events: readonly Readonly<Record<string, unknown>>[]
}

const table: readonly CommandRow[] = [
  { name: 'events', summary: '', load: () => import('../../../cli/commands/events.ts') },
  { name: 'invoke', summary: '', load: () => import('../../../cli/commands/invoke.ts') },
]
async function lacre(...args: readonly string[]) {
  let [out, err] = ['', '']
  const exit = await runCommandLine(table, {
    args: [...args, '--data', app.dataDir],
    environment: {},
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}

let first = ''
beforeAll(async () => {
  await configure(QUEUE)
  first = await dead()
})

describe('the API of dead events', () => {
  it('lists them without and shows them with their payload', async () => {
    const query = { state: 'dead', functionName: 'fails' }
    const listed = await governance<Listed>(app.admin, { path: '/events', query })
    const shown = await governance<{ event: object }>(app.admin, { path: `/events/${first}` })

    const summary = {
      id: first, functionName: 'fails', state: 'dead', approximateInvokeCount: 1,
      functionErrors: 1, hops: 0, condition: 'RetriesExhausted', lastError: 'not yet',
    } // prettier-ignore
    expect(listed.body.events).toEqual([expect.objectContaining(summary)])
    expect(listed.body.events[0]).not.toHaveProperty('payload')
    expect(shown.body.event).toMatchObject({ ...summary, payload: '{"n":1}' })
  })

  it.each([
    ['GET', '/events/00000000-0000-4000-8000-00000000000x', undefined, 400],
    ['GET', '/events/00000000-0000-4000-8000-000000000000', undefined, 404],
    ['POST', '/events/00000000-0000-4000-8000-000000000000/replay', undefined, 404],
    ['POST', '/events/replay', { everything: true }, 400],
    ['POST', '/event-queues/messages/delete', { queue: QUEUE, ids: [] }, 400],
    ['GET', '/event-queues/messages', undefined, 400],
  ] as const)('refuses %s %s (%j) with %i', async (method, path, body, status) => {
    const answer = await governance(app.admin, { method, path, ...(body && { body }) })

    expect(answer.status).toBe(status)
  })

  it('reads a queue and takes messages out of it', async () => {
    const read = () =>
      governance<{ messages: { id: string; requestId: string; body: string }[] }>(app.admin, {
        path: '/event-queues/messages',
        query: { queue: QUEUE },
      })
    const [message] = (await read()).body.messages
    const { body } = await governance<object>(app.admin, {
      method: 'POST',
      path: '/event-queues/messages/delete',
      body: { queue: QUEUE, ids: [message?.id] },
    })

    expect(message?.requestId).toBe(first)
    expect(JSON.parse(message?.body ?? '')).toMatchObject({ requestPayload: { n: 1 } })
    expect(body).toEqual({ messages: 1 })
    expect((await read()).body.messages).toEqual([])
  })
})

describe('webhooks', () => {
  it('are posted to by configuration alone, again where they did not take it', async () => {
    await configure(HOOKED)
    const id = await dead()

    await eventually(() => posted.map((one) => one.requestId)).toEqual([id, id])
    expect(posted[0]).toMatchObject({ queue: HOOKED })
    expect(JSON.parse(posted[0]?.body ?? '')).toMatchObject({ requestContext: { requestId: id } })
    await eventually(
      async () => await app.deps.events.messages({ queue: HOOKED, limit: 9 }),
    ).toEqual([])
    await configure(QUEUE)
  })
})

describe('lacre events', () => {
  it('replays what is dead once the function is mended, and the ledger tells who asked', async () => {
    await app.client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'fails',
        Environment: { Variables: { MENDED: 'yes' } },
      }),
    )
    await eventually(() => app.deps.live.resolve('fails', undefined, 0)).toMatchObject({
      spec: { environment: { MENDED: 'yes' } },
    })
    const listed = await lacre('events', 'list', '--state', 'dead')
    const replayed = await lacre('events', 'replay', first)

    expect(listed.out).toMatch(new RegExp(`^${first} +fails +dead +1 +RetriesExhausted`, 'm'))
    expect([replayed.exit, replayed.out]).toEqual([0, '1 event is run again\n'])
    await eventually(async () => {
      const messages = await app.deps.events.messages({ queue: QUEUE, limit: 99 })
      return messages.filter((one) => one.requestId === first).map((one) => one.body)
    }).toEqual([expect.stringContaining('"responsePayload":"mended"')])
    const entry = await app.deps.store.reader
      .selectFrom('ledger_entry')
      .select('body')
      .orderBy('index', 'desc')
      .limit(1)
      .executeTakeFirstOrThrow()
    expect(JSON.parse(entry.body)).toMatchObject({
      type: 'events-replayed',
      action: 'lacre:ReplayEvents',
      principal: { name: 'admin' },
      note: { event: first },
    })
  })

  it('shows an event, purges it, and says that it is gone', async () => {
    const [event] = await app.deps.events.list({ state: 'dead', limit: 1 })
    const id = event?.id ?? ''
    const shown = await lacre('events', 'show', id)
    const purged = await lacre('events', 'purge', id)
    const gone = await lacre('events', 'show', id)

    expect(shown.out).toMatch(/^payload +\{"n":1\}$/m)
    expect([purged.exit, purged.out]).toEqual([0, '1 event is forgotten\n'])
    expect(gone.exit).not.toBe(0)
    expect(gone.err).toContain(`there is no event \`${id}\``)
  })

  it.each([[['replay']], [['purge']], [['purge', '--all', '--function', 'fails']]])(
    'does nothing for %j',
    async (args) => {
      const { exit, err } = await lacre('events', ...args)

      expect(exit).toBe(2)
      expect(err).toContain('give one request id, --function or --all')
    },
  )

  it('queues an event and prints its id; shows and empties queues', async () => {
    const sent = await lacre('invoke', 'fails', '--event', '--payload', '{}')
    const id = sent.out.trim()
    await eventually(async () => {
      const messages = await app.deps.events.messages({ queue: QUEUE, limit: 99 })
      return messages.map((one) => one.requestId)
    }).toContain(id)
    const queues = await lacre('events', 'queues')
    const messages = await lacre('events', 'messages', QUEUE, '--limit', '100', '--delete')

    expect(queues.out).toContain(QUEUE)
    expect(messages.out).toContain(id)
    expect(await app.deps.events.messages({ queue: QUEUE, limit: 9 })).toEqual([])
  })
})
