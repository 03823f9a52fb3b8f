import { InvokeCommand, PutFunctionEventInvokeConfigCommand } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { createActive } from '../support/functions.ts'
import { lacreJson } from '../support/command.ts'
import { zipOf } from '../support/packages.ts'
import { startService } from '../support/service.ts'
import { tempDir } from '../support/state.ts'

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:told'
const EVENTS = 40

interface Messages {
  readonly messages: readonly { readonly requestId: string; readonly body: string }[]
}

test('loses no event that was acknowledged to a kill -9, and ends each of them once', async () => {
  using dir = tempDir()
  const acknowledged: string[] = []
  {
    await using service = await startService({ data: dir.path })
    const client = service.client()
    const code = `exports.handler = async (event) => { await new Promise((done) => setTimeout(done, 150)); return event.n }\n`
    await createActive(client, 'slow', { Code: { ZipFile: zipOf({ 'index.js': code }) } })
    await client.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: 'slow',
        DestinationConfig: { OnSuccess: { Destination: QUEUE } },
      }),
    )
    await Promise.all(
      Array.from({ length: EVENTS }, async (_, n) => {
        const Payload = JSON.stringify({ n })
        const input = { FunctionName: 'slow', InvocationType: 'Event', Payload } as const
        const answer = await client.send(new InvokeCommand(input))
        acknowledged.push(answer.$metadata.requestId ?? '')
      }),
    )
    client.destroy()
    await service.kill9()
  }
  await using service = await startService({ data: dir.path })
  const read = () =>
    lacreJson<Messages>(['events', 'messages', QUEUE, '--limit', '100', '--data', service.data])
      .messages
  const waiting = () =>
    lacreJson<{ events: unknown[] }>(['events', 'list', '--data', service.data]).events

  await expect.poll(waiting, { timeout: 50_000, interval: 500 }).toEqual([])
  expect(acknowledged).toHaveLength(EVENTS)
  expect(
    read()
      .map((message) => message.requestId)
      .sort(),
  ).toEqual([...acknowledged].sort())
})

test('gives back at SIGTERM what has not ended, and runs it after the next start', async () => {
  using dir = tempDir()
  let id = ''
  {
    await using service = await startService({ data: dir.path })
    const client = service.client()
    // The first environment never answers; the next one does.
    const code = `exports.handler = async (event) => { if (/Count=1$/.test(process.env._X_AMZN_TRACE_ID)) await new Promise((done) => setTimeout(done, 60_000)); return 'second' }\n`
    await createActive(client, 'stuck', {
      Timeout: 60,
      Code: { ZipFile: zipOf({ 'index.js': code }) },
    })
    await client.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: 'stuck',
        DestinationConfig: { OnSuccess: { Destination: QUEUE } },
      }),
    )
    const answer = await client.send(
      new InvokeCommand({ FunctionName: 'stuck', InvocationType: 'Event' }),
    )
    id = answer.$metadata.requestId ?? ''
    await expect
      .poll(() =>
        lacreJson<{ events: { state: string }[] }>([
          'events',
          'list',
          '--data',
          service.data,
        ]).events.map((event) => event.state),
      )
      .toEqual(['leased'])
    client.destroy()
    expect((await service.stop()).code).toBe(0)
  }
  await using service = await startService({ data: dir.path })
  const read = () =>
    lacreJson<Messages>(['events', 'messages', QUEUE, '--data', service.data]).messages

  await expect.poll(() => read().length, { timeout: 20_000, interval: 500 }).toBe(1)
  expect(JSON.parse(read()[0]?.body ?? '')).toMatchObject({
    requestContext: { requestId: id, condition: 'Success', approximateInvokeCount: 2 },
    responsePayload: 'second',
  })
})
